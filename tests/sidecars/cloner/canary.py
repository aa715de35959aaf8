"""Commands that show that they ran, even where they can write no file: each sleeps for a time of its own.

A file would not do: a confined step cannot write one where the test could see it.
"""

import threading
from pathlib import Path

_PERIOD = 0.1
_SECONDS = 2


class Canaries:
    """Looks at all processes of the machine, again and again, until `close`."""

    def __init__(self) -> None:
        self.ran: set[str] = set()
        """The commands that somebody has run."""
        self._commands: dict[bytes, str] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def command(self) -> str:
        """Return a new command. It needs no shell, and works in one."""
        number = len(self._commands)
        text = f"sleep {_SECONDS}.0{number:06}7"
        self._commands[text.replace(" ", "\0").encode() + b"\0"] = text
        return text

    def close(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_PERIOD):
            for place in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    words = place.read_bytes()
                except OSError:
                    continue
                if words in self._commands:
                    self.ran.add(self._commands[words])

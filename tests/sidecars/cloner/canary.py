"""Commands that show that they ran, even where they can write no file: each waits for a time of its own.

A file would not do: a confined step cannot write one where the test could see it. git adds arguments to some commands,
which do not disturb these.
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
        seconds = f"{_SECONDS}.0{number:06}7"
        text = f"timeout {seconds} tail -f /dev/null"
        self._commands[seconds.encode()] = text
        return text

    def close(self) -> None:
        """Stop looking."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_PERIOD):
            for place in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    words = place.read_bytes().split(b"\0", 2)
                except OSError:
                    continue
                if words[0] == b"timeout" and words[1] in self._commands:
                    self.ran.add(self._commands[words[1]])

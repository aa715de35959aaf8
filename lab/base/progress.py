"""Shows a waiting person what a long step does, how far it is and how long it took.

On a terminal one line is rewritten every second; elsewhere (a CI log) a line is added every 15 seconds.
Used by everything in the lab that takes more than a second or two.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

LOG_INTERVAL = 15.0
TERMINAL_INTERVAL = 1.0


def duration(seconds: float) -> str:
    """Return a duration in words, for example `3 s`, `5 min 20 s` or `1 h 2 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Step:
    """A step under way. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self.state = ""

    def at(self, done: int, total: int) -> None:
        """Report that `done` of `total` equal parts are finished."""
        self.state = f"{100 * done // total} %" if total else ""

    def note(self, text: str) -> None:
        """Report in words what is happening inside the step."""
        self.state = text


class Progress:
    """Writes the steps of one command to `stream` (standard error unless told otherwise).

    Several steps may be under way at once, in threads of their own.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        interval: float | None = None,
    ) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._clock = clock
        self._rewrite = self._stream.isatty()
        self._interval = interval or (TERMINAL_INTERVAL if self._rewrite else LOG_INTERVAL)
        self._lock = threading.Lock()
        self._under_way: list[Callable[[], str]] = []

    def say(self, text: str) -> None:
        """Write one line that stays."""
        self._write(text, stays=True)

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        """Show `what` (such as "Building Kubernetes 1.34.4") as under way while the block runs."""
        step = Step()
        started = self._clock()
        over = threading.Event()

        def standing() -> str:
            state = f"{step.state}, " if step.state else ""
            return f"{what}: {state}{duration(self._clock() - started)}"

        def beat() -> None:
            while not over.wait(self._interval):
                if not self._rewrite:
                    self._write(f"  {standing()}", stays=True)
                elif self._under_way[0] is standing:
                    self._write(f"  {'; '.join(each() for each in self._under_way)}", stays=False)

        self._write(f"  {what} ...", stays=not self._rewrite)
        self._under_way.append(standing)
        heart = threading.Thread(target=beat, name="lab-progress", daemon=True)
        heart.start()
        outcome = "failed after"
        try:
            yield step
            outcome = "done in"
        finally:
            over.set()
            heart.join()
            self._under_way.remove(standing)
            self._write(f"  {what}: {outcome} {duration(self._clock() - started)}", stays=True)

    def _write(self, line: str, *, stays: bool) -> None:
        if self._rewrite:
            line = f"\r\x1b[K{line}"
        with self._lock:
            self._stream.write(line + ("\n" if stays else ""))
            self._stream.flush()

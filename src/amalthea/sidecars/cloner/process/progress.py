"""Selects, of git's many lines of progress, those that are worth a line of the log."""

import re

_PERCENT = re.compile(r"(?P<phase>[^:]*(?:: [A-Z][^:]*)?): +\d+%")
_SECONDS = 10.0


class Progress:
    """Lets through what is not progress, the first and the last of each phase, and one in ten seconds of a long one."""

    def __init__(self) -> None:
        self._phase = ""
        self._said_at = 0.0

    def worth_saying(self, line: str, now: float) -> bool:
        """Return whether to write `line`. `now` is in seconds, from any start."""
        match = _PERCENT.match(line)
        if match is None:
            return bool(line)
        due = match["phase"] != self._phase or now - self._said_at >= _SECONDS or line.endswith("done.")
        if due:
            self._phase, self._said_at = match["phase"], now
        return due

"""Retries what the network interrupted, for all steps of a clone together; a part that fails is left out.

The clone of the repository itself must succeed. Its submodules and large files may fail: the session starts without
them, and its status reports what is missing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from amalthea.sidecars.cloner.errors import CloneFailed, GitFailed
from amalthea.sidecars.cloner.process.git import say
from amalthea.sidecars.cloner.process.git_failures import GitFailure, judge

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each further attempt. Who has used them up in one step has none left for the next."""
T = TypeVar("T")


@dataclass
class Attempts:
    """The attempts at one clone, and what is left out of it."""

    sleep: Callable[[float], None]
    pauses: Iterator[float] = field(default_factory=lambda: iter(PAUSES))
    left_out: list[str] = field(default_factory=list)
    """A sentence for each part that is missing, in words for the session's user."""

    def whole(self, doing: str, act: Callable[[], T]) -> T:
        """Return what `act` returns; `doing` starts the error message if it fails.

        Raises:
            CloneFailed: it failed for good, or after the last attempt.
        """
        while True:
            try:
                return act()
            except (GitFailed, OSError) as error:
                failure = judge(error.said if isinstance(error, GitFailed) else error.strerror or "", doing)
            self._pause(failure)

    def part(self, doing: str, act: Callable[[], T]) -> T | None:
        """Return what `act` returns, or None where it failed for good: then it is noted as left out."""
        try:
            return self.whole(doing, act)
        except CloneFailed as error:
            self.leave_out(str(error))
            return None

    def leave_out(self, sentence: str) -> None:
        """Note and log what is missing."""
        say(sentence)
        self.left_out.append(sentence)

    def _pause(self, failure: GitFailure) -> None:
        pause = next(self.pauses, None) if failure.transient else None
        if pause is None:
            raise CloneFailed(failure.message)
        say(f"{failure.message} Trying again in {pause:g} s.")
        self.sleep(pause)

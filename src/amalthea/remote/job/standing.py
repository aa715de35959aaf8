"""The state of a session, from its job's reports and from errors: the content of `/status`. Pure.

How old it is goes by a clock that never jumps: a machine that sets its clock would else tell of silence, or of an end.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from amalthea.remote.job.port import Phase, Report

_SAME = 120.0
"""Seconds that clocks, and the times of two questions, may differ by."""
_LONGEST = 1000
"""Characters of what is wrong, as the operator gets it: it reads no long answers."""


@dataclass(frozen=True)
class Standing:
    """The latest of each. `error_since` and `heard_at` are seconds on that clock."""

    phase: Phase = Phase.NOT_READY
    report: Report = field(default_factory=lambda: Report(None))
    cause: str = ""
    """The cause why the job failed, or could not be started."""
    error: str = ""
    """The error that kept the job from being asked about, since `error_since`, so many times in a row."""
    error_since: float = 0.0
    errors: int = 0
    heard_at: float | None = None
    """The time of the report; None before the first one, and where its age does not matter."""

    def heard(self, report: Report, at: float | None = None) -> "Standing":
        """Return what is known after a report that came at that time."""
        return Standing(report.phase or self.phase, report, report.cause, heard_at=at)

    def deaf(self, error: str, at: float) -> "Standing":
        """Return what is known after an error at that time: the same as before, and the error."""
        since = self.error_since if self.errors else at
        return replace(self, error=error, error_since=since, errors=self.errors + 1)

    def failed(self, cause: str) -> "Standing":
        """Return what is known where no job can be started."""
        return Standing(Phase.FAILED, Report(None), cause)

    @property
    def well(self) -> bool:
        """Return whether the job runs and nothing is wrong."""
        return self.phase is Phase.RUNNING and not self.trouble

    @property
    def trouble(self) -> str:
        """Return what is wrong, with the end of the job's output where it failed; empty if nothing is."""
        output = f" Its output ends with: {self.report.output}" if self.cause and self.report.output else ""
        return f"{self.cause}{output}" or self.error

    def told(self, now: float, passed: float | None = None) -> dict[str, object]:
        """Return the body of `/status`: `status` and `error` as in the contract, the rest where it is known.

        `now` is in seconds since 1970, `passed` the same moment on the clock that never jumps, if it is another one.
        """
        return self._told(self.trouble, now, now if passed is None else passed)

    def told_the_operator(self, now: float, passed: float | None = None) -> Mapping[str, object]:
        """Return the data for the session's status: without the job's output, which may hold secrets."""
        error = (self.cause or self.error)[:_LONGEST]
        return {"version": 1, **self._told(error, now, now if passed is None else passed)}

    def _told(self, error: str, now: float, passed: float) -> dict[str, object]:
        report = self.report
        details = {
            "error": error,
            "schedulerState": report.word,
            "reason": report.reason if self.phase is Phase.NOT_READY else "",
            "expectedStart": _whole(report.starts) if self.phase is Phase.NOT_READY else None,
            "limitSeconds": _whole(report.limit),
            "remainingSeconds": _whole(self._remaining(passed)),
            "endsAt": _whole(self._ends_at(now, passed)),
            "heardSecondsAgo": _whole(passed - self.heard_at) if self.heard_at is not None else None,
            "errorCount": self.errors or None,
            "errorAgeSeconds": _whole(passed - self.error_since) if self.errors else None,
        }
        return {"status": self.phase.value} | {key: it for key, it in details.items() if it not in (None, "")}

    def _remaining(self, passed: float) -> float | None:
        limit, elapsed = self.report.limit, self.report.elapsed
        if self.phase is not Phase.RUNNING or limit is None or elapsed is None:
            return None
        age = passed - self.heard_at if self.heard_at is not None else 0.0
        return max(0.0, limit - elapsed - age)

    def _ends_at(self, now: float, passed: float) -> float | None:
        """Return when the time limit ends the job: from its start where that fits, since such a time does not move."""
        remaining, starts, limit = self._remaining(passed), self.report.starts, self.report.limit
        if remaining is None or self.heard_at is None:
            return None
        by_start = starts + limit if starts is not None and limit is not None else math.inf
        return by_start if abs(by_start - now - remaining) < _SAME else now + remaining


def _whole(seconds: float | None) -> int | None:
    return math.floor(seconds) if seconds is not None else None

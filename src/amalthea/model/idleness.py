"""Whether nobody works in a session: a verdict from several signals, each of which can only speak against it.

It fails open: what is not known is never idle. The verdict says what it was made of, without numbers that change all
the time, for each new text is a write of the status.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from amalthea.api import names, quantities
from amalthea.api.reasons import Reason
from amalthea.api.types import Culling
from amalthea.model import readiness, spans
from amalthea.model.observed import Observed
from amalthea.model.times import rfc3339

WARM_UP = timedelta(seconds=15)
"""How long a container must run before its CPU use tells anything."""
DEFAULT_THRESHOLD = Decimal("0.3")
"""Cores. Stands also for a stored threshold of 0, which would make every session busy."""


@dataclass(frozen=True, slots=True)
class Idleness:
    """The verdict: True (nobody works), False, or Unknown, with the signals in words."""

    status: Literal["True", "False", "Unknown"]
    reason: Reason
    message: str

    @property
    def idle(self) -> bool:
        """Whether the session counts as idle."""
        return self.status == "True"


def judge(observed: Observed, now: datetime) -> Idleness | None:
    """Return whether a session that runs is idle, or None if that never ends it."""
    culling = observed.spec.culling if observed.spec is not None else None
    if culling is None or not observed.interactive or not spans.positive(culling.max_idle_duration):
        return None
    declared = observed.session.metadata.annotations.get(names.ANNOTATION_BUSY_UNTIL)
    until = spans.moment(declared)
    if declared is not None and until is None:
        return Idleness("Unknown", Reason.DECLARED_BUSY, _UNREADABLE)
    if until is not None and now < until:
        return Idleness("False", Reason.DECLARED_BUSY, f"A program declares the session busy until {rfc3339(until)}.")
    return _by_cpu(observed, culling, now)


def threshold(culling: Culling) -> Decimal:
    """Return the CPU use, in cores, below which a session counts as idle."""
    try:
        given = quantities.parse(culling.cpu_idle_threshold)
    except ValueError:
        return DEFAULT_THRESHOLD
    return given if given > 0 else DEFAULT_THRESHOLD


def changes_at(observed: Observed, now: datetime) -> datetime | None:
    """Return when time alone changes the verdict; that usage changes it, the usage poll tells."""
    declared = spans.moment(observed.session.metadata.annotations.get(names.ANNOTATION_BUSY_UNTIL))
    moments = [_warm_at(observed) if observed.usage is not None else None, declared]
    return min((moment for moment in moments if moment is not None and now < moment), default=None)


_UNREADABLE = (
    f"The annotation {names.ANNOTATION_BUSY_UNTIL} cannot be read, so the session does not count as idle. Write a time "
    "such as 2026-01-31T18:00:00Z, or remove it."
)


def _by_cpu(observed: Observed, culling: Culling, now: datetime) -> Idleness:
    limit = f"{(threshold(culling) * 1000).normalize():f}m"
    usage, warm_at = observed.usage, _warm_at(observed)
    if usage is None or not usage.valid(now) or warm_at is None or now < warm_at:
        return Idleness(
            "Unknown",
            Reason.USAGE_UNKNOWN,
            "How much CPU the session uses is not known: it has just started, or the cluster's metrics server does not "
            "tell. Until that is known, the session is not paused for being idle.",
        )
    if usage.cpu >= threshold(culling):
        return Idleness("False", Reason.CPU_BUSY, f"The session computes: it uses {limit} of CPU or more.")
    return Idleness("True", Reason.QUIET, f"The session uses less than {limit} of CPU, and nothing declares it busy.")


def _warm_at(observed: Observed) -> datetime | None:
    started = readiness.session_started_at(observed.pod) if observed.pod is not None else None
    return started + WARM_UP if started is not None else None

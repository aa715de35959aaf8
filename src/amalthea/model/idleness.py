"""Whether nobody works in a session: a verdict from several signals, each of which can only speak against it.

It fails open: what is not known is never idle. The verdict says what it was made of, without numbers that change all
the time, for each new text is a write of the status.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from amalthea.api import names, quantities
from amalthea.api.reasons import ConditionType, Reason
from amalthea.api.types import Culling, Status
from amalthea.model import readiness, spans
from amalthea.model.door import Door, Silent, Told, TooOld
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
    by_cpu = _by_cpu(observed, culling, now)
    return _by_door(observed, by_cpu) if by_cpu.idle else by_cpu


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

_SILENT = (
    "Whether somebody works in the session is not known: the proxy in front of it does not tell the operator. Until it "
    f"does, the session is not paused for being idle. The operator must reach port {names.PORT_META} of the session's "
    "pod: an administrator should check the network policies."
)
_ADDED = {
    Reason.QUIET: "Whether somebody works in a browser is asked before it is paused.",
    Reason.DOOR_TOO_OLD: "The proxy in front of it is of an older release, which cannot tell whether somebody works in "
    "a browser.",
}


def _by_door(observed: Observed, others: Idleness) -> Idleness:
    """Return the verdict on a session that is idle by all other signals."""
    if observed.door is None:
        return others
    word = _word(observed.door, observed.session.status)
    if word is Reason.DOOR_SILENT:
        return Idleness("Unknown", word, _SILENT)
    return replace(others, reason=word, message=f"{others.message} {_ADDED[word]}")


def _word(door: Door, told: Status) -> Reason:
    """Return what the door said last; until it is asked anew, what was told of it still counts."""
    match door.look:
        case Told():
            return Reason.QUIET
        case TooOld():
            return Reason.DOOR_TOO_OLD
        case Silent():
            return Reason.DOOR_SILENT
    former = next((c.reason for c in told.conditions or () if c.type == ConditionType.IDLE), None)
    return Reason(former) if former in (Reason.DOOR_SILENT, Reason.DOOR_TOO_OLD) else Reason.QUIET


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

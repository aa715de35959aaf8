"""The signals that somebody works in a session: what each says, and in words how old that is.

Ages are shown as classes (now, within the limit, longer ago), which change when something happens and not all the time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from amalthea.api import names, quantities
from amalthea.api.reasons import ConditionType, Reason
from amalthea.api.types import Culling, Status
from amalthea.model import spans
from amalthea.model.deadlines import last_word
from amalthea.model.times import rfc3339
from amalthea.model.views import readiness, remote_job
from amalthea.model.views.door import Door, Reported, Silent, TooOld
from amalthea.model.views.observed import Observed

WARM_UP = timedelta(seconds=15)
"""The time that a container must run before its CPU use shows anything."""
DEFAULT_THRESHOLD = Decimal("0.3")
"""Cores. Stands also for a stored threshold of 0, which would make every session busy."""


@dataclass(frozen=True, slots=True)
class Signal:
    """The statement of one signal."""

    says: str
    """Its finding and how old that is, as a sentence of the verdict."""
    speaks: Literal["busy", "quiet", "unknown"] = "quiet"
    """Only work and not knowing count: a session is idle where neither is."""
    reason: Reason | None = None
    """The verdict's reason if this signal decides it."""


def of(observed: Observed, culling: Culling, now: datetime) -> tuple[Signal, ...]:
    """Return all signals, those first that are most informative if they speak."""
    browser = [_browser(observed.door, observed.session.status)] if observed.door is not None else []
    return (_declared(observed, now), _computes(observed, culling, now), *browser, _own_word(culling, now))


def threshold(culling: Culling) -> Decimal:
    """Return the CPU use, in cores, below which a session counts as idle."""
    try:
        given = quantities.parse(culling.cpu_idle_threshold)
    except ValueError:
        return DEFAULT_THRESHOLD
    return given if given > 0 else DEFAULT_THRESHOLD


def started_at(observed: Observed) -> datetime | None:
    """Return since when the session's container has run, or None if it does not run."""
    return readiness.session_started_at(observed.pod) if observed.pod is not None else None


def change(observed: Observed, culling: Culling, now: datetime) -> Iterator[datetime]:
    """Yield the times at which a signal changes with time alone."""
    declared, counts_until = spans.moment(_annotation(observed)), _counts_until(culling, now)
    warm_at = _warm_at(observed) if observed.usage is not None else None
    yield from (moment for moment in (declared, warm_at, counts_until) if moment is not None)


def _declared(observed: Observed, now: datetime) -> Signal:
    declared = _annotation(observed)
    if declared is None:
        return Signal("No program declares it busy.")
    until = spans.moment(declared)
    if until is None:
        unreadable = "The time until which a program declares it busy cannot be read."
        return Signal(unreadable, "unknown", Reason.DECLARED_UNREADABLE)
    if now < until:
        return Signal(f"It is declared busy until {rfc3339(until)}.", "busy", Reason.DECLARED_BUSY)
    return Signal(f"It was declared busy until {rfc3339(until)}.")


def _computes(observed: Observed, culling: Culling, now: datetime) -> Signal:
    """Return whether it computes: what is left of a session whose job on another machine has completed does not."""
    word = remote_job.decisive(observed)
    if word is not None and word.phase == "Completed":
        return Signal("Its job on the other machine has completed.", reason=Reason.JOB_COMPLETED)
    return _cpu(observed, culling, now)


def _cpu(observed: Observed, culling: Culling, now: datetime) -> Signal:
    limit = f"{threshold(culling).normalize():f} CPU cores"
    usage, warm_at = observed.usage, _warm_at(observed)
    if usage is None or not usage.of_container(started_at(observed), now) or warm_at is None or now < warm_at:
        return Signal("Its current CPU use is not known.", "unknown", Reason.USAGE_UNKNOWN)
    if usage.cpu >= threshold(culling):
        return Signal(f"It uses {limit} or more now.", "busy", Reason.CPU_BUSY)
    return Signal(f"It uses less than {limit} now.")


def _browser(door: Door, status: Status) -> Signal:
    """Return what the door said last; until it is asked again, the recorded answer still counts."""
    asked = Signal("Work in a browser is checked before a pause.")
    match door.look:
        case Reported():
            return asked
        case TooOld():
            word = Reason.DOOR_TOO_OLD
        case Silent():
            word = Reason.DOOR_SILENT
        case None:
            former = status.condition(ConditionType.IDLE)
            if former is None or former.reason not in (Reason.DOOR_TOO_OLD, Reason.DOOR_SILENT):
                return asked
            word = Reason(former.reason)
    if word is Reason.DOOR_SILENT:
        return Signal("It is not known whether somebody works in a browser.", "unknown", word)
    return Signal(
        "Work in a browser does not count: the proxy is from an older release that cannot detect it.", reason=word
    )


def _own_word(culling: Culling, now: datetime) -> Signal:
    """Return the user's own report of being at work: the time until the pause counts from it, whatever the verdict."""
    until = _counts_until(culling, now)
    if until is None and spans.moment(culling.last_interaction) is not None:
        return Signal("The last interaction is too far in the future to count.")
    if until is None:
        return Signal("Nobody has said that they are at work.")
    limit = spans.in_words(spans.positive(culling.max_idle_duration) or timedelta(0))
    when = f"within the last {limit}" if now < until else f"more than {limit} ago"
    return Signal(f"Somebody said {when} that they were at work.")


def _counts_until(culling: Culling, now: datetime) -> datetime | None:
    return spans.end(last_word(culling, now), spans.positive(culling.max_idle_duration))


def _annotation(observed: Observed) -> str | None:
    return observed.session.metadata.annotations.get(names.ANNOTATION_BUSY_UNTIL)


def _warm_at(observed: Observed) -> datetime | None:
    return spans.end(started_at(observed), WARM_UP)

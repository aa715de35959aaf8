"""The milestones in a change of status: how long a start took, why a session failed, why it was paused.

`transitions.py` reports the same change to people. Reasons and causes are those of the conditions: few words, and
stable ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from amalthea.api.reasons import ConditionType
from amalthea.api.types import RUNNING_STATES, Status
from amalthea.model import deadlines, spans
from amalthea.model.times import began

UNKNOWN = "Unknown"
"""The reason or the cause where no condition gives one."""
_REPORTED_WITHIN = timedelta(seconds=30)
"""A start is reported within so many seconds, unless the API server is away."""


@dataclass(frozen=True)
class Started:
    """A run was ready for the first time, or failed before it ever was."""

    resumed: bool
    ready: bool
    seconds: float
    """Since the session's creation, or since it was resumed."""


@dataclass(frozen=True)
class Failed:
    """The session cannot run, or not any more."""

    reason: str


@dataclass(frozen=True)
class Paused:
    """The session's pod is gone, its files are kept."""

    cause: str


Milestone = Started | Failed | Paused


def milestones(created: datetime | None, old: Status, new: Status, now: datetime) -> Iterator[Milestone]:
    """Yield the milestones that a change of status brings. `created`: when the session itself was.

    A session that is created paused is not counted as paused. A start that fails again and again is one failed start.
    """
    if new.state == old.state or (new.state == "Failed" and _failed_before(old, new)):
        return
    if new.state in (*RUNNING_STATES, "Failed") and not deadlines.was_ready(old, new):
        yield from _start(created, old, new, now)
    if new.state == "Failed":
        yield Failed(_why_failed(new))
    if new.state == "Hibernated" and old.conditions:
        yield Paused(_reason(new, ConditionType.STOPPED, "True") or UNKNOWN)


def _start(created: datetime | None, old: Status, new: Status, now: datetime) -> Iterator[Started]:
    run_began = began(new.run_id)
    if run_began is None or created is None:
        return
    unready = old.condition(ConditionType.READY)
    since = spans.moment(unready.last_transition_time) if unready is not None else None
    # Before its first run a session is unready since that run began; before a later one, since it was paused.
    resumed = since is not None and since < run_began.replace(microsecond=0)
    seconds = (now - (run_began if resumed else created)).total_seconds()
    yield Started(resumed, new.state != "Failed", max(0.0, seconds))


def _failed_before(old: Status, new: Status) -> bool:
    """Return whether the failing start had failed before: then it has gone on since later than the run's start."""
    began_at, at = began(new.run_id), old.condition(ConditionType.PROGRESSING)
    if old.run_id != new.run_id or began_at is None or at is None or at.status != "True":
        return False
    since = spans.moment(at.last_transition_time)
    return since is not None and since - began_at > _REPORTED_WITHIN


def _why_failed(status: Status) -> str:
    kinds = (ConditionType.HEALTHY, ConditionType.ACCEPTED, ConditionType.CHILDREN_IN_PLACE)
    reasons = (_reason(status, kind, "False") for kind in kinds)
    return next(filter(None, reasons), UNKNOWN)


def _reason(status: Status, kind: str, value: str) -> str | None:
    condition = status.condition(kind)
    return condition.reason if condition is not None and condition.status == value else None

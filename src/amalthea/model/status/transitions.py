"""The Event for a transition: at most one, in words that a researcher understands."""

from dataclasses import dataclass
from typing import Literal

from amalthea.api.event_reasons import EventReason
from amalthea.api.reasons import ConditionType, Reason
from amalthea.api.types import RUNNING_STATES, State, Status


@dataclass(frozen=True)
class Transition:
    """The content of an Event on the session."""

    reason: EventReason
    message: str
    type: Literal["Normal", "Warning"] = "Normal"


_ENTERED: dict[State, Transition] = {
    "Running": Transition(EventReason.RUNNING, "The session is ready."),
    "RunningDegraded": Transition(
        EventReason.DEGRADED, "The session is ready, but a container beside it is not.", "Warning"
    ),
    "Succeeded": Transition(EventReason.SUCCEEDED, "The job ended with success."),
    "Hibernated": Transition(EventReason.HIBERNATED, "The session is paused. Its files are kept."),
    "Failed": Transition(EventReason.FAILED, "The session cannot run.", "Warning"),
}
_ON_PURPOSE: dict[str, Transition] = {
    Reason.DELETING: Transition(EventReason.DELETING, "The session is being deleted."),
    Reason.STOPPING: Transition(EventReason.STOPPING, "The session is being paused."),
}
_WARNINGS: dict[str, EventReason] = {
    ConditionType.STOPPING_SOON: EventReason.STOPPING_SOON,
    ConditionType.DELETING_SOON: EventReason.DELETING_SOON,
}
_STARTING = Transition(EventReason.STARTING, "The session is starting.")
_UNREADY = Transition(EventReason.NOT_READY, "The session does not answer at the moment.", "Warning")
_MAX_MESSAGE = 1024
"""The API refuses longer messages (core/v1 Event)."""


def transition(old: Status, new: Status) -> Transition | None:
    """Return the Event for a change of status, or None if it is not worth one.

    A new session's first status is not a transition: its creator knows that it starts.
    """
    if not old.conditions and new.state == "NotReady":
        return None
    if new.state == "NotReady":
        return _not_ready(old, new) or _warning(old, new)
    if new.state == old.state:
        return _warning(old, new)
    return _with_cause(_ENTERED[new.state], new)


def _warning(old: Status, new: Status) -> Transition | None:
    """Return what is about to happen, as soon as it is announced."""
    known = {condition.type for condition in old.conditions or ()}
    news = (c for c in new.conditions or () if c.type in _WARNINGS and c.type not in known)
    return next((Transition(_WARNINGS[c.type], c.message or "", "Warning") for c in news), None)


def _not_ready(old: Status, new: Status) -> Transition | None:
    if new.run_id and new.run_id != old.run_id:
        return _STARTING
    reason = _ready_reason(new)
    if new.state == old.state and reason == _ready_reason(old):
        return None
    if reason in _ON_PURPOSE:
        return _ON_PURPOSE[reason]
    if old.state == "NotReady":
        return None
    return _with_cause(_UNREADY, new) if old.state in RUNNING_STATES else _STARTING


def _with_cause(event: Transition, status: Status) -> Transition:
    if event.type == "Normal" or not status.error:
        return event
    return Transition(event.reason, f"{event.message} {status.error}"[:_MAX_MESSAGE], event.type)


def _ready_reason(status: Status) -> str:
    ready = status.condition(ConditionType.READY)
    return (ready.reason or "") if ready is not None else ""

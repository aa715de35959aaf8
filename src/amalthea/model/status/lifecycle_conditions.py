"""The lifecycle conditions: Progressing, Idle, StoppingSoon, DeletingSoon, Stopped.

`deadlines.py` knows the deadlines; `conditions.py` puts all conditions side by side.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from amalthea.api import names
from amalthea.api.reasons import Cause, ConditionType, Step
from amalthea.api.types import RUNNING_STATES, Condition, Status
from amalthea.model import deadlines, spans
from amalthea.model.deadlines import Deadline
from amalthea.model.idle.idleness import Idleness
from amalthea.model.status.conditions import new_condition
from amalthea.model.status.progress import progress
from amalthea.model.times import rfc3339
from amalthea.model.views import remote_job
from amalthea.model.views.observed import Observed

_BECAUSE: dict[Cause, str] = {
    Cause.IDLE: "nobody has worked in it for {span}",
    Cause.TOO_OLD: "it has run for {span}, the longest that it may run at a time",
    Cause.STARTING_TOO_LONG: "it was not ready within {span} of its start",
    Cause.FAILED_TOO_LONG: "it has been failed for {span}",
    Cause.HIBERNATED_TOO_LONG: "it has been paused for {span}",
    Cause.ENDED_LONG_AGO: "a job is kept for {span} after its end",
    Cause.FAILED_LONG_AGO: "its job has been failed for {span}",
}
_REMEDY: dict[Cause, str] = {
    Cause.IDLE: " Say that you are still at work to keep it running.",
    Cause.TOO_OLD: " Save your work; you can resume the session afterwards.",
    Cause.HIBERNATED_TOO_LONG: " Resume it to keep its files.",
    Cause.ENDED_LONG_AGO: " Save its results to keep them.",
    Cause.FAILED_LONG_AGO: " Fix the cause of its failure, or save its files, to keep them.",
}


@dataclass(frozen=True, slots=True)
class Outlook:
    """The outlook to report: a verdict on idleness if there is one, and what will happen automatically."""

    idleness: Idleness | None
    pause: Deadline | None
    deletion: Deadline | None
    ask_door_at: datetime | None
    """The time to ask the session's door, at once if that has passed."""

    def waits(self, now: datetime) -> bool:
        """Return whether the pause depends on an answer of the door that is not there yet."""
        asks = self.ask_door_at is not None and self.ask_door_at <= now
        return asks and self.pause is not None and self.pause.cause in deadlines.HANGS_ON_THE_DOOR


def of(observed: Observed, status: Status, outlook: Outlook, now: datetime, lead: timedelta) -> Iterator[Condition]:
    """Return the lifecycle conditions of a session with this new status."""
    if (starting := _progressing(observed, status)) is not None:
        yield starting
    if (idle := outlook.idleness) is not None:
        yield new_condition(ConditionType.IDLE, idle.status, idle.reason, idle.message)
    pauses = (
        outlook.pause is not None
        and outlook.pause.announced_from(lead) <= now
        and not _held_back(observed, outlook, now)
    )
    job_ends = _job_ends(observed, status, now, lead)
    if job_ends is not None and not (pauses and outlook.pause is not None and outlook.pause.at <= job_ends):
        yield _job_ends_soon(observed, job_ends)
    elif pauses and outlook.pause is not None:
        yield _soon(ConditionType.STOPPING_SOON, "paused", outlook.pause, _waiting(observed, outlook.pause, now))
    if outlook.deletion is not None and outlook.deletion.announced_from(lead) <= now:
        waiting = _waiting(observed, outlook.deletion, now)
        yield _soon(ConditionType.DELETING_SOON, "deleted with its files", outlook.deletion, waiting)
    if (stopped := _stopped(observed, status)) is not None:
        yield stopped


def starting(status: Status) -> bool:
    """Return whether a status says that a start goes on."""
    at = status.condition(ConditionType.PROGRESSING)
    return at is not None and at.status == "True"


def only_progress(former: Status, status: Status) -> bool:
    """Return whether nothing is new in a status but the step of a start that goes on."""
    if not starting(former) or not starting(status):
        return False
    return _without_progress(former) == _without_progress(status)


def because(cause: Cause, span: timedelta | None) -> str:
    """Return why something happens automatically, as the second half of a sentence."""
    return _BECAUSE[cause].format(span=spans.in_words(span) if span is not None else "too long")


def _held_back(observed: Observed, outlook: Outlook, now: datetime) -> bool:
    """Return whether a pause is not announced before the door was asked; one that was announced stays so."""
    known = observed.session.status.condition(ConditionType.STOPPING_SOON)
    return outlook.waits(now) and outlook.pause is not None and (known is None or known.reason != outlook.pause.cause)


def _progressing(observed: Observed, status: Status) -> Condition | None:
    if observed.hibernated or observed.deleting or observed.ended:
        return None
    if status.state in (*RUNNING_STATES, "Succeeded") or deadlines.has_started(observed, status):
        return new_condition(ConditionType.PROGRESSING, "False", Step.DONE, "The session has started.")
    if status.state == "Failed":
        return new_condition(ConditionType.PROGRESSING, "False", Step.STUCK, "The session cannot start.")
    at, former = progress(observed), observed.session.status.condition(ConditionType.PROGRESSING)
    if former is not None and former.reason in (Step.QUEUED, Step.READY) and remote_job.unasked(observed):
        return former
    return new_condition(ConditionType.PROGRESSING, "True", at.step, str(at))


def _job_ends(observed: Observed, status: Status, now: datetime, lead: timedelta) -> datetime | None:
    """Return when the other machine ends the session's job, if that is to be reported now."""
    word = remote_job.known(observed) if status.state in RUNNING_STATES else None
    ends = word.ends_at if word is not None and word.phase == "Running" else None
    return ends if ends is not None and ends - lead <= now < ends else None


def _job_ends_soon(observed: Observed, ends: datetime) -> Condition:
    word = remote_job.known(observed)
    limit = f", {spans.in_words(word.limit)}," if word is not None and word.limit is not None else ""
    message = (
        f"The session's job will be ended at {rfc3339(ends)}, because it reaches its time limit{limit} on the other "
        "machine. Save your work; pause and resume the session afterwards for a new job."
    )
    return new_condition(ConditionType.STOPPING_SOON, "True", Cause.TIME_LIMIT, message)


def _waiting(observed: Observed, deadline: Deadline, now: datetime) -> str:
    """Return why what is due does not happen, as a sentence; nothing if it is not due, or happens."""
    why = deadlines.withheld(observed)
    if why is None or now < deadline.at:
        return ""
    return f" That waits, since {why}; if it lasts, ask an administrator."


def _soon(kind: ConditionType, how: str, deadline: Deadline, waiting: str) -> Condition:
    reason, remedy = because(deadline.cause, deadline.span), _REMEDY.get(deadline.cause, "")
    to_be = "was to be" if waiting else "will be"
    message = f"The session {to_be} {how} at {rfc3339(deadline.at)}, because {reason}.{waiting}{remedy}"
    return new_condition(kind, "True", deadline.cause, message)


def _stopped(observed: Observed, status: Status) -> Condition | None:
    """Report who or what ended the session's run. The first report stays as long as the session is paused."""
    if not observed.hibernated or observed.deleting:
        return _cut_off(observed, status)
    former = observed.session.status
    if (known := former.condition(ConditionType.STOPPED)) is not None:
        return known
    announced = former.condition(ConditionType.STOPPING_SOON)
    pause = observed.session.paused
    at = f" at {rfc3339(pause.time)}" if pause is not None and pause.time is not None else ""
    # A release that is newer may have announced a cause that this one does not know.
    announced_cause = announced.reason if announced is not None and announced.reason in set(deadlines.PAUSES) else None
    if pause is not None and pause.manager == names.FIELD_MANAGER and announced_cause is not None:
        cause = Cause(announced_cause)
        reason = because(cause, deadlines.limit(observed, cause))
        return new_condition(ConditionType.STOPPED, "True", cause, f"The session was paused{at}, because {reason}.")
    by = f" by {pause.manager}" if pause is not None and pause.manager else ""
    return new_condition(ConditionType.STOPPED, "True", Cause.USER, f"The session was paused on request{by}{at}.")


def _cut_off(observed: Observed, status: Status) -> Condition | None:
    job = observed.own_workload
    if status.state != "Failed" or job is None or job.failure is None or job.failure.reason != "DeadlineExceeded":
        return None
    message = "The job was stopped because it reached its maxAge."
    return new_condition(ConditionType.STOPPED, "True", Cause.JOB_DEADLINE, message)


def _without_progress(status: Status) -> Status:
    others = [condition for condition in status.conditions or () if condition.type != ConditionType.PROGRESSING]
    return replace(status, conditions=others)

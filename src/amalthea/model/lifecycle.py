"""When a session is paused or deleted by itself, and for which cause: pure functions of what its new status says.

Deadlines are exact: the operator looks again at the very moment, and asks nobody in between. Whatever cannot be
known never ends a session.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from amalthea.api.reasons import Cause, ConditionType, Step
from amalthea.api.types import Culling, Status
from amalthea.model import readiness, spans
from amalthea.model.observed import Observed
from amalthea.model.times import began

RUNNING = ("Running", "RunningDegraded")


@dataclass(frozen=True, slots=True)
class Deadline:
    """When something happens by itself, and why."""

    at: datetime
    cause: Cause
    span: timedelta
    """The limit that it comes from."""

    def announced_from(self, lead: timedelta) -> datetime:
        """Return from when on people are told: `lead` before, or a tenth of the limit if that is shorter."""
        return self.at - min(lead, self.span / 10)


def pause(observed: Observed, status: Status) -> Deadline | None:
    """Return when a session whose new status is this will be paused; None for never."""
    culling = _culling(observed)
    if culling is None or not observed.interactive or observed.hibernated or observed.deleting:
        return None
    if observed.own_workload is None or not observed.own_workload.awake:
        return None
    start = started_at(observed, status)
    began = {
        Cause.TOO_OLD: start,
        Cause.STARTING_TOO_LONG: None if _past_start(observed, status) else start,
        Cause.FAILED_TOO_LONG: spans.moment(status.failing_since),
        Cause.IDLE: _quiet_since(status, culling),
    }
    return _earliest(*(_deadline(cause, since, limit(observed, cause)) for cause, since in began.items()))


def deletion(observed: Observed, status: Status) -> Deadline | None:
    """Return when a session whose new status is this will be deleted, files included; None for never."""
    culling = _culling(observed)
    if culling is None or observed.deleting:
        return None
    kept = spans.positive(culling.max_hibernated_duration)
    hibernated = _deadline(Cause.HIBERNATED_TOO_LONG, spans.moment(status.hibernated_since), kept)
    if observed.interactive or status.state not in ("Succeeded", "Failed"):
        return hibernated
    failed = spans.moment(status.failing_since)
    if observed.ended:
        return _deadline(Cause.ENDED_LONG_AGO, spans.moment(status.idle_since) or failed, kept)
    return _deadline(Cause.FAILED_LONG_AGO, failed, kept)


def limit(observed: Observed, cause: Cause) -> timedelta | None:
    """Return the limit that a pause for that cause comes from, if there is one."""
    culling = _culling(observed)
    if culling is None:
        return None
    limits = {
        Cause.TOO_OLD: culling.max_age,
        Cause.STARTING_TOO_LONG: culling.max_starting_duration,
        Cause.FAILED_TOO_LONG: culling.max_failed_duration,
        Cause.IDLE: culling.max_idle_duration,
    }
    return spans.positive(limits.get(cause))


def started_at(observed: Observed, status: Status) -> datetime | None:
    """Return when the present run was started: its id's own time, or its pod's where an older release gave it none."""
    if (began_at := began(status.run_id)) is not None:
        return began_at
    pod = observed.pod
    return (pod.status.start_time or pod.metadata.creation_timestamp) if pod is not None else None


def has_started(observed: Observed, status: Status) -> bool:
    """Tell whether the present run was ready before: what is not ready then is degraded or failing, never starting."""
    former = observed.session.status
    same_run = former.run_id == status.run_id
    told = next((c for c in former.conditions or () if c.type == ConditionType.PROGRESSING), None)
    if same_run and (former.state in RUNNING or (told is not None and told.reason == Step.DONE)):
        return True
    return observed.pod is not None and readiness.was_ready(observed.pod)


def _past_start(observed: Observed, status: Status) -> bool:
    return status.state != "NotReady" or has_started(observed, status)


def _quiet_since(status: Status, culling: Culling) -> datetime | None:
    """Return since when nobody works: the user's word that they do counts from when it was given."""
    idle, interaction = spans.moment(status.idle_since), culling.last_interaction
    if idle is None or not status.idle:
        return None
    said = spans.moment(interaction)
    return max(idle, said) if said is not None else idle


def _culling(observed: Observed) -> Culling | None:
    return observed.spec.culling if observed.spec is not None else None


def _deadline(cause: Cause, start: datetime | None, span: timedelta | None) -> Deadline | None:
    at = spans.end(start, span)
    return Deadline(at, cause, span) if at is not None and span is not None else None


def _earliest(*deadlines: Deadline | None) -> Deadline | None:
    return min((each for each in deadlines if each is not None), key=lambda each: each.at, default=None)

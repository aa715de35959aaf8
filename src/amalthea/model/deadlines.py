"""The times of automatic pauses and deletions, and their causes: pure functions of a session's new status.

Deadlines are exact: the operator looks again at the very moment, and asks nobody in between. Whatever cannot be
known never ends a session.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from amalthea.api.reasons import Cause, ConditionType, Step
from amalthea.api.types import RUNNING_STATES, Culling, Status
from amalthea.model import spans
from amalthea.model.times import began
from amalthea.model.views import readiness, remote_job
from amalthea.model.views.door import Reported, Silent
from amalthea.model.views.observed import Observed

HANGS_ON_THE_DOOR = (Cause.IDLE, Cause.STARTING_TOO_LONG, Cause.FAILED_TOO_LONG)
"""Causes of a pause that the door of a session may speak against: the last two where they rest on the word of a remote
session's controller alone."""
PAUSES = (Cause.TOO_OLD, Cause.STARTING_TOO_LONG, Cause.FAILED_TOO_LONG, Cause.IDLE)
DELETIONS = (Cause.HIBERNATED_TOO_LONG, Cause.ENDED_LONG_AGO, Cause.FAILED_LONG_AGO)


_CANCELS_WITHIN = timedelta(seconds=90)
"""The time that a remote session that is being deleted waits for its pod, which has a minute to cancel the job."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The time and the cause of an automatic pause or deletion."""

    at: datetime
    cause: Cause
    span: timedelta
    """The limit that it comes from."""

    def announced_from(self, lead: timedelta) -> datetime:
        """Return when the announcement begins: `lead` before, or a tenth of the limit if that is shorter."""
        return self.at - min(lead, self.span / 10)


@dataclass(frozen=True, slots=True)
class End:
    """A pause or a deletion that is due."""

    deletes: bool
    """True if the session is deleted with its files, false if it is paused."""
    cause: Cause
    span: timedelta
    """The limit that it comes from."""


def due(pause: Deadline | None, deletion: Deadline | None, now: datetime) -> End | None:
    """Return the end of a session that is due; None if none is. Where both are due, it is deleted."""
    if deletion is not None and deletion.at <= now:
        return End(True, deletion.cause, deletion.span)
    if pause is not None and pause.at <= now:
        return End(False, pause.cause, pause.span)
    return None


def deadlines(observed: Observed, status: Status, now: datetime) -> dict[Cause, Deadline]:
    """Return the deadlines that the limits of a session with this new status lead to, as far as they already count."""
    culling = _culling(observed)
    if culling is None or observed.deleting:
        return {}
    start, over = started_at(observed, status), remote_job.over(observed)
    begins = {
        Cause.TOO_OLD: start if observed.interactive else None,
        Cause.STARTING_TOO_LONG: _unless_at_work(observed, start) if starts(observed, status) else None,
        Cause.FAILED_TOO_LONG: _unless_at_work(observed, spans.moment(status.failing_since)),
        Cause.IDLE: _quiet_since(status, culling, now) if observed.interactive or over else None,
        Cause.JOB_DEADLINE: None if over else _job_began(observed, start),
        Cause.HIBERNATED_TOO_LONG: spans.moment(status.hibernated_since) if observed.hibernated else None,
        Cause.ENDED_LONG_AGO: ended_at(observed, status),
        Cause.FAILED_LONG_AGO: _failed_without_end(observed, status),
    }
    for cause in DELETIONS:
        begins[cause] = _of_this(observed, begins[cause], now)
    found = (_deadline(cause, since, limit(observed, cause)) for cause, since in begins.items())
    return {deadline.cause: deadline for deadline in found if deadline is not None}


def pause(observed: Observed, status: Status, now: datetime) -> Deadline | None:
    """Return when a session with this new status will be paused; None for never.

    A session without a usable workload has limits, too: its other resources are freed. Where a pause would delete the
    user's files for good, there is none.
    """
    if observed.hibernated or observed.files_at_risk:
        return None
    return _earliest(deadlines(observed, status, now), PAUSES)


def deletion(observed: Observed, status: Status, now: datetime) -> Deadline | None:
    """Return when a session with this new status will be deleted, files included; None for never."""
    return _earliest(deadlines(observed, status, now), DELETIONS)


def withheld(observed: Observed) -> str | None:
    """Return why nothing may end the session automatically now, as the second half of a sentence; None if it may."""
    if observed.clocks_differ:
        return "the clocks of the operator's node and of the API server differ by more than a minute"
    if observed.blind:
        return "the operator currently receives no news of the session"
    return None


def stays_until(observed: Observed) -> datetime | None:
    """Return until when a remote session that is being deleted stays, if our finalizer holds it; None if it may go.

    Its controller cancels the job meanwhile, with tokens that may be good only as long as the session is there.
    """
    since, spec, workload = observed.session.metadata.deletion_timestamp, observed.spec, observed.own_workload
    if since is None or spec is None or spec.location != "remote" or not observed.has_finalizer:
        return None
    at_work = observed.pods or observed.pod_unseen or (workload is not None and workload.awake)
    return since + _CANCELS_WITHIN if at_work else None


def last_word(culling: Culling, now: datetime) -> datetime | None:
    """Return when somebody last reported being at work, if that counts.

    Clocks differ, so it may be in the future; but not by more than the idle limit, which it would suspend for as long.
    """
    said, limit = spans.moment(culling.last_interaction), spans.positive(culling.max_idle_duration)
    return None if said is None or (limit is not None and said - now > limit) else said


def limit(observed: Observed, cause: Cause) -> timedelta | None:
    """Return the limit that belongs to a cause, if there is one."""
    culling = _culling(observed)
    if culling is None:
        return None
    limits = {
        Cause.TOO_OLD: culling.max_age,
        Cause.STARTING_TOO_LONG: culling.max_starting_duration,
        Cause.FAILED_TOO_LONG: culling.max_failed_duration,
        Cause.IDLE: culling.max_idle_duration,
        Cause.JOB_DEADLINE: culling.max_age,
        Cause.HIBERNATED_TOO_LONG: culling.max_hibernated_duration,
        Cause.ENDED_LONG_AGO: culling.max_hibernated_duration,
        Cause.FAILED_LONG_AGO: culling.max_hibernated_duration,
    }
    return spans.positive(limits.get(cause))


def started_at(observed: Observed, status: Status) -> datetime | None:
    """Return when the present run was started: the time of its id, or its pod's where an older release gave it none."""
    if (began_at := began(status.run_id)) is not None:
        return began_at
    pod = observed.pod
    return (pod.status.start_time or pod.metadata.creation_timestamp) if pod is not None else None


def has_started(observed: Observed, status: Status) -> bool:
    """Return whether the present run was ready before: if it is not ready now, it is degraded or failing."""
    if was_ready(observed.session.status, status):
        return True
    if remote_job.waits(observed):
        return False
    pod = observed.pod
    # One that is leaving is of a run before, or has been reported: a resume does not wait for it to be gone.
    return pod is not None and not pod.leaving and readiness.was_ready(pod)


def was_ready(former: Status, status: Status) -> bool:
    """Return whether the former status says that the run of the present one was ready."""
    progressing = former.condition(ConditionType.PROGRESSING)
    done = progressing is not None and progressing.reason == Step.DONE
    return former.run_id == status.run_id and (former.state in RUNNING_STATES or done)


def starts(observed: Observed, status: Status) -> bool:
    """Return whether the present run is starting, and was never ready before."""
    on_its_way = status.state == "NotReady" and not observed.hibernated and not observed.deleting
    return on_its_way and not has_started(observed, status)


def ended_at(observed: Observed, status: Status) -> datetime | None:
    """Return when a job with this new status ended; None for one that has not, and for any other session."""
    if not observed.ended or status.state not in ("Succeeded", "Failed"):
        return None
    return spans.moment(status.idle_since) or spans.moment(status.failing_since)


def _job_began(observed: Observed, start: datetime | None) -> datetime | None:
    """Return since when a job's maxAge counts: Kubernetes counts from its last start, and not while it is suspended."""
    job = observed.own_workload
    if observed.interactive or observed.ended or job is None or not job.awake:
        return None
    return job.status.start_time or start


def _failed_without_end(observed: Observed, status: Status) -> datetime | None:
    """Return since when a job has been failed without an end: without an image or resources, it may never end."""
    if observed.interactive or observed.ended or status.state != "Failed" or remote_job.over(observed):
        return None
    return spans.moment(status.failing_since)


def _unless_at_work(observed: Observed, since: datetime | None) -> datetime | None:
    """Return since when an interactive session starts or fails; None unless it is known that nobody works in it.

    Where only a controller reports that, its door counts, too: what it saw is work, and its silence may hide some. Of
    batch jobs, those alone count whose controller says that they have failed: nobody works in them.
    """
    look = observed.door.look if observed.door is not None else None
    if not observed.interactive:
        return since if remote_job.over(observed) else None
    if since is None or not remote_job.rests_on_word(observed):
        return since
    if isinstance(look, Silent):
        return None
    return max(since, look.worked_at) if isinstance(look, Reported) else since


def _quiet_since(status: Status, culling: Culling, now: datetime) -> datetime | None:
    """Return since when nobody has worked: the user's report of work counts from when it was given."""
    idle, said = spans.moment(status.idle_since), last_word(culling, now)
    if idle is None or not status.idle:
        return None
    return max(idle, said) if said is not None else idle


def _culling(observed: Observed) -> Culling | None:
    return observed.spec.culling if observed.spec is not None else None


def _of_this(observed: Observed, since: datetime | None, now: datetime) -> datetime | None:
    """Return since when something has held, not before the session was created: a backup may bring an old status."""
    made = observed.session.metadata.creation_timestamp
    return max(since, made) if since is not None and made is not None and made <= now else since


def _deadline(cause: Cause, start: datetime | None, span: timedelta | None) -> Deadline | None:
    at = spans.end(start, span)
    return Deadline(at, cause, span) if at is not None and span is not None else None


def _earliest(found: dict[Cause, Deadline], causes: Iterable[Cause]) -> Deadline | None:
    return min((found[cause] for cause in causes if cause in found), key=lambda each: each.at, default=None)

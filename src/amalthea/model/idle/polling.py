"""The times to ask a session's door, and a remote session's controller: a session that rests costs nothing.

The door is asked only near a pause that depends on its answer: before people are told that the session is about to be
paused, and again at the very end. So nobody who works is warned, and work at the last moment counts. A controller is
asked once a minute at most, as long as it runs. `operator/inputs/door_poller.py` does the asking.
"""

from datetime import UTC, datetime, timedelta

from amalthea.api.reasons import Reason
from amalthea.model.deadlines import HANGS_ON_THE_DOOR, Deadline
from amalthea.model.idle.idleness import Idleness
from amalthea.model.views import readiness, remote_job
from amalthea.model.views.door import Silent
from amalthea.model.views.observed import Observed

FRESH = timedelta(seconds=5)
"""The greatest age of an answer on which a session is paused."""
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (30, 60, 120, 300))
"""The waits after each time that a door did not answer; the last is for all further ones."""

JOB_FIRST = timedelta(seconds=15)
"""The time that a controller has run when it is first asked about its job."""
JOB_EACH = timedelta(minutes=1)
"""The time between two questions about a job that waits, since the user sees its place in the queue, or runs."""
JOB_OVER = timedelta(minutes=10)
"""Between two questions about a job that has ended: the other machine may put it back into its queue."""
JOB_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 1, 2, 5, 10))
"""The waits after each time that a controller did not answer; the last is for all further ones."""

_AT_ONCE = datetime.min.replace(tzinfo=UTC)


def ask_at(observed: Observed, verdict: Idleness | None, pause: Deadline | None, lead: timedelta) -> datetime | None:
    """Return when the door is to be asked, at once if that has passed; None while its answer does not matter."""
    if observed.door is None:
        return None
    look, by_word = observed.door.look, remote_job.rests_on_word(observed)
    idle, unknown = (verdict.idle, verdict.reason is Reason.DOOR_SILENT) if verdict is not None else (False, False)
    if isinstance(look, Silent) and (by_word or unknown):
        return look.at + PAUSES[min(look.times, len(PAUSES)) - 1]
    if unknown:
        return _AT_ONCE
    if pause is None or pause.cause not in HANGS_ON_THE_DOOR or not (by_word or idle):
        return None
    for moment in (pause.announced_from(lead), pause.at):
        if look is None or look.at < moment:
            return moment
    return look.at + FRESH if look is not None else None


def ask_job_at(observed: Observed, now: datetime) -> datetime | None:
    """Return when the controller of a remote session is to be asked, at once if that has passed; None for never.

    Its node reports its start, and that clock may be ahead: then the controller is asked at once.
    """
    job, pod = observed.remote_job, observed.pod
    if job is None or pod is None or pod.leaving or observed.hibernated or observed.deleting:
        return None
    began = readiness.session_started_at(pod)
    if began is None:
        return None
    first = began + JOB_FIRST if began <= now else now
    match job.look:
        case None:
            return first
        case remote_job.Word(at=at) as word:
            again = at + (JOB_OVER if word.ended else JOB_EACH)
        case remote_job.Unanswered(at=at, times=times):
            again = at + JOB_PAUSES[min(times, len(JOB_PAUSES)) - 1]
    return max(first, at + JOB_EACH) if at < began else again

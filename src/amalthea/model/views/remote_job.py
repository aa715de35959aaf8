"""Reports of a remote session's controller on its job on the other machine, and how far they count.

It is not trusted, since any program of the pod may answer in its place: what it says is bounded, and decides only where
the session's own readiness does not show that somebody can work in it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import msgspec

from amalthea.api.reasons import ConditionType, Failure, Step
from amalthea.api.types import RUNNING_STATES, Status
from amalthea.model.views import readiness
from amalthea.model.views.door import NoAnswerError

if TYPE_CHECKING:
    from amalthea.model.views.observed import Observed

Phase: TypeAlias = Literal["NotReady", "Running", "Completed", "Failed"]

STILL_COUNTS = 2
"""The number of unanswered questions that are tolerated; then nothing is known of the job."""
ENDS: tuple[Phase, ...] = ("Completed", "Failed")
"""After these the job does nothing any more."""
_LONGEST = {"word": 100, "error": 1000}
"""Characters that are kept of what it says."""
_AT_ONCE = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Word:
    """The report of the controller."""

    at: datetime
    """The time at which it was asked."""
    phase: Phase
    state: str = ""
    """The scheduler's own word; empty before the job was submitted."""
    reason: str = ""
    """The scheduler's word for why the job waits."""
    starts_at: datetime | None = None
    """The expected start."""
    ends_at: datetime | None = None
    """The time at which the other machine will end it."""
    limit: timedelta | None = None
    """The longest time that it may run there."""
    error: str = ""
    """The cause of its failure, with the next step; or, of a job that has not failed, why nobody could be asked."""
    unheard_since: datetime | None = None
    """Since when nobody could be asked how the job is; None where somebody could."""

    @property
    def ended(self) -> bool:
        """Return whether the job is over."""
        return self.phase in ENDS


@dataclass(frozen=True, slots=True)
class Unanswered:
    """It did not answer."""

    at: datetime
    times: int = 1
    """The number of times in a row."""
    last: Word | None = None
    """Its former answer."""


Look: TypeAlias = Word | Unanswered
"""The outcome of asking a controller once."""


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """The job of a session that runs on another machine."""

    address: str
    """The address of its controller: the pod's IP, empty if the pod has none."""
    look: Look | None = None
    """The last outcome; None if nobody has asked in this term."""


_Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e11)]


class _RemoteStatus(msgspec.Struct, frozen=True, rename="camel"):
    """GET /remote_status. Times are in seconds, and since 1970."""

    status: Phase
    error: str = ""
    scheduler_state: str = ""
    reason: str = ""
    expected_start: _Seconds | None = None
    ends_at: _Seconds | None = None
    limit_seconds: _Seconds | None = None
    error_age_seconds: _Seconds | None = None


def read(body: bytes, asked_at: datetime) -> Word:
    """Return what an answer says.

    Raises:
        NoAnswerError: it cannot be read.
    """
    try:
        answer = msgspec.json.decode(body, type=_RemoteStatus)
        unheard = timedelta(seconds=answer.error_age_seconds) if answer.error_age_seconds is not None else None
        return Word(
            asked_at,
            answer.status,
            _bounded(answer.scheduler_state, "word"),
            _bounded(answer.reason, "word"),
            _moment(answer.expected_start),
            _moment(answer.ends_at),
            timedelta(seconds=answer.limit_seconds) if answer.limit_seconds else None,
            _bounded(answer.error, "error"),
            asked_at - unheard if unheard is not None else None,
        )
    except (msgspec.MsgspecError, ValueError, OverflowError, OSError, RecursionError) as error:
        raise NoAnswerError(f"its answer cannot be read: {type(error).__name__}") from None


def address(observed: "Observed") -> str | None:
    """Return the address at which the controller of a session is asked, or None if it is not to be asked."""
    pod = observed.pod
    return pod.status.pod_ip if pod is not None and observed.remote else None


def known(observed: "Observed") -> Word | None:
    """Return what is known of a session's job; None if nothing is, as of a session in this cluster."""
    job, pod = observed.remote_job, observed.pod
    if job is None or pod is None or pod.leaving or observed.hibernated or observed.deleting:
        return None
    match job.look:
        case Word() as word:
            return word
        case Unanswered(times=times, last=last):
            return last if times <= STILL_COUNTS else None
        case None:
            return _as_recorded(observed)


def decisive(observed: "Observed") -> Word | None:
    """Return what is known of a session's job where that decides the session's state: nothing shows that it answers.

    A batch job is there to run, not to answer.
    """
    return None if observed.interactive and _answers(observed) else known(observed)


def over(observed: "Observed") -> bool:
    """Return whether a batch job has ended by its controller's word alone: that may pause it, and never deletes it."""
    if observed.interactive or observed.ended or not observed.remote:
        return False
    if observed.remote_job is None:  # a reader of the status, who asks nobody
        return end_is_recorded(observed.session.status)
    word = decisive(observed)
    return word is not None and word.ended


def end_is_recorded(status: Status) -> bool:
    """Return whether a status says that the job on the other machine has ended."""
    healthy = status.condition(ConditionType.HEALTHY)
    failed = healthy is not None and healthy.reason == Failure.REMOTE_JOB_FAILED
    return status.state == "Succeeded" or (status.state == "Failed" and failed)


def rests_on_word(observed: "Observed") -> bool:
    """Return whether only the controller's report keeps a session from counting as running: somebody may be at work."""
    word, pod = decisive(observed), observed.pod
    return word is not None and word.phase != "Running" and pod is not None and pod.ready and not pod.leaving


def waits(observed: "Observed") -> bool:
    """Return whether a session's job has not started yet, though its pod may count as ready."""
    progressing = observed.session.status.condition(ConditionType.PROGRESSING)
    if observed.remote_job is None:  # a reader of the status, who asks nobody
        return progressing is not None and progressing.reason == Step.QUEUED
    word = decisive(observed)
    starts = not unasked(observed) or (progressing is not None and progressing.status == "True")
    return starts and word is not None and word.phase == "NotReady"


def unasked(observed: "Observed") -> bool:
    """Return whether nobody has asked about a session's job in this term: the recorded report still counts."""
    return observed.remote_job is not None and observed.remote_job.look is None


def _answers(observed: "Observed") -> bool:
    """Return whether a session's readiness shows that it answers: its probe has gone through the tunnel."""
    pod, spec = observed.pod, observed.spec
    if pod is None or spec is None or pod.leaving or spec.session.readiness_probe.type == "none":
        return False
    return readiness.session_answers(pod)


def _as_recorded(observed: "Observed") -> Word | None:
    """Return what the status of this run says of the job: nobody has been asked in this term yet.

    A controller that is still to start may find the job, or submit another one. A run not reported as ready waits for
    the first answer, or for silence: without a probe its pod is ready before there is a job.
    """
    status, workload, pod = observed.session.status, observed.own_workload, observed.pod
    if workload is None or status.run_id is None or workload.run_id != status.run_id:
        return None
    if pod is None or readiness.session_started_at(pod) is None:
        return None
    failed = status.condition(ConditionType.HEALTHY)
    if status.state == "Failed" and failed is not None and failed.reason == Failure.REMOTE_JOB_FAILED:
        return Word(_AT_ONCE, "Failed", error=failed.message or "")
    if status.state == "Succeeded":
        return Word(_AT_ONCE, "Completed")
    return Word(_AT_ONCE, "NotReady") if status.state not in RUNNING_STATES else None


def _moment(seconds: float | None) -> datetime | None:
    """Return a time in whole minutes: it is reported, and one that moves by seconds would cause a write each time."""
    return datetime.fromtimestamp(seconds // 60 * 60, UTC) if seconds else None


def _bounded(text: str, kind: str) -> str:
    """Return a text as one line without control characters, and of bounded length."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 2 * _LONGEST[kind]]).split())
    return line[: _LONGEST[kind]]

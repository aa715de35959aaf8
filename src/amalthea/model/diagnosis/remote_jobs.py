"""Troubles of a session's job on another machine: that it failed, or that its state is unknown."""

from collections.abc import Iterator
from datetime import timedelta

from amalthea.api import names
from amalthea.api.reasons import Failure
from amalthea.model.diagnosis.diagnosis import Diagnosis
from amalthea.model.times import rfc3339
from amalthea.model.views import remote_job
from amalthea.model.views.observed import Observed
from amalthea.model.views.pods import PodView

_PATIENCE = timedelta(minutes=3)
"""For so long the other machine may be silent about a job that runs: it is asked once a minute."""
_FAILED = "The job on the other machine failed. Read its log, then pause and resume the session to submit a new one."
_SILENT = (
    "The other machine does not report the state of the session's job. It is asked again; the last known state still "
    "counts."
)


LAST_WORDS = "The job could not be cancelled"
"""The start of the controller's last words, where that is so."""
_LEFT = (
    "The job on the other machine could not be cancelled, and may run there until its time limit. Cancel it there, or "
    "resume the session, which continues it, and pause it again."
)


def left(pod: PodView | None) -> Diagnosis | None:
    """Return the trouble of a stopped pod that leaves its job behind, as its controller said at its end."""
    if pod is None or not pod.leaving:
        return None
    of_session = (each for each in pod.status.container_statuses if each.name == names.CONTAINER_SESSION)
    ended = next((each.state.terminated for each in of_session), None)
    if ended is None or not ended.message.startswith(LAST_WORDS):
        return None
    return Diagnosis(Failure.REMOTE_JOB_LEFT, _LEFT, fatal=False)


def troubles(observed: Observed) -> Iterator[Diagnosis]:
    """Return what is wrong with the session's job, as its controller reports it."""
    decides, word = remote_job.decisive(observed), remote_job.known(observed)
    if decides is not None and decides.phase == "Failed":
        yield Diagnosis(Failure.REMOTE_JOB_FAILED, decides.error or _FAILED)
    elif word is not None and word.unheard_since is not None and not word.ended:
        submitted = word.phase == "Running" or word.state
        if not submitted or word.at - word.unheard_since >= _PATIENCE:
            said = f"Since {rfc3339(word.unheard_since)}: {word.error}"
            yield Diagnosis(Failure.CLUSTER_SILENT, _SILENT, said, fatal=False)

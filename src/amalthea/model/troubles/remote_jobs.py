"""The job of a session on another machine: that it failed, and that nobody there tells how it is."""

from collections.abc import Iterator
from datetime import timedelta

from amalthea.api.reasons import Failure
from amalthea.model import remote_job
from amalthea.model.observed import Observed
from amalthea.model.times import rfc3339
from amalthea.model.troubles.trouble import Trouble

_PATIENCE = timedelta(minutes=3)
"""For so long the other machine may be silent about a job that runs: it is asked once a minute."""
_FAILED = "The job on the other machine failed. Read its log, then pause and resume the session to submit a new one."
_SILENT = "The other machine does not tell how the session's job is. It is asked again; what was known still counts."


def troubles(observed: Observed) -> Iterator[Trouble]:
    """Return what is wrong with the session's job, as its controller tells it."""
    decides, word = remote_job.decisive(observed), remote_job.known(observed)
    if decides is not None and decides.phase == "Failed":
        yield Trouble(Failure.REMOTE_JOB_FAILED, decides.error or _FAILED)
    elif word is not None and word.unheard_since is not None and not word.ended:
        submitted = word.phase == "Running" or word.state
        if not submitted or word.at - word.unheard_since >= _PATIENCE:
            said = f"Since {rfc3339(word.unheard_since)}: {word.error}"
            yield Trouble(Failure.CLUSTER_SILENT, _SILENT, said, fatal=False)

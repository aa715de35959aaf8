"""Asks the controllers of remote sessions for the state of their jobs, as often as `model/idle/polling.py` says."""

from datetime import datetime

from amalthea.engine.ports import key_of
from amalthea.model.views import remote_job
from amalthea.model.views.observed import Observed
from amalthea.model.views.remote_job import Look, RemoteJob, Unanswered
from amalthea.operator.inputs.pod_poller import PodPoller


class JobPoller(PodPoller[Look]):
    """Keeps the latest answer of each remote session's controller."""

    silent = "the controller of a remote session does not report its job's state, so its readiness alone counts"
    again = "the controller of a remote session reports its job's state again"

    def job(self, observed: Observed) -> RemoteJob | None:
        """Return a session's job with the latest report on it; None if it has none, or nobody is to be asked."""
        address = remote_job.address(observed) if self._asks else None
        return RemoteJob(address, self._looks.get(key_of(observed.session))) if address is not None else None

    def _read(self, body: bytes, at: datetime) -> Look:
        return remote_job.read(body, at)

    def _unanswered(self, at: datetime, former: Look | None) -> Look:
        last = former.last if isinstance(former, Unanswered) else former
        return Unanswered(at, self._times(former) + 1, last)

    def _times(self, look: Look | None) -> int:
        return look.times if isinstance(look, Unanswered) else 0

"""Sessions on another machine, as `amalthea explain` finds them at each stage of their job."""

from datetime import timedelta

from amalthea.cli.read.snapshot import SessionSnapshot
from amalthea.model.views.remote_job import Word
from amalthea.testing import observations as found
from amalthea.testing.builders import session
from tests.unit.cli.beginnings import WORKLOAD, began
from tests.unit.cli.lives import RUN, Life, at
from tests.unit.cli.parts import LAB, STARTED

FAR = LAB.remote().with_session(remoteSecretRef={"name": "cluster-login"}, readinessProbe={"type": "tcp"})
BATCH = session().remote().as_job().with_spec(culling={"maxIdleDuration": "1h", "maxHibernatedDuration": "24h"})
TUNNEL = found.container("tunnel", ready=True)
UNREADY, READY = found.pod(found.container(), TUNNEL), found.pod(found.container(ready=True), TUNNEL)
LIMIT = timedelta(hours=2)


def _waits() -> Life:
    return began(FAR).meet(WORKLOAD, UNREADY)


def _runs(ends: str) -> Life:
    job = Word(at("13:10:00"), "Running", "RUNNING", ends_at=at(ends), limit=LIMIT)
    return began(FAR).meet(WORKLOAD, READY).look(at("13:10:00"), job=job)


def remote_in_the_queue() -> SessionSnapshot:
    when = at("15:09:40")
    job = Word(when, "NotReady", "PENDING", "Priority", starts_at=at("16:05:00"), limit=LIMIT)
    return _waits().look(when, job=job).known(*STARTED[:4])


def remote_job_refused() -> SessionSnapshot:
    error = (
        "The cluster refuses the job: QOSMaxSubmitJobPerUserLimit. End another job, then pause and resume the session."
    )
    return _waits().look(at("13:00:30"), job=Word(at("13:00:30"), "Failed", error=error)).known(*STARTED[:4])


def remote_job_out_of_memory() -> SessionSnapshot:
    when = at("15:00:00")
    error = "The job needed more memory than it asked for (OUT_OF_MEMORY). Ask for more, then resume the session."
    job = Word(when, "Failed", "OUT_OF_MEMORY", error=error)
    return _runs("15:10:00").meet(WORKLOAD, UNREADY).look(when, job=job).known(*STARTED)


def remote_job_completed() -> SessionSnapshot:
    when = at("15:00:00")
    return _runs("15:10:00").meet(WORKLOAD, UNREADY).look(when, job=Word(when, "Completed")).known(*STARTED)


def remote_batch_completed() -> SessionSnapshot:
    when, worker = at("15:00:00"), found.job(run_id=RUN)
    began_then = Life(BATCH).meet(worker).look(at("13:00:01")).meet(worker, READY)
    runs = began_then.look(at("13:10:00"), job=Word(at("13:10:00"), "Running", "RUNNING", limit=LIMIT))
    return runs.look(when, job=Word(when, "Completed")).known()


def remote_job_ends_soon() -> SessionSnapshot:
    when = at("15:09:30")
    job = Word(when, "Running", "RUNNING", ends_at=at("15:15:00"), limit=LIMIT)
    return _runs("15:15:00").look(when, cores="0.001", job=job).known(*STARTED)


def remote_cluster_is_silent() -> SessionSnapshot:
    when = at("15:09:00")
    job = Word(
        when, "Running", "RUNNING", error="FirecREST answers 503.", unheard_since=at("14:09:00"), ends_at=at("18:00:00")
    )
    return _runs("18:00:00").look(when, cores="0.001", job=job).known(*STARTED)


REMOTE = (
    remote_in_the_queue,
    remote_job_refused,
    remote_job_out_of_memory,
    remote_job_completed,
    remote_batch_completed,
    remote_job_ends_soon,
    remote_cluster_is_silent,
)

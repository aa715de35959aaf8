"""Sessions in all walks of life, as `amalthea explain` may find them: each is shown in a golden file."""

from collections.abc import Callable
from dataclasses import replace

import msgspec

from amalthea.api import names
from amalthea.api.reasons import ConditionType, Reason
from amalthea.cli.read.snapshot import SessionSnapshot
from amalthea.model.findings import Finding
from amalthea.testing import observations as found
from amalthea.testing.builders import session
from tests.unit.cli.beginnings import ASLEEP, DOOR, PREPARED, WORKLOAD, began, fell_idle, leaving, ran, slept
from tests.unit.cli.far import REMOTE
from tests.unit.cli.lives import PENDING, RUN, Life, at, run_id
from tests.unit.cli.parts import LAB, STARTED, event
from tests.unit.cli.troubled import TROUBLED

RESUMED_AT = "15:05:00"


def new() -> SessionSnapshot:
    return replace(Life(LAB), claim=None).known()


def starting() -> SessionSnapshot:
    return began().meet(WORKLOAD, PREPARED).look(at("13:00:02")).known(*STARTED[1:4])


def starting_without_room() -> SessionSnapshot:
    message = (
        "0/3 nodes are available: 1 node(s) had untolerated taint {nvidia.com/gpu: }, 2 Insufficient memory."
        " preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    )
    pod = found.unscheduled_pod(message, since=f"2026-11-22T{RESUMED_AT}Z")
    life = replace(slept("kubectl-patch"), claim=PENDING, asked=()).become(LAB)
    life = life.meet(found.statefulset(run_id=run_id(at(RESUMED_AT))), pod).look(at("15:05:01"))
    return life.known(event("Pod/demo-0", "FailedScheduling", message, "15:08:00", count=3, warning=True))


def running() -> SessionSnapshot:
    return ran().known(*STARTED)


def running_and_idle() -> SessionSnapshot:
    life = fell_idle("14:15:00", asked=at("15:09:00"))
    said = next(each["message"] for each in life.status["conditions"] if each["type"] == "StoppingSoon")
    warned = event("AmaltheaSession/demo", "StoppingSoon", said, "15:09:01", warning=True)
    return life.known(*STARTED, warned)


def declared_busy() -> SessionSnapshot:
    busy = LAB.with_metadata(annotations={names.ANNOTATION_BUSY_UNTIL: "2026-11-22T18:00:00Z"})
    return ran().become(busy).look(at("14:00:00"), cores="0.003").known(*STARTED)


def stopped_answering() -> SessionSnapshot:
    unready = found.condition("Ready", "False", "2026-11-22T15:05:00Z")
    pod = found.pod(found.container(), DOOR, conditions=[unready])
    probe = event("Pod/demo-0", "Unhealthy", "Readiness probe failed: connection refused", "15:09:50", warning=True)
    return ran().meet(WORKLOAD, pod).look(at("15:05:00")).known(*STARTED, probe)


def started_anew_by_kubernetes() -> SessionSnapshot:
    gone = event("Pod/demo-0", "TaintManagerEviction", "Marking for deletion Pod team/demo-0", "15:09:00")
    return ran().meet(WORKLOAD, PREPARED).look(at("15:09:30")).known(*STARTED, gone)


def something_beside_it_fails() -> SessionSnapshot:
    pod = found.pod(found.container(ready=True), found.container("authproxy"))
    return ran().meet(WORKLOAD, pod).look(at("15:00:00"), cores="0.5").known(*STARTED)


def out_of_memory_once() -> SessionSnapshot:
    lab = LAB.with_session(resources={"limits": {"memory": "2Gi"}})
    killed = found.terminated(137, "OOMKilled")
    killed["terminated"]["finishedAt"] = "2026-11-22T14:10:00Z"
    again = found.running("2026-11-22T14:10:02Z")
    pod = found.pod(found.container(state=again, ready=True, last=killed), DOOR)
    return ran().become(lab).meet(WORKLOAD, pod).look(at("14:10:40"), cores="0.5").known(*STARTED)


def update_pending_and_bad_spec() -> SessionSnapshot:
    said = "A newer operator would make the pod differently; that takes effect at the next start."
    pending = Finding(ConditionType.UPDATE_PENDING, Reason.OPERATOR_CHANGED, said)
    bad = LAB.with_spec(authentication={"secretRef": {"key": None}})
    return ran().become(bad).look(at("15:00:00"), cores="1.2", findings=[pending]).known(*STARTED)


def remote() -> SessionSnapshot:
    builder = LAB.remote().with_session(remoteSecretRef={"name": "cluster-login"})
    pod = found.pod(found.container(ready=True), found.container("tunnel", ready=True))
    return began(builder).meet(WORKLOAD, pod).look(at("13:00:41")).known(*STARTED)


def being_paused() -> SessionSnapshot:
    life = ran().become(LAB.paused_by("renku-data-services", "2026-11-22T15:09:55Z"))
    return life.meet(ASLEEP, leaving("15:10:25")).look(at("15:09:55")).known(*STARTED)


def paused_by_user() -> SessionSnapshot:
    return slept("renku-data-services").known()


def paused_for_idleness() -> SessionSnapshot:
    idle = fell_idle("14:00:00", asked=at("14:54:00"))
    gone = event("AmaltheaSession/demo", "Hibernated", "The session is paused. Its files are kept.", "15:00:32")
    return slept(names.FIELD_MANAGER, idle).known(*STARTED, gone)


def about_to_be_resumed() -> SessionSnapshot:
    return slept("renku-data-services").become(LAB).known()


JOB = session().as_job().with_spec(culling={"maxAge": "4h", "maxHibernatedDuration": "24h"})
WORKER = found.job(run_id=RUN)


def job_runs() -> Life:
    """Return a job that runs."""
    pod = found.pod(found.container(ready=True))
    return Life(JOB).meet(WORKER).look(at("13:00:01")).meet(WORKER, pod).look(at("13:00:20"))


def job_that_runs() -> SessionSnapshot:
    return job_runs().known()


def job_that_succeeded() -> SessionSnapshot:
    done = found.job(found.condition("Complete", "True", "2026-11-22T14:30:00Z"), run_id=RUN)
    pod = found.pod(found.container(state=found.terminated(0, "Completed")), phase="Succeeded")
    return job_runs().meet(done, pod).look(at("14:30:00")).known()


def job_that_failed() -> SessionSnapshot:
    bad = found.condition("Failed", "True", "2026-11-22T14:30:00Z", reason="BackoffLimitExceeded")
    pod = found.pod(found.container(state=found.terminated(3)), phase="Failed")
    return job_runs().meet(found.job(bad, run_id=RUN), pod).look(at("14:30:00")).known()


def job_cut_off() -> SessionSnapshot:
    late = found.condition("Failed", "True", "2026-11-22T15:00:01Z", reason="DeadlineExceeded")
    life = job_runs().become(JOB.with_spec(culling={"maxAge": "2h"}))
    return life.meet(found.job(late, run_id=RUN)).look(at("15:00:02")).known()


def being_deleted() -> SessionSnapshot:
    gone = ran().meet(WORKLOAD, leaving("15:10:10"), deleting=True).look(at("15:09:40")).known(*STARTED)
    view = gone.observed.session
    held = msgspec.structs.replace(view.metadata, finalizers=[names.FINALIZER, "example.org/backup"])
    return replace(gone, observed=replace(gone.observed, session=msgspec.structs.replace(view, metadata=held)))


def little_may_be_read() -> SessionSnapshot:
    bare = replace(ran(), claim=None).meet(None).known()
    return replace(bare, unread=("You may not list pods here, so the state of its containers is not shown.",))


SCENARIOS: dict[str, Callable[[], SessionSnapshot]] = {
    each.__name__: each
    for each in (
        new,
        starting,
        starting_without_room,
        running,
        running_and_idle,
        declared_busy,
        stopped_answering,
        started_anew_by_kubernetes,
        something_beside_it_fails,
        out_of_memory_once,
        update_pending_and_bad_spec,
        remote,
        being_paused,
        paused_by_user,
        paused_for_idleness,
        about_to_be_resumed,
        job_that_runs,
        job_that_succeeded,
        job_that_failed,
        job_cut_off,
        being_deleted,
        little_may_be_read,
        *TROUBLED,
        *REMOTE,
    )
}

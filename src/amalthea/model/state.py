"""The session's state in one word: a pure function of what was observed. The first line that matches wins."""

from dataclasses import dataclass

from amalthea.api.reasons import Failure
from amalthea.api.types import RUNNING_STATES, ContainerCounts, State, Status
from amalthea.model.diagnosis import checks, remote_jobs
from amalthea.model.diagnosis import diagnosis as troubles
from amalthea.model.diagnosis.diagnosis import Diagnosis
from amalthea.model.views import readiness, remote_job
from amalthea.model.views.observed import Observed

_NONE = ContainerCounts()


@dataclass(frozen=True)
class Verdict:
    """The state of the session, and what the user should know about it."""

    state: State
    error: str | None = None
    containers: ContainerCounts = _NONE
    init_containers: ContainerCounts = _NONE
    trouble: Diagnosis | None = None
    """The failure or warning, if any: the material of the condition `Healthy`."""


def judge(observed: Observed) -> Verdict:
    """Derive the state of a session with a valid spec from the objects that exist.

    Changes by time: `status/timeouts.py`.
    """
    if observed.deleting:
        return _stopping(observed)
    if _end_is_recorded(observed):
        status = observed.session.status
        counts = (status.container_counts or _NONE, status.init_container_counts or _NONE)
        return Verdict(status.state, status.error, *counts, troubles.recorded(status))
    if observed.hibernated:
        return _hibernated(observed) if _asleep(observed) else _stopping(observed)
    return _judge_run(observed)


def _hibernated(observed: Observed) -> Verdict:
    """Return the verdict on a paused session; what its pod could not undo at its end is still reported."""
    known = troubles.recorded(observed.session.status)
    trouble = known if known is not None and known.code is Failure.REMOTE_JOB_LEFT else None
    trouble = remote_jobs.left(observed.former_pod) or trouble
    return Verdict("Hibernated", trouble.message if trouble is not None else None, trouble=trouble)


def _asleep(observed: Observed) -> bool:
    """Return whether a session that is to be paused has no pod any more, by all that is known of it."""
    workload = observed.own_workload
    return not observed.pods and not observed.pod_unseen and (workload is None or not workload.awake)


def _end_is_recorded(observed: Observed) -> bool:
    """Return whether a job's end was recorded, and neither the Job nor its pod is there any more to show it better.

    They do not show the end of work on another machine: its maxAge, or a drain, ends a pod that has nothing left to do.
    """
    job, status = observed.own_workload, observed.session.status
    if not observed.ended:
        return False
    if job is None or not job.finished or (observed.remote and remote_job.end_is_recorded(status)):
        return True
    return observed.pod is None and status.state == "Failed" and not job.succeeded


def _judge_run(observed: Observed) -> Verdict:
    trouble, status = checks.find(observed), observed.session.status
    message = words(trouble, status) if trouble is not None else None
    state: State = "NotReady"
    word = remote_job.decisive(observed)
    job = word.phase if word is not None else None
    if job not in remote_job.ENDS and (beside := _only_beside(observed)):
        unready = f"Not ready: {', '.join(beside)}."
        aside = trouble is not None and trouble.aside
        state, message = "RunningDegraded", f"{unready} {message}" if aside else message or unready
    elif trouble is not None and trouble.fatal:
        state = "Failed"
    elif job == "Completed" or _succeeded(observed):
        state = "Succeeded"
    elif job in (None, "Running") and (_running(observed) or (job is not None and not observed.interactive)):
        state = "Running"
    return Verdict(state, message, *_counts(observed), trouble)


def _counts(observed: Observed) -> tuple[ContainerCounts, ContainerCounts]:
    """Return the counts of containers and init containers: the workload's own while it has a pod that is not seen.

    So a start or a pause that nothing delays is reported in two writes of the status, at its start and its end.
    """
    workload, pod = observed.own_workload, observed.pod
    if pod is None and workload is not None and not workload.finished and (workload.awake or observed.pod_unseen):
        return ContainerCounts(total=workload.containers), ContainerCounts(total=workload.init_containers)
    return readiness.counts(pod), readiness.init_counts(pod)


def words(trouble: Diagnosis, status: Status) -> str:
    """Return cause and remedy with the runtime's words: those reported first, as long as the cause is the same.

    The runtime's words hold counters, ports and times: reported anew each time, they would cause a write per attempt.
    """
    if trouble.said and status.error and f"{status.error} ".startswith(f"{trouble.message} "):
        return status.error
    return f"{trouble.message} {trouble.said}".strip()


def _running(observed: Observed) -> bool:
    """Return whether the pod is ready. The workload's status reports the same later, and no more."""
    workload, pod = observed.own_workload, observed.pod
    return workload is not None and workload.awake and pod is not None and pod.ready and not pod.leaving


def _succeeded(observed: Observed) -> bool:
    job, pod = observed.own_workload, observed.pod
    if job is None or job.kind != "Job":
        return False
    return job.succeeded or (pod is not None and not pod.leaving and readiness.completed(pod))


def _only_beside(observed: Observed) -> tuple[str, ...]:
    """Return what beside the session is not ready, if the session itself answers, and all did before in this run."""
    pod = observed.pod
    if pod is None or pod.leaving or pod.ready or not readiness.session_answers(pod):
        return ()
    ran = observed.session.status.state in RUNNING_STATES or readiness.was_ready(pod)
    return readiness.unready_beside(pod) if ran else ()


def _stopping(observed: Observed) -> Verdict:
    """Return the verdict on a session that is being stopped: none of its containers counts as ready any more."""
    containers, init_containers = _counts(observed)
    trouble = remote_jobs.left(observed.pod)
    return Verdict(
        "NotReady",
        trouble.message if trouble is not None else None,
        trouble=trouble,
        containers=ContainerCounts(total=containers.total),
        init_containers=ContainerCounts(total=init_containers.total),
    )

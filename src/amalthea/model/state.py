"""The session's state in one word: a pure function of what was observed. The first line that matches wins."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from amalthea.api.reasons import ConditionType
from amalthea.api.types import ContainerCounts, State, Status
from amalthea.model import failures, readiness
from amalthea.model.failures import Trouble
from amalthea.model.observed import Observed

CALM = timedelta(minutes=2)
"""How long a failed session stays failed after the cause is gone, unless it is ready or paused before."""

_NONE = ContainerCounts()


@dataclass(frozen=True)
class Verdict:
    """How the session is, and what the user should know about it."""

    state: State
    error: str | None = None
    containers: ContainerCounts = _NONE
    init_containers: ContainerCounts = _NONE


def judge(observed: Observed) -> Verdict:
    """Tell how a session is whose spec can be used."""
    if observed.deleting:
        return _stopping(observed)
    if _end_is_told(observed):
        told = observed.session.status
        return Verdict(told.state, told.error, told.container_counts or _NONE, told.init_container_counts or _NONE)
    if observed.hibernated:
        gone = not observed.pods and (observed.own_workload is None or not observed.own_workload.awake)
        return Verdict("Hibernated") if gone else _stopping(observed)
    return _judge_run(observed)


def linger(observed: Observed, verdict: Verdict, now: datetime) -> Verdict:
    """Keep a session failed that only seems to recover: a container that crashes runs for moments in between.

    Failed is left when the session is ready, when it is paused, and after two minutes without the cause. What was
    refused by the API server or by validation does not come and go: it is left at once.
    """
    if verdict.state != "NotReady" or not _failed_by_its_pod(observed):
        return verdict
    calm = calm_at(observed)
    if calm is not None and calm <= now:
        return verdict
    return replace(verdict, state="Failed", error=verdict.error or observed.session.status.error)


def calm_at(observed: Observed) -> datetime | None:
    """Return until when a failed session stays failed without a cause; None as long as there is no pod to judge by."""
    began = readiness.began_anew_at(observed.pod) if observed.pod is not None else None
    return began + CALM if began is not None else None


def _failed_by_its_pod(observed: Observed) -> bool:
    told = observed.session.status
    others = (ConditionType.ACCEPTED, ConditionType.CHILDREN_IN_PLACE)
    at_work = not observed.deleting and not observed.hibernated
    return at_work and told.state == "Failed" and not any(c.type in others for c in told.conditions or ())


def _end_is_told(observed: Observed) -> bool:
    """Tell whether a job's end was told, and neither the Job nor its pod is there any more to tell it better."""
    job, told = observed.own_workload, observed.session.status.state
    if not observed.ended:
        return False
    if job is None or not job.finished:
        return True
    return observed.pod is None and told == "Failed" and not job.succeeded


def _judge_run(observed: Observed) -> Verdict:
    workload, pod, told = observed.own_workload, observed.pod, observed.session.status
    already_failed = told.state == "Failed" and not (pod is not None and pod.ready)
    trouble = failures.find(workload, pod, already_failed=already_failed)
    message = _words(trouble, told) if trouble is not None else None
    state: State = "NotReady"
    if beside := _only_beside(observed):
        state, message = "RunningDegraded", message or f"Not ready: {', '.join(beside)}."
    elif trouble is not None and trouble.fatal:
        state = "Failed"
    elif _succeeded(observed):
        state = "Succeeded"
    elif _running(observed):
        state = "Running"
    return Verdict(state, message, *_counts(observed))


def _counts(observed: Observed) -> tuple[ContainerCounts, ContainerCounts]:
    """Return the counts of containers and init containers: those to come, before the pod is there to be counted.

    So a start that nothing delays is told in two writes of the status, its begin and its end.
    """
    workload, pod = observed.own_workload, observed.pod
    if pod is None and workload is not None and workload.awake and not workload.finished:
        return ContainerCounts(total=workload.containers), ContainerCounts(total=workload.init_containers)
    return readiness.counts(pod), readiness.init_counts(pod)


def _words(trouble: Trouble, told: Status) -> str:
    """Return cause and remedy with the runtime's words: those that were told first, as long as the cause is the same.

    The runtime's words hold counters, ports and times: told anew each time, they would be a status write per attempt.
    """
    if trouble.said and told.error and f"{told.error} ".startswith(f"{trouble.message} "):
        return told.error
    return f"{trouble.message} {trouble.said}".strip()


def _running(observed: Observed) -> bool:
    """Tell whether the pod is ready. What the workload's status says of it comes later, and says no more."""
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
    ran = observed.session.status.state in ("Running", "RunningDegraded") or readiness.was_ready(pod)
    return readiness.unready_beside(pod) if ran else ()


def _stopping(observed: Observed) -> Verdict:
    """Return the verdict on a session that is being stopped: none of its containers counts as ready any more."""
    containers, init_containers = readiness.counts(observed.pod), readiness.init_counts(observed.pod)
    return Verdict(
        "NotReady",
        containers=ContainerCounts(total=containers.total),
        init_containers=ContainerCounts(total=init_containers.total),
    )

"""What is wrong with a session's pod: causes and next steps in words for a researcher, the runtime's own words behind.

Only the objects' own status is read. A pod that is being stopped on purpose has no failures, and what may still come
right by itself (a secret that is not there yet, a first failed pull) is a warning: the session is starting.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from amalthea.model import readiness
from amalthea.model.pods import ContainerStatus, PodView, Terminated, Waiting
from amalthea.model.views import WorkloadView


@dataclass(frozen=True)
class Trouble:
    """Something is wrong. Fatal means that the session is Failed; else it is a warning while it starts."""

    message: str
    """Cause and next step: the same sentence as long as the cause is the same."""
    said: str = ""
    """The runtime's own words. They may differ from one attempt to the next."""
    fatal: bool = True


_STARTING = {"", "ContainerCreating", "PodInitializing"}
_PULL = {"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
_CAUSES = {
    "ErrImagePull": "its image could not be pulled yet; Kubernetes tries again",
    "ImagePullBackOff": "its image cannot be pulled; check the image's name and tag, and that the registry lets you in",
    "InvalidImageName": "the name of its image is not valid; correct it",
    "ErrImageNeverPull": "its image is not on the node, and the pull policy forbids pulling it",
    "RegistryUnavailable": "the registry of its image does not answer; try again later",
    "CrashLoopBackOff": "it ends each time right after its start; look into its log for the cause",
    "CreateContainerConfigError": "its settings cannot be used; check its user, its environment and its mounts",
    "CreateContainerError": "it cannot be created; check its command, mounts and security settings",
    "RunContainerError": "its command cannot be run; check that it exists in the image",
}
_CANNOT_BE_STARTED = {"StartError", "ContainerCannotRun"}
_NOT_THERE_YET = re.compile(r"(secret|configmap) .*not found|couldn't find key|^$", re.IGNORECASE)
_BACK_OFF = re.compile(r'^Back-off pulling image "[^"]*"(: ErrImagePull: )?')
"""What the kubelet puts before the words of the last attempt."""


def find(workload: WorkloadView | None, pod: PodView | None, *, already_failed: bool) -> Trouble | None:
    """Return what is wrong, the worst first, or None.

    `already_failed` keeps a failed session failed while its failing pull alternates between two forms.
    """
    if workload is not None and workload.succeeded:
        return None
    job_failure = _job_failure(workload)
    if job_failure is not None and _ran_too_long(workload):
        return job_failure
    at_work = pod is not None and not pod.leaving and not readiness.completed(pod)
    troubles = list(_troubles(pod, already_failed=already_failed)) if pod is not None and at_work else []
    fatal = next((trouble for trouble in troubles if trouble.fatal), None)
    return fatal or job_failure or next(iter(troubles), None)


def _troubles(pod: PodView, *, already_failed: bool) -> Iterator[Trouble]:
    if pod.status.phase == "Failed" and pod.status.reason:
        yield Trouble(f"The session's pod was stopped ({pod.status.reason}). {pod.status.message}".strip())
    for container in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        if container.state.waiting is not None:
            yield from _waiting(container, container.state.waiting, already_failed=already_failed)
        elif container.state.terminated is not None and container.state.terminated.exit_code != 0:
            yield _ended(container, container.state.terminated)
    if pod.unschedulable is not None:
        yield Trouble("No node can take the session yet.", pod.unschedulable.message, fatal=False)


def _waiting(container: ContainerStatus, waiting: Waiting, *, already_failed: bool) -> Iterator[Trouble]:
    reason, last = waiting.reason, container.last_state.terminated
    if reason in _STARTING:
        return
    if reason == "CrashLoopBackOff" and last is not None:
        yield _ended(container, last)
    elif reason == "CreateContainerConfigError" and _NOT_THERE_YET.search(waiting.message):
        needs = f"The container {container.name} waits for a secret or config map that is not there yet."
        yield Trouble(needs, waiting.message, fatal=False)
    else:
        known = "ImagePullBackOff" if reason == "ErrImagePull" and already_failed else reason
        cause = _CAUSES.get(known, f"Kubernetes gives the reason {reason}")
        image = f" Image: {container.image}." if reason in _PULL else ""
        yield Trouble(
            f"The container {container.name} does not start: {cause}.{image}",
            _BACK_OFF.sub("", waiting.message) if reason != "CrashLoopBackOff" else "",
            fatal=known != "ErrImagePull",
        )


def _ended(container: ContainerStatus, how: Terminated) -> Trouble:
    """Return the trouble of a container that ended: the same while it is down, waits, and runs for moments again."""
    name, said = container.name, how.message.strip()
    if how.reason == "OOMKilled":
        return Trouble(f"The container {name} ended because it used more memory than its limit; ask for more memory.")
    if how.reason in _CANNOT_BE_STARTED:
        cannot = f"The container {name} does not start: {_CAUSES['RunContainerError']}."
        return Trouble(f"{cannot} {said}".strip())
    ended = f"The container {name} ended with exit code {how.exit_code}; look into its log for the cause."
    return Trouble(f"{ended} Its last words: {said}" if said else ended)


def _job_failure(job: WorkloadView | None) -> Trouble | None:
    failure = job.failure if job is not None else None
    if failure is None:
        return None
    if failure.reason == "DeadlineExceeded":
        return Trouble("The job was stopped because it ran longer than its maxAge; allow it more time.")
    return Trouble(f"The job failed. {failure.message}".strip())


def _ran_too_long(job: WorkloadView | None) -> bool:
    failure = job.failure if job is not None else None
    return failure is not None and failure.reason == "DeadlineExceeded"

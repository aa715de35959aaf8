"""Interprets a pod's status: how many of its containers are ready, which are not, and what it went through before.

The views only hold what the kubelet wrote; `state.py` judges the session by what is derived here.
"""

from collections.abc import Iterator
from datetime import datetime

from amalthea.api import names
from amalthea.api.types import ContainerCounts
from amalthea.model.views.pods import ContainerStatus, PodView


def counts(pod: PodView | None) -> ContainerCounts:
    """Return how many containers are ready, or ended with success; of a pod that is being stopped, none."""
    if pod is None:
        return ContainerCounts()
    ready = 0 if pod.leaving else sum(_counts_as_ready(status) for status in pod.status.container_statuses)
    return ContainerCounts(ready=ready, total=len(pod.spec.containers))


def init_counts(pod: PodView | None) -> ContainerCounts:
    """Return how many init containers ended with success or, if they are sidecars, are ready."""
    if pod is None:
        return ContainerCounts()
    sidecars = pod.sidecars
    statuses = () if pod.leaving else pod.status.init_container_statuses
    ready = sum(_counts_as_ready(status) if status.name in sidecars else _succeeded(status) for status in statuses)
    return ContainerCounts(ready=ready, total=len(pod.spec.init_containers))


def session_answers(pod: PodView) -> bool:
    """Return whether the session container itself is ready."""
    return any(status.name == names.CONTAINER_SESSION and status.ready for status in pod.status.container_statuses)


def session_started_at(pod: PodView) -> datetime | None:
    """Return since when the session container has run, or None if it does not run."""
    running = (s.state.running for s in pod.status.container_statuses if s.name == names.CONTAINER_SESSION)
    return next((state.started_at for state in running if state is not None), None)


def unready_beside(pod: PodView) -> tuple[str, ...]:
    """Return the names of the containers beside the session's that are not ready, sidecars included."""
    beside = (status for status in pod.lasting if status.name != names.CONTAINER_SESSION)
    return tuple(status.name for status in beside if not status.ready)


def completed(pod: PodView) -> bool:
    """Return whether all that the pod was made for has ended with success; sidecars may still be running."""
    statuses = pod.status.container_statuses
    all_ended = 0 < len(pod.spec.containers) == len(statuses) and all(map(_succeeded, statuses))
    return pod.status.phase == "Succeeded" or all_ended


def has_begun(pod: PodView) -> bool:
    """Return whether any container of the pod runs, or ever ran."""
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    return any(each.state.running or each.state.terminated or each.last_state.terminated for each in statuses)


def was_ready(pod: PodView) -> bool:
    """Return whether the pod is ready or once was: then it turned unready after its init containers had ended."""
    ready, initialized = pod.condition("Ready"), pod.condition("Initialized")
    if ready is None or initialized is None:
        return False
    turned, began = ready.last_transition_time, initialized.last_transition_time
    return ready.status == "True" or (turned is not None and began is not None and began < turned)


def began_anew_at(pod: PodView) -> datetime | None:
    """Return when the pod last started anew: its creation, or the start of a container that runs now."""
    return max(_beginnings(pod), default=None)


def _beginnings(pod: PodView) -> Iterator[datetime]:
    if pod.metadata.creation_timestamp is not None:
        yield pod.metadata.creation_timestamp
    for status in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        if status.state.running is not None and status.state.running.started_at is not None:
            yield status.state.running.started_at


def _counts_as_ready(status: ContainerStatus) -> bool:
    return _succeeded(status) or (status.state.running is not None and status.ready)


def _succeeded(status: ContainerStatus) -> bool:
    return status.state.terminated is not None and status.state.terminated.exit_code == 0

"""Decides whose Events to list: only while a session is not ready, and its objects' own status does not explain why.

A start that goes well asks nothing: each question has a waiting time, within which its object usually explains itself.
"""

from dataclasses import dataclass
from datetime import timedelta

from amalthea.model.diagnosis import events, pods
from amalthea.model.views import readiness
from amalthea.model.views.observed import Observed
from amalthea.model.views.pods import PodView

NO_POD = timedelta(seconds=15)
"""A workload without a pod: a quota, or an admission rule."""
NO_VOLUME = timedelta(seconds=15)
"""A claim without a volume: no such class, or a provisioner that fails."""
NO_NODE = timedelta(seconds=15)
"""A pod without a node: is another node coming? Autoscalers look every ten seconds."""
NO_CONTAINER = timedelta(seconds=20)
"""A pod on a node, without containers: volumes that are not attached or mounted, no network."""

_ORDINARY = (
    "Scheduled",
    "FailedScheduling",
    "NotTriggerScaleUp",
    "Pulling",
    "Pulled",
    "Created",
    "Started",
    "Unhealthy",
    "BackOff",
    "Killing",
)
"""The reasons of most Events on pods."""


@dataclass(frozen=True)
class Topic:
    """The subject of one list of a namespace's Events, for all sessions there that have the same question."""

    kind: str
    """The kind of the objects that the Events are about."""
    reasons: tuple[str, ...]
    """The reasons that are read."""

    @property
    def selector(self) -> str:
        """The list's field selector. It has no "or", so it leaves out most of what is not read, not all of it."""
        left_out = (f"reason!={reason}" for reason in _ORDINARY if reason not in self.reasons)
        return ",".join((f"involvedObject.kind={self.kind}", *left_out))


VOLUMES = Topic("PersistentVolumeClaim", events.CLAIM_REASONS)
NODES = Topic("Pod", pods.SCALE_UP)
CONTAINERS = Topic("Pod", events.POD_REASONS)


@dataclass(frozen=True)
class Inquiry:
    """A question: what it is about, the UIDs of the objects, and how long to wait before it is asked first."""

    topic: Topic
    uids: tuple[str, ...]
    patience: timedelta


def inquire(observed: Observed) -> Inquiry | None:
    """Return what to ask about a session, or None if nothing is unexplained."""
    workload, pod = observed.own_workload, observed.pod
    if observed.deleting or observed.hibernated or observed.ended or workload is None or not workload.awake:
        return None
    if pod is None:
        return Inquiry(Topic(workload.kind, events.WORKLOAD_REASONS), (workload.metadata.uid,), NO_POD)
    if pod.leaving or pod.ready or readiness.has_begun(pod):
        return None
    return _about_volumes(observed, pod) or _about_pod(pod)


def _about_volumes(observed: Observed, pod: PodView) -> Inquiry | None:
    """Ask about claims without a volume, unless they wait for the pod to get a node, and it has none."""
    claims = tuple(claim.metadata.uid for claim in observed.claims if claim.pending and observed.owns(claim))
    return Inquiry(VOLUMES, claims, NO_VOLUME) if claims and pod.unschedulable is None else None


def _about_pod(pod: PodView) -> Inquiry | None:
    if pod.unschedulable is not None:
        return Inquiry(NODES, (pod.metadata.uid,), NO_NODE)
    scheduled, prepared = pod.condition("PodScheduled"), pod.condition("PodReadyToStartContainers")
    if scheduled is None or scheduled.status != "True" or (prepared is not None and prepared.status == "True"):
        return None
    return Inquiry(CONTAINERS, (pod.metadata.uid,), NO_CONTAINER)

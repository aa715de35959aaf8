"""Pods that are stopped, lost, or find no node: from the pod's own status, and from Events of autoscalers."""

import re
from collections.abc import Container, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from amalthea.api import names
from amalthea.api.reasons import Failure
from amalthea.model import spans
from amalthea.model.diagnosis import rules
from amalthea.model.diagnosis.diagnosis import Diagnosis
from amalthea.model.diagnosis.rules import Rule
from amalthea.model.views.events import EventView, latest
from amalthea.model.views.pods import PodView

SCHEDULING_PATIENCE = timedelta(minutes=10)
"""The time without a node after which a session is failed, counted again when the cluster is about to get a node."""
VOLUME_PATIENCE = timedelta(seconds=15)
"""The time that a pod may wait for a volume before that is a failure to schedule: most are made in seconds."""
STOP_PATIENCE = timedelta(minutes=1)
"""The time that a pod may outstay its deletion time, which has its grace period in it already."""

SCALE_UP = ("TriggeredScaleUp", "Nominated")
"""Reasons of Events on a pod for which a node is on its way: the Cluster Autoscaler's, and Karpenter's."""
_EVICTED = (
    Rule(
        r"low on resource: memory",
        (Failure.EVICTED, "its node ran out of memory; ask for as much as the session uses, so that it is reserved"),
    ),
    Rule(
        r"low on resource: (ephemeral-storage|nodefs|imagefs|inodes)",
        (Failure.EVICTED, "its node ran out of disk; keep files on the session's volume"),
    ),
    Rule(
        f'EmptyDir volume "{names.VOLUME_SHM}" exceeds',
        (Failure.DISK_FULL, "it put more into /dev/shm than it may; ask for more in spec.session.shmSize"),
    ),
    Rule(
        r"exceed",
        (
            Failure.DISK_FULL,
            "it wrote more to its node's disk than it may; keep files on the session's volume, or ask for more",
        ),
    ),
)
_DISRUPTED = {
    "PreemptionByScheduler": "something more important needed its place",
    "DeletionByTaintManager": "its node was taken out of service",
    "EvictionByEvictionAPI": "its node is being emptied, for maintenance or because it is not needed",
    "DeletionByPodGC": "its node is gone",
}
_MISSING_CLAIM = re.compile(r'persistentvolumeclaim "([^"]+)" not found', re.IGNORECASE)
_OTHER_REASONS = (
    Rule(r"Too many pods", "the nodes run as many pods as they can"),
    Rule(
        r"(?<!volume )(?<!volume's )(node affinity|selector)", "no node matches the session's node selector or affinity"
    ),
    Rule(r"untolerated taint \{(?!node\.kubernetes\.io/)", "the nodes are reserved for others"),
    Rule(r"untolerated taint \{node\.kubernetes\.io/|were unschedulable", "nodes are out of service at the moment"),
    # Since Kubernetes 1.34.2 the scheduler does not say which taint it is.
    Rule(r"untolerated taint\(s\)", "nodes are reserved for others or out of service"),
    Rule(r"volume('s)? (node affinity|zone)", "its volume is out of reach of the nodes that have room"),
    Rule(r"exceed max volume count", "the nodes hold as many volumes as they can"),
    Rule(r"enough free storage", "the nodes have too little storage left for its volume"),
    Rule(r"available persistent volumes to bind", "no volume of its class is free on the nodes"),
    Rule(r"anti-affinity|pod affinity|topology spread", "a rule keeps it away from, or near to, other pods"),
    Rule(r"free ports", "the ports of the nodes that it asks for are taken"),
)
_VOLUME_GONE = re.compile(r"non-existent (persistentvolume|pv)", re.IGNORECASE)
_ONE_POD_ONLY = re.compile(r"persistentvolumeclaim with .*readwriteoncepod access mode", re.IGNORECASE)
"""The scheduler's words for a volume that only one pod may mount (ReadWriteOncePod), and another one does."""


def stopped(pod: PodView) -> Diagnosis | None:
    """Return why Kubernetes stopped a pod, if it did."""
    if pod.status.phase == "Failed" and pod.status.reason:
        return _stopped(pod.status.reason, pod.status.message.strip())
    disrupted = pod.condition("DisruptionTarget")
    if not pod.leaving or disrupted is None or disrupted.status != "True":
        return None
    cause = _DISRUPTED.get(disrupted.reason, "its node needs the resources that it uses")
    message = f"The session's pod is being stopped: {cause}. The files on the session's volume are kept."
    return Diagnosis(Failure.EVICTED, message, disrupted.message)


def _stopped(reason: str, said: str) -> Diagnosis:
    if reason != "Evicted":
        message = f"The session's pod was stopped ({reason}). If that happens again, ask an administrator."
        return Diagnosis(Failure.POD_STOPPED, message, said)
    code, cause = rules.first(_EVICTED, said, (Failure.EVICTED, "its node needed the resources that it used"))
    return Diagnosis(code, f"The session's pod was stopped: {cause}.", said)


def lost_at(pod: PodView) -> datetime | None:
    """Return when a pod that is being stopped counts as lost: its node should have reported its end long before."""
    return spans.end(pod.metadata.deletion_timestamp, STOP_PATIENCE)


def lost(pod: PodView) -> Diagnosis:
    """Return the trouble of a pod whose end nobody reports. It is never removed by force: two writers lose data."""
    if pod.lasting and all(each.state.terminated is not None for each in pod.lasting):
        message = (
            "The session's containers have ended, but its pod remains: its volumes are still being released, or a"
            " finalizer holds it. If that lasts, an administrator should look at the pod and its node."
        )
        return Diagnosis(Failure.POD_STOPPED, message, fatal=False)
    message = (
        "The node of the session does not answer, so it is not known whether the session has stopped. To protect"
        " its volume, it is not started elsewhere; an administrator must bring the node back, or remove it from the"
        " cluster."
    )
    return Diagnosis(Failure.NODE_LOST, message, fatal=False)


def unreachable(pod: PodView) -> Diagnosis | None:
    """Return the trouble of a pod that the control plane calls unready, while its own kubelet last called it ready."""
    ready, containers = pod.condition("Ready"), pod.condition("ContainersReady")
    if ready is None or containers is None or pod.leaving:
        return None
    if (ready.status, containers.status) != ("False", "True") or ready.reason == "ReadinessGatesNotReady":
        return None
    message = "The node of the session does not answer at the moment. If it does not come back, ask an administrator."
    return Diagnosis(Failure.NODE_LOST, message, fatal=False)


def unscheduled(pod: PodView, events: Iterable[EventView]) -> Diagnosis | None:
    """Return the warning of a pod that no node can take, or None."""
    scheduled = pod.unschedulable
    if scheduled is None:
        return None
    if scaled_up_at(pod, events) is not None:
        message = "No node can take the session yet, but the cluster is adding one; that takes some minutes."
        return Diagnosis(Failure.NODE_COMING, message, scheduled.message, fatal=False)
    message = f"No node can take the session yet{_short_of(scheduled.message)}. It starts as soon as one can."
    return Diagnosis(Failure.UNSCHEDULABLE, message, scheduled.message, fatal=False)


def lacks_claim(pod: PodView, ours: Container[str]) -> Diagnosis | None:
    """Return the warning of a pod that waits for a claim that is not there and not `ours`, or whose volume is gone.

    Our own are created with the pod: that they do not exist yet is not a trouble.
    """
    scheduled = pod.condition("PodScheduled")
    if scheduled is None or scheduled.status != "False":
        return None
    missing = _MISSING_CLAIM.search(scheduled.message)
    if missing is not None and missing[1] not in ours:
        message = (
            f'The session waits for the claim "{missing[1]}", which does not exist. Create it, or correct its name.'
        )
        return Diagnosis(Failure.VOLUME_PENDING, message, scheduled.message, fatal=False)
    if _ONE_POD_ONLY.search(scheduled.message):
        message = (
            "A volume of the session is for one pod at a time, and another pod has it; it starts when that has gone."
        )
        return Diagnosis(Failure.VOLUME_NOT_ATTACHED, message, scheduled.message, fatal=False)
    if _VOLUME_GONE.search(scheduled.message):
        message = "A volume of the session does not exist any more. An administrator must restore it, or its data."
        return Diagnosis(Failure.VOLUME_PENDING, message, scheduled.message, fatal=False)
    return None


def unscheduled_too_long(pod: PodView, known: Diagnosis | None) -> Diagnosis:
    """Return the failure of a pod that no node took for as long as we wait; `known` is what was wrong until then.

    What a volume lacks is reported as before.
    """
    if known is not None and known.code in (Failure.VOLUME_PENDING, Failure.VOLUME_NOT_ATTACHED):
        return replace(known, fatal=True)
    if (waits := pod.without_volume) is not None:
        message = (
            "The cluster has not created a volume of the session for too long. Check its class and its size; if they"
            " are right, ask an administrator."
        )
        return Diagnosis(Failure.VOLUME_PENDING, message, waits.message)
    said = pod.unschedulable.message if pod.unschedulable is not None else ""
    message = f"No node has taken the session for too long{_short_of(said)}. Ask for less, or try again later."
    return Diagnosis(Failure.UNSCHEDULABLE, message, said)


def scheduling_fails_at(pod: PodView, events: Iterable[EventView]) -> datetime | None:
    """Return when a pod that no node can take is a failure; None if one has taken it, or if it is not known."""
    scheduled = pod.unschedulable
    if scheduled is None or scheduled.last_transition_time is None:
        return None
    scaled_up = scaled_up_at(pod, events)
    return spans.end(max(filter(None, (scheduled.last_transition_time, scaled_up))), SCHEDULING_PATIENCE)


def scaled_up_at(pod: PodView, events: Iterable[EventView]) -> datetime | None:
    """Return when the cluster autoscaler last announced a node for a pod."""
    event = latest(events, pod.metadata.uid, *SCALE_UP)
    return event.last if event is not None else None


def _short_of(said: str) -> str:
    """Return what the nodes are short of, from the scheduler's message, without what it says of preemption.

    Counts of nodes are left out: they change with each node that comes and goes.
    """
    said = said.partition("preemption:")[0]
    short = sorted(set(re.findall(r"Insufficient ([\w./-]*\w)", said)))
    causes = [f"too little {' and '.join(short)} is free"] if short else []
    causes += [rule.meaning for rule in _OTHER_REASONS if rule.match(said)]
    return f": {', '.join(causes)}" if causes else ""

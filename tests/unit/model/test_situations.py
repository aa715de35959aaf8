"""Every situation of a session, and what is reported of it: a line each. To be read as documentation.

The judgement that clients see: state, code of what is wrong, and whether the message speaks to a researcher.
"""

# ruff: noqa: E501 a situation is a line

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from amalthea.api.reasons import ConditionType, Failure
from amalthea.api.schema import Manifest
from amalthea.api.types import Status
from amalthea.model.plan import Fresh, decide
from amalthea.model.status.report import Context, Outcome, as_data, merge_patch, report
from amalthea.model.views.observed import Observed
from amalthea.testing.builders import RUN_ID, session
from amalthea.testing.observations import (
    CLAIM_UID,
    POD_UID,
    WORKLOAD_UID,
    claim,
    condition,
    container,
    event,
    ingress,
    job,
    observed,
    pod,
    pod_view,
    statefulset,
    terminated,
    unscheduled_pod,
    waiting,
    with_claims,
    with_events,
)

NOW = datetime(2026, 11, 22, 13, 10, tzinfo=UTC)


def ago(**time: float) -> str:
    return (NOW - timedelta(**time)).strftime("%Y-%m-%dT%H:%M:%SZ")


AWAKE, ASLEEP = statefulset(), statefulset(replicas=0)
PAUSED, JOB = session().hibernated(), session().as_job()
LISTED_TWICE = session().with_repository("https://git.example.org/x.git").with_repository("https://git.example.org/x")
TWO_REVISIONS = LISTED_TWICE.with_repository("https://git.example.org/x.git", revision="v2")
READY = pod(container(ready=True))
CREATING = pod(container(state=waiting("ContainerCreating")), phase="Pending")
FULL = unscheduled_pod("0/2 nodes are available: 2 Insufficient nvidia.com/gpu.", ago(minutes=2))
FULL_TOO_LONG = unscheduled_pod("0/2 nodes are available: 2 Insufficient memory.", ago(minutes=10))
UNBOUND = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
NO_CLAIM, NO_CLAIM_TOO_LONG = unscheduled_pod(UNBOUND, ago(minutes=9)), unscheduled_pod(UNBOUND, ago(minutes=10))
NOT_THERE, REMOVED = (
    'persistentvolumeclaim "data" not found',
    'persistentvolumeclaim "demo" bound to non-existent persistentvolume "pv-1"',
)
TIMED_OUT = condition(
    "PodScheduled",
    "False",
    ago(minutes=10),
    reason="SchedulerError",
    message='running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded',
)
GATED = condition(
    "PodScheduled",
    "False",
    ago(hours=5),
    reason="SchedulingGated",
    message="Scheduling is blocked due to non-empty scheduling gates",
)
TAKEN = (
    "0/2 nodes are available: 2 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already"
    " in-use by another pod."
)
GONE = "0/2 nodes are available: 2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)."
TOO_MUCH = 'resources.requests: Invalid value: "4Gi": must be less than or equal to memory limit of 512Mi'
NO_SUCH_CLASS = event(CLAIM_UID, "ProvisioningFailed", 'storageclass "fast" not found')
RUNNING: Manifest = {"state": "Running"}
FAILED = condition("Failed", "True", reason="BackoffLimitExceeded", message="Job has reached the backoff limit")
QUOTA = (
    "pods is forbidden: exceeded quota: gpus, requested: requests.gpu=1, used: requests.gpu=4, limited: requests.gpu=4"
)
STS_QUOTA = f"create Pod demo-0 in StatefulSet demo failed error: {QUOTA}"
EMPTIED = pod(conditions=[condition("DisruptionTarget", "True", reason="DeletionByTaintManager")])
RESIZE = condition("ControllerResizeError", "True", message="quota of the storage exceeded")
ROUTED = session().with_ingress()


def undecided(minutes: float) -> Manifest:
    """Return a pod so old of which the scheduler has said nothing yet."""
    body = pod(phase="Pending")
    status = {"phase": "Pending", "conditions": [], "containerStatuses": [], "initContainerStatuses": []}
    return {**body, "metadata": {**body["metadata"], "creationTimestamp": ago(minutes=minutes)}, "status": status}


def gone(seconds: float, body: Manifest = READY) -> Manifest:
    """Return a pod whose time to stop, its grace period included, was over so long ago."""
    return {**body, "metadata": {**body["metadata"], "deletionTimestamp": ago(seconds=seconds)}}


def after(present: Manifest | None, owner: str = WORKLOAD_UID) -> Observed:
    """Return a session whose pod was evicted, and is gone; a workload replaces such a pod within milliseconds."""
    evicted = pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    workload = {**AWAKE, "metadata": {**AWAKE["metadata"], "uid": owner}}
    seen = observed(None, workload, *([] if present is None else [present]))
    return replace(seen, former_pod=pod_view(evicted))


def refused(message: str, when: str = ago(seconds=5), workload: Manifest = AWAKE) -> Observed:
    builder = JOB if workload["kind"] == "Job" else None
    return with_events(observed(builder, workload), event(WORKLOAD_UID, "FailedCreate", message, when))


def mounting(*events: tuple[str, str], uid: str = POD_UID) -> Observed:
    written = [event(uid, reason, message, ago(seconds=60 - at)) for at, (reason, message) in enumerate(events)]
    return with_events(observed(None, AWAKE, CREATING), *written)


SITUATIONS: dict[str, tuple[str, Failure | None, Observed]] = {
    # The order of the contract: deleted, paused, failed, running, succeeded, else not ready.
    "deleted, though it fails": ("NotReady", None, observed(None, AWAKE, pod(container(state=terminated(1))), deleting=True)),
    "paused": ("Hibernated", None, observed(PAUSED, ASLEEP)),
    "paused, its pod still works": ("NotReady", None, observed(PAUSED, ASLEEP, READY)),
    "fails": ("Failed", Failure.CRASHED, observed(None, AWAKE, pod(container(state=terminated(1))))),
    "runs": ("Running", None, observed(None, AWAKE, READY)),
    "runs, a helper does not": ("RunningDegraded", None, observed(None, AWAKE, pod(container(ready=True), container("x")), status=RUNNING)),
    "a job that ended well": ("Succeeded", None, observed(JOB, job(condition("Complete", "True")))),
    "starts": ("NotReady", None, observed(None, AWAKE, pod())),
    # Containers.
    "waits for a secret": ("NotReady", Failure.DEPENDENCY_MISSING, observed(None, AWAKE, pod(container(state=waiting("CreateContainerConfigError", 'secret "door" not found'))))),
    "a first failed pull": ("NotReady", Failure.IMAGE_NOT_FOUND, observed(None, AWAKE, pod(container(state=waiting("ErrImagePull", "not found"))))),
    "no such image": ("Failed", Failure.IMAGE_NOT_FOUND, observed(None, AWAKE, pod(container(state=waiting("ImagePullBackOff", "not found"))))),
    "a crash loop": ("Failed", Failure.CRASHED, observed(None, AWAKE, pod(container(state=waiting("CrashLoopBackOff"), last=terminated(3))))),
    "its program was shut down by its user, again and again": ("NotReady", Failure.ENDED, observed(None, AWAKE, pod(container(state=waiting("CrashLoopBackOff"), last=terminated(0, "Completed"))))),
    "a job whose helper does not end": ("NotReady", Failure.HELPER_GOES_ON, observed(JOB, job(), pod(container(state=terminated(0, "Completed")), container("log", ready=True)))),
    "a job whose helper works while it works": ("Running", None, observed(JOB, job(), pod(container(ready=True), container("log", ready=True)))),
    "out of memory": ("Failed", Failure.OUT_OF_MEMORY, observed(None, AWAKE, pod(container(state=terminated(137, "OOMKilled"))))),
    "out of disk": ("Failed", Failure.DISK_FULL, observed(None, AWAKE, pod(container(state=terminated(1, message="No space left on device"))))),
    "a clone that failed": ("Failed", Failure.CLONE_FAILED, observed(None, AWAKE, pod(init=[container("git-clone-0", terminated(128))]))),
    "a clone without a submodule, while it starts": ("NotReady", Failure.CLONE_INCOMPLETE, observed(None, AWAKE, pod(init=[container("git-clone-0", terminated(0, message="Lacks x."))]))),
    "a clone without a submodule": ("Running", Failure.CLONE_INCOMPLETE, observed(None, AWAKE, pod(container(ready=True), init=[container("git-clone-0", terminated(0, message="Lacks x."))]))),
    "a repository at a second revision, which is left out": ("Running", Failure.CLONE_INCOMPLETE, observed(TWO_REVISIONS, AWAKE, pod(container(ready=True)))),
    "a repository that is listed twice": ("Running", None, observed(LISTED_TWICE, AWAKE, pod(container(ready=True)))),
    "a clone with all of its parts": ("Running", None, observed(None, AWAKE, pod(container(ready=True), init=[container("git-clone-0", terminated(0))]))),
    "another init container that has something to say": ("Running", None, observed(None, AWAKE, pod(container(ready=True), init=[container("mine", terminated(0, message="Hello."))]))),
    "stopped on purpose, with an exit code": ("NotReady", None, observed(None, AWAKE, gone(0, pod(container(state=terminated(143)))))),
    # Pods and nodes.
    "evicted, and its pod is gone already": ("Failed", Failure.EVICTED, after(None)),
    "evicted, and the next pod is on its way": ("Failed", Failure.EVICTED, after(CREATING)),
    "evicted, and the next pod was ready": ("Running", None, after(READY)),
    "a pod of a former workload of that name was evicted": ("NotReady", None, after(None, owner="another")),
    "evicted, and paused since": ("Hibernated", None, replace(observed(PAUSED, ASLEEP), former_pod=after(None).former_pod)),
    "waits for a claim that nobody made": ("NotReady", Failure.VOLUME_PENDING, observed(None, AWAKE, unscheduled_pod(NOT_THERE, ago(minutes=9)))),
    "waits for a claim that nobody made, for too long": ("Failed", Failure.VOLUME_PENDING, observed(None, AWAKE, unscheduled_pod(NOT_THERE, ago(minutes=10)))),
    "waits for its own claim, which is being made": ("NotReady", None, observed(None, AWAKE, unscheduled_pod('persistentvolumeclaim "demo" not found', ago(seconds=1)))),
    "its volume was removed": ("NotReady", Failure.VOLUME_PENDING, observed(None, AWAKE, unscheduled_pod(REMOVED, ago(minutes=9)))),
    "its volume was removed, long ago": ("Failed", Failure.VOLUME_PENDING, observed(None, AWAKE, unscheduled_pod(REMOVED, ago(minutes=10)))),
    "its volume was removed, and it is paused": ("NotReady", None, observed(PAUSED, ASLEEP, unscheduled_pod(REMOVED, ago(minutes=10)))),
    "its containers have ended, and its pod does not go": ("NotReady", Failure.POD_STOPPED, observed(None, AWAKE, gone(90, pod(container(state=terminated(0)))))),
    "its session has ended, and its door not yet": ("NotReady", Failure.NODE_LOST, observed(None, AWAKE, gone(90, pod(container(state=terminated(0)), sidecars=[container("authproxy", ready=True)])))),
    "evicted": ("Failed", Failure.EVICTED, observed(None, AWAKE, pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory."))),
    "its node is emptied": ("Failed", Failure.EVICTED, observed(None, AWAKE, gone(0, EMPTIED))),
    "its node is emptied, and is lost on the way": ("NotReady", Failure.NODE_LOST, observed(None, AWAKE, gone(60, EMPTIED))),
    "its node does not answer": ("NotReady", Failure.NODE_LOST, observed(None, AWAKE, pod(container(ready=True), conditions=[condition("Ready", "False"), condition("ContainersReady", "True")]), status=RUNNING)),
    "its pod takes its time to stop": ("NotReady", None, observed(None, AWAKE, gone(30), status=RUNNING)),
    "its pod does not stop": ("NotReady", Failure.NODE_LOST, observed(None, AWAKE, gone(60), status=RUNNING)),
    "paused, its pod does not stop": ("NotReady", Failure.NODE_LOST, observed(PAUSED, ASLEEP, gone(60))),
    "deleted, its pod does not stop": ("NotReady", Failure.NODE_LOST, observed(None, AWAKE, gone(60), deleting=True)),
    # Scheduling: a warning for ten minutes, then a failure, unless a node is coming.
    "no node for two minutes": ("NotReady", Failure.UNSCHEDULABLE, with_events(observed(None, AWAKE, FULL))),
    "no node for ten minutes": ("Failed", Failure.UNSCHEDULABLE, with_events(observed(None, AWAKE, FULL_TOO_LONG))),
    "no node for ten minutes, nobody asked whether one is coming": ("NotReady", Failure.UNSCHEDULABLE, observed(None, AWAKE, FULL_TOO_LONG)),
    "no node for a job for ten minutes": ("Failed", Failure.UNSCHEDULABLE, with_events(observed(JOB, job(), FULL_TOO_LONG))),
    "a node is coming": ("NotReady", Failure.NODE_COMING, with_events(observed(None, AWAKE, FULL_TOO_LONG), event(POD_UID, "TriggeredScaleUp", last=ago(minutes=9)))),
    "a node is coming, says Karpenter": ("NotReady", Failure.NODE_COMING, with_events(observed(None, AWAKE, FULL_TOO_LONG), event(POD_UID, "Nominated", last=ago(minutes=1)))),
    "a node was coming, and did not": ("Failed", Failure.UNSCHEDULABLE, with_events(observed(None, AWAKE, FULL_TOO_LONG), event(POD_UID, "TriggeredScaleUp", last=ago(minutes=10)))),
    "a node was coming for the run before": ("Failed", Failure.UNSCHEDULABLE, with_events(observed(None, AWAKE, FULL_TOO_LONG), event("pod-before", "TriggeredScaleUp", last=ago(minutes=1)))),
    "no node because its volume is not there yet": ("NotReady", None, with_events(observed(None, AWAKE, NO_CLAIM))),
    "no node because its volume has not been there for too long": ("Failed", Failure.VOLUME_PENDING, observed(None, AWAKE, NO_CLAIM_TOO_LONG)),
    "no node because binding its volume took too long": ("Failed", Failure.VOLUME_PENDING, observed(None, AWAKE, pod(phase="Pending", conditions=[TIMED_OUT]))),
    "no node because others hold it back": ("NotReady", None, observed(None, AWAKE, pod(phase="Pending", conditions=[GATED]))),
    # Quotas and admission: told by Events on the workload alone.
    "a quota leaves no room for the pod": ("Failed", Failure.QUOTA_EXCEEDED, refused(STS_QUOTA)),
    "a quota leaves no room for a job's pod": ("Failed", Failure.QUOTA_EXCEEDED, refused(f"Error creating: {QUOTA}", workload=job())),
    "a quota left no room in the run before": ("NotReady", None, refused(STS_QUOTA, "2020-01-01T00:00:00Z")),
    "a quota left no room, and it is paused": ("Hibernated", None, with_events(observed(PAUSED, ASLEEP), event(WORKLOAD_UID, "FailedCreate", STS_QUOTA))),
    "a quota left no room, and the pod is there": ("NotReady", None, with_events(observed(None, AWAKE, pod()), event(WORKLOAD_UID, "FailedCreate", STS_QUOTA))),
    "a quota left no room, and then did": ("NotReady", None, with_events(observed(None, AWAKE), event(WORKLOAD_UID, "FailedCreate", STS_QUOTA, ago(seconds=9)), event(WORKLOAD_UID, "SuccessfulCreate", last=ago(seconds=2)))),
    "the pod is not allowed": ("Failed", Failure.POD_REFUSED, refused('pods "demo-0" is forbidden: violates PodSecurity "restricted"')),
    "the pod is not allowed on OpenShift": ("Failed", Failure.POD_REFUSED, refused('pods "demo-0" is forbidden: unable to validate against any security context constraint: [provider "anyuid": Forbidden]')),
    "a quota wants limits of each container": ("Failed", Failure.POD_REFUSED, refused('pods "demo-0" is forbidden: failed quota: team: must specify limits.cpu for: authproxy')),
    "a range of limits has no room for a container": ("Failed", Failure.POD_REFUSED, refused('pods "demo-0" is forbidden: minimum memory usage per Container is 64Mi, but request is 16Mi')),
    "the pod is not accepted at the moment": ("NotReady", Failure.POD_REFUSED, refused("Internal error occurred: failed calling webhook")),
    # Volumes: a session that waits for one is starting.
    "a volume that cannot be made": ("NotReady", Failure.VOLUME_PENDING, with_events(with_claims(observed(None, AWAKE, NO_CLAIM), claim("Pending")), NO_SUCH_CLASS)),
    "a volume that could not be made for too long": ("Failed", Failure.VOLUME_PENDING, with_events(with_claims(observed(None, AWAKE, NO_CLAIM_TOO_LONG), claim("Pending")), NO_SUCH_CLASS)),
    "a volume that cannot be made on its node": ("NotReady", Failure.VOLUME_PENDING, with_events(with_claims(observed(None, AWAKE, undecided(minutes=9)), claim("Pending")), NO_SUCH_CLASS)),
    "a volume that could not be made on its node for too long": ("Failed", Failure.VOLUME_PENDING, with_events(with_claims(observed(None, AWAKE, undecided(minutes=10)), claim("Pending")), NO_SUCH_CLASS)),
    "a volume that another pod has alone": ("NotReady", Failure.VOLUME_NOT_ATTACHED, observed(None, AWAKE, unscheduled_pod(TAKEN, ago(minutes=1)))),
    "a volume that another pod has alone for too long": ("Failed", Failure.VOLUME_NOT_ATTACHED, observed(None, AWAKE, unscheduled_pod(TAKEN, ago(minutes=11)))),
    "a volume that is gone": ("NotReady", Failure.VOLUME_PENDING, observed(None, AWAKE, unscheduled_pod(GONE, ago(minutes=1)))),
    "a scheduler that says nothing": ("NotReady", None, with_events(with_claims(observed(None, AWAKE, undecided(minutes=10)), claim("Pending")))),
    "a volume that is being made": ("NotReady", None, with_events(with_claims(observed(None, AWAKE, NO_CLAIM), claim("Pending")), event(CLAIM_UID, "ExternalProvisioning"))),
    "a volume that was made in the end": ("NotReady", None, with_events(with_claims(observed(None, AWAKE, CREATING), claim()), event(CLAIM_UID, "ProvisioningFailed"))),
    "a volume that is not attached": ("NotReady", Failure.VOLUME_NOT_ATTACHED, mounting(("FailedAttachVolume", "Multi-Attach error for volume"))),
    "a volume that is not mounted": ("NotReady", Failure.VOLUME_NOT_MOUNTED, mounting(("FailedMount", "MountVolume.SetUp failed for volume: rpc error"))),
    "a volume that was mounted in the end": ("NotReady", None, mounting(("FailedMount", "MountVolume.SetUp failed"), ("Pulling", ""))),
    "a volume of a secret that is not there": ("NotReady", Failure.DEPENDENCY_MISSING, mounting(("FailedMount", 'MountVolume.SetUp failed for volume "x": secret "x" not found'))),
    "a mount that failed in the run before": ("NotReady", None, mounting(("FailedMount", "rpc error"), uid="pod-before")),
    "no network on its node": ("NotReady", Failure.NODE_NOT_READY, mounting(("FailedCreatePodSandBox", "network is not ready"))),
    "a volume that cannot grow": ("Failed", Failure.VOLUME_NOT_RESIZED, with_claims(observed(None, AWAKE, pod()), claim("Bound", RESIZE))),
    "a volume that cannot grow, and it runs": ("Running", Failure.VOLUME_NOT_RESIZED, with_claims(observed(None, AWAKE, READY), claim("Bound", RESIZE))),
    # The way in.
    "a load balancer with an error": ("Failed", Failure.NOT_REACHABLE, observed(ROUTED, AWAKE, pod(), ingress=ingress("NoCertificate"))),
    "a load balancer with an error, and it runs": ("Running", Failure.NOT_REACHABLE, observed(ROUTED, AWAKE, READY, ingress=ingress("NoCertificate"))),
    # Jobs.
    "a job that failed, its pod tells why": ("Failed", Failure.CRASHED, observed(JOB, job(FAILED), pod(container(state=terminated(3)), phase="Failed"))),
    "a job that failed, its pod is gone": ("Failed", Failure.JOB_FAILED, observed(JOB, job(FAILED))),
    "a job that ran too long": ("Failed", Failure.JOB_TOO_LONG, observed(JOB, job(condition("Failed", "True", reason="DeadlineExceeded")))),
    "a job that failed, its pod does not stop": ("Failed", Failure.JOB_FAILED, observed(JOB, job(FAILED), gone(60))),
    "a job with a sidecar that runs": ("Running", None, observed(JOB, job(), pod(container(ready=True), sidecars=[container("git-proxy", ready=True)]))),
}  # fmt: skip


def reported(seen: Observed, now: datetime = NOW) -> Outcome:
    return report(seen, decide(seen, Fresh(lambda: RUN_ID)), (), Context("None", now))


def status_of(seen: Observed, now: datetime = NOW) -> Status:
    return reported(seen, now).status


def again(seen: Observed, status: Status) -> Observed:
    """Return what is observed after that status was written."""
    return replace(seen, session=msgspec.structs.replace(seen.session, status=status))


def code(status: Status) -> str | None:
    return next((c.reason for c in status.conditions or () if c.type == ConditionType.HEALTHY), None)


@pytest.mark.parametrize(("state", "failure", "seen"), SITUATIONS.values(), ids=SITUATIONS)
def test_each_situation_is_reported_as_what_it_is(state: str, failure: Failure | None, seen: Observed) -> None:
    status = status_of(seen)

    assert (status.state, code(status)) == (state, failure)
    assert bool(status.error) == (failure is not None or state == "RunningDegraded")


@pytest.mark.parametrize(("state", "failure", "seen"), SITUATIONS.values(), ids=SITUATIONS)
def test_a_situation_that_lasts_is_reported_once(state: str, failure: Failure | None, seen: Observed) -> None:
    first = status_of(seen)
    later = status_of(again(seen, first), NOW + timedelta(seconds=10))

    assert merge_patch(as_data(first), as_data(later)) == {}, (state, failure)


WAKE_UPS = {
    "no node: the ten minutes are over": (NOW + timedelta(minutes=8), with_events(observed(None, AWAKE, FULL))),
    "a node is coming: it has ten minutes too": (
        NOW + timedelta(minutes=1),
        with_events(observed(None, AWAKE, FULL_TOO_LONG), event(POD_UID, "TriggeredScaleUp", last=ago(minutes=9))),
    ),
    "its pod should have stopped": (NOW + timedelta(seconds=30), observed(None, AWAKE, gone(30))),
    "paused, its pod should have stopped": (NOW + timedelta(seconds=30), observed(PAUSED, ASLEEP, gone(30))),
    "it runs": (None, observed(None, AWAKE, READY)),
    "it waits for a volume": (NOW + timedelta(minutes=1), with_events(observed(None, AWAKE, NO_CLAIM))),
    "it waits for a volume since a moment": (
        NOW + timedelta(seconds=5),
        observed(None, AWAKE, unscheduled_pod(UNBOUND, ago(seconds=10))),
    ),
    "its pod is lost": (None, observed(None, AWAKE, gone(90))),
    "no node for too long": (None, with_events(observed(None, AWAKE, FULL_TOO_LONG))),
}


@pytest.mark.parametrize(("moment", "seen"), WAKE_UPS.values(), ids=WAKE_UPS)
def test_a_session_is_looked_at_again_exactly_when_time_changes_its_state(
    moment: datetime | None, seen: Observed
) -> None:
    assert reported(seen).next.wake_at == moment


def test_a_quota_is_reported_by_its_name_and_figures() -> None:
    assert status_of(refused(STS_QUOTA)).error == (
        'The session does not fit into the quota "gpus" of its namespace. Pause or delete what you do not need, or ask for'
        " less. It asks for requests.gpu 1; 4 of 4 are in use."
    )


@pytest.mark.parametrize(
    ("said", "short"),
    [
        ("0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient memory.", ": too little cpu and memory is free"),
        ("0/1 nodes are available: 1 Too many pods.", ": the nodes run as many pods as they can"),
        (
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. preemption: 0/1 nodes",
            ": no node matches the session's node selector or affinity",
        ),
        ("0/1 nodes are available: 1 node(s) had untolerated taint {gpu: }.", ": the nodes are reserved for others"),
        (
            "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.",
            ": nodes are out of service at the moment",
        ),
        (
            "0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity.",
            ": its volume is out of reach of the nodes that have room",
        ),
        (
            "0/1 nodes are available: 1 node(s) had volume node affinity conflict.",
            ": its volume is out of reach of the nodes that have room",
        ),
        (
            "0/1 nodes are available: 1 node(s) exceed max volume count.",
            ": the nodes hold as many volumes as they can",
        ),
        (
            "0/3 nodes are available: 3 node(s) had untolerated taint(s). preemption: 0/3 nodes are available",
            ": nodes are reserved for others or out of service",
        ),
        (
            "0/1 nodes are available: 1 node(s) did not have enough free storage.",
            ": the nodes have too little storage left for its volume",
        ),
        (
            "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
            ": no volume of its class is free on the nodes",
        ),
        (
            "0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints.",
            ": a rule keeps it away from, or near to, other pods",
        ),
        (
            "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
            ": a rule keeps it away from, or near to, other pods",
        ),
        (
            "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
            ": the ports of the nodes that it asks for are taken",
        ),
        ("no nodes available to schedule pods", ""),
    ],
)
def test_the_message_names_what_the_nodes_are_short_of(said: str, short: str) -> None:
    seen = observed(None, AWAKE, unscheduled_pod(said, ago(minutes=1)))

    assert status_of(seen).error == f"No node can take the session yet{short}. It starts as soon as one can. {said}"


@pytest.mark.parametrize(
    ("said", "cause", "fields"),
    [
        (
            'pods "demo-0" is forbidden: failed quota: team: must specify limits.cpu for: authproxy,git-clone-0',
            (
                'The quota "team" of the namespace requires each container to specify limits.cpu for:'
                " authproxy,git-clone-0."
            ),
            ("spec.session.resources", "sessionPods.containers"),
        ),
        (
            'pods "demo-0" is forbidden: minimum memory usage per Container is 64Mi, but request is 16Mi',
            (
                "A LimitRange of the namespace restricts what a container may ask for: minimum memory usage per"
                " Container is 64Mi."
            ),
            ("spec.session.resources", "sessionPods.containers"),
        ),
        (
            'pods "demo-0" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
            'The namespace enforces the Pod Security Standard "restricted".',
            ("sessionPods.podSecurity", "spec.session.runAsUser"),
        ),
        (
            f'Pod "demo-0" is invalid: [spec.containers[0].{TOO_MUCH}, spec.containers[1].{TOO_MUCH}]',
            (
                "A container asks for more than it may use at most: 4Gi, where it must be less than or equal to memory"
                " limit of 512Mi. If it names no limit, a LimitRange of the namespace gives it one."
            ),
            ("spec.session.resources", "sessionPods.containers"),
        ),
        (
            'pods "demo-0" is forbidden: cpu max limit to request ratio per Container is 4, but provided ratio is 8.000',
            (
                "A LimitRange of the namespace restricts what a container may ask for: cpu max limit to request"
                " ratio per Container is 4."
            ),
            ("spec.session.resources", "sessionPods.containers"),
        ),
        (
            'pods "demo-0" is forbidden: insufficient quota to match these scopes: [{PriorityClass In [high]}]',
            "The namespace has no quota for what the session asks for, and must have one: [{PriorityClass In [high]}].",
            ("spec.priorityClassName",),
        ),
    ],
    ids=["quota", "range", "standard", "a default that is too low", "ratio", "scope"],
)
def test_a_rule_of_the_namespace_is_reported_with_the_fields_to_change(
    said: str, cause: str, fields: tuple[str, ...]
) -> None:
    error = status_of(refused(said)).error
    assert error is not None
    assert error.startswith(cause)
    assert all(field in error for field in fields)

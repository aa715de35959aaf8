"""Sessions in all walks of life, as `amalthea explain` may find them: each is shown in a golden file."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from ulid import ULID

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.cli.known import ClaimDetails, EventView, Known, PodDetails
from amalthea.model import idleness
from amalthea.model.door import Door
from amalthea.model.observed import Observed
from amalthea.model.usage import Usage
from amalthea.testing import observations as found
from amalthea.testing.builders import SessionBuilder, session

NOW = datetime(2026, 11, 22, 15, 10, tzinfo=UTC)
BEGAN = datetime(2026, 11, 22, 13, 0, 0, tzinfo=UTC)
RUN = str(ULID.from_bytes(int(BEGAN.timestamp() * 1000).to_bytes(6, "big") + bytes(10)))
URL = "https://lab.example.org/sessions/demo/lab"

CULLING = {
    "maxAge": "24h",
    "maxIdleDuration": "1h",
    "maxStartingDuration": "3h",
    "maxFailedDuration": "6h0m0s",
    "maxHibernatedDuration": "720h",
    "cpuIdleThreshold": "300m",
}
LAB = session().with_ingress(useDefaultClusterTLSCert=True).with_token().with_spec(culling=CULLING)


def condition(kind: str, status: str, reason: str, message: str, since: str = "13:00:01") -> Manifest:
    """Return a condition of the session; times are of the day."""
    at = f"2026-11-22T{since}Z"
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": at}


def status(state: str, *conditions: Manifest, **fields: Any) -> Manifest:  # noqa: ANN401  (fields of any type)
    """Return a status with its Ready condition."""
    ready = condition("Ready", str(state == "Running"), state, f"It is {state}.", "13:00:40")
    given = {each["type"] for each in conditions}
    return {
        "state": state,
        "url": URL,
        "runID": RUN,
        "conditions": [*([] if "Ready" in given else [ready]), *conditions],
        **fields,
    }


def event(
    about: str, reason: str, message: str, at: str, *, count: int = 1, container: str = "", warning: bool = False
) -> EventView:
    """Return an Event as the API server keeps it; the time is of the day."""
    kind, name = about.split("/")
    stamp = f"2026-11-22T{at}Z"
    body = {
        "metadata": {"name": f"{name}.1"},
        "involvedObject": {"kind": kind, "name": name, "fieldPath": f"spec.containers{{{container}}}"},
        "type": "Warning" if warning else "Normal",
        "reason": reason,
        "message": message,
        "count": count,
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "eventTime": None,
    }
    return msgspec.convert(body, EventView)


STARTED = (
    event("AmaltheaSession/demo", "Running", "The session is ready.", "13:00:41"),
    event("StatefulSet/demo", "SuccessfulCreate", "create Pod demo-0 in StatefulSet demo successful", "13:00:01"),
    event("Pod/demo-0", "Scheduled", "Successfully assigned team/demo-0 to node-7", "13:00:02"),
    event("Pod/demo-0", "Pulling", 'Pulling image "example.org/lab:1"', "13:00:03"),
    event(
        "Pod/demo-0",
        "Pulled",
        'Successfully pulled image "example.org/lab:1" in 7.1s',
        "13:00:11",
    ),
    event("Pod/demo-0", "Created", "Created container amalthea-session", "13:00:12", container="amalthea-session"),
    event("Pod/demo-0", "Started", "Started container amalthea-session", "13:00:12", container="amalthea-session"),
)
BOUND: Manifest = {
    "metadata": {
        "name": "demo",
        "ownerReferences": [{"uid": "5e551011-0000-4000-8000-000000000001", "controller": True}],
    },
    "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}},
}


def known(
    builder: SessionBuilder,
    told: Manifest,
    pod: Manifest | None = None,
    events: Iterable[EventView] = (),
    *,
    workload: Manifest | None = None,
    deleting: bool = False,
    claim: Manifest | None = BOUND,
) -> Known:
    """Return a session as it was found."""
    pods = () if pod is None else (pod,)
    observed: Observed = found.observed(
        builder, workload or found.statefulset(run_id=RUN), *pods, status=told, deleting=deleting
    )
    return Known(
        observed,
        pod=msgspec.convert(pod, PodDetails) if pod is not None else None,
        claim=msgspec.convert(claim, ClaimDetails) if claim is not None else None,
        events=tuple(events),
    )


def verdict(pod: Manifest, cores: str, since: str) -> Manifest:
    """Return the operator's own word on a session that uses so much CPU."""
    seen = replace(
        found.observed(LAB, found.statefulset(), pod), usage=Usage(Decimal(cores), NOW), door=Door("192.0.2.1")
    )
    judged = idleness.judge(seen, NOW)
    assert judged is not None
    return condition("Idle", judged.status, judged.reason, judged.message, since)


def running() -> Known:
    pod = found.pod(found.container(ready=True), found.container("authproxy", ready=True))
    busy = verdict(pod, "1.2", "13:05:00")
    return known(LAB, status("Running", busy, willHibernateAt="2026-11-23T13:00:00Z"), pod, STARTED)


def running_and_idle() -> Known:
    pod = found.pod(found.container(ready=True), found.container("authproxy", ready=True))
    conditions = (
        verdict(pod, "0.003", "14:20:00"),
        condition("StoppingSoon", "True", "Idle", "It is about to be paused, because nobody works in it.", "15:05:00"),
    )
    told = status(
        "Running", *conditions, idle=True, idleSince="2026-11-22T14:20:00Z", willHibernateAt="2026-11-22T15:20:00Z"
    )
    return known(LAB, told, pod, STARTED)


def starting() -> Known:
    pulling = found.container("authproxy", found.waiting("ContainerCreating"))
    waits = found.container(state=found.waiting("ContainerCreating"))
    step = condition("Progressing", "True", "PullingImages", "Step 3 of 5: the images are brought to the node.")
    pod = found.pod(waits, pulling, phase="Pending")
    return known(LAB, status("NotReady", step), pod, STARTED[1:4])


def starting_without_room() -> Known:
    message = "0/3 nodes are available: 3 Insufficient memory."
    pod = {**found.unscheduled_pod(message)}
    told = status("NotReady", error=f"No node can take the session yet. {message}")
    failed = event("Pod/demo-0", "FailedScheduling", message, "15:08:00", count=12, warning=True)
    return known(LAB, told, pod, [failed], claim={**BOUND, "status": {"phase": "Pending"}})


def new() -> Known:
    return known(LAB, {"state": "NotReady"}, claim=None)


def paused_by_user() -> Known:
    stopped = condition("Stopped", "True", "User", "The session was paused on request by jane.", "14:00:00")
    told = status("Hibernated", stopped, runID=None, hibernatedSince="2026-11-22T14:00:20Z")
    return known(LAB.hibernated(), told, workload=found.statefulset(replicas=0))


def paused_for_idleness() -> Known:
    message = "The session was paused, because nobody has worked in it for 1 hour."
    stopped = condition("Stopped", "True", "Idle", message, "14:00:00")
    told = status("Hibernated", stopped, runID=None, hibernatedSince="2026-11-22T14:00:20Z")
    gone = event("AmaltheaSession/demo", "Hibernated", "The session is paused. Its files are kept.", "14:00:21")
    return known(LAB.hibernated(), told, None, [*STARTED, gone], workload=found.statefulset(replicas=0))


def failed_for_a_bad_image() -> Known:
    said = 'Back-off pulling image "example.org/lab:1": ErrImagePull: not found'
    pod = found.pod(found.container(state=found.waiting("ImagePullBackOff", said)), phase="Pending")
    error = (
        "The container amalthea-session does not start: its image cannot be pulled; check the image's name and tag,"
        " and that the registry lets you in. Image: example.org/lab:1. not found"
    )
    healthy = condition("Healthy", "False", "ImagePull", error, "13:01:00")
    told = status("Failed", healthy, error=error, failingSince="2026-11-22T13:01:00Z")
    back_off = event("Pod/demo-0", "BackOff", said, "15:09:30", count=480, warning=True)
    return known(LAB, told, pod, [*STARTED[1:4], back_off])


def failed_for_a_quota() -> Known:
    message = (
        'create Pod demo-0 in StatefulSet demo failed error: pods "demo-0" is forbidden: exceeded quota: team,'
        " requested: limits.memory=4Gi, used: limits.memory=14Gi, limited: limits.memory=16Gi"
    )
    told = status("Failed", error=f"The quota leaves no room. {message}", failingSince="2026-11-22T13:01:00Z")
    refused = event("StatefulSet/demo", "FailedCreate", message, "15:08:00", count=18, warning=True)
    return known(LAB, told, None, [refused])


def out_of_memory() -> Known:
    killed = found.terminated(137, "OOMKilled")
    pod = found.pod(found.container(state=found.waiting("CrashLoopBackOff"), last=killed))
    error = "The container amalthea-session ended because it used more memory than its limit; ask for more memory."
    lab = LAB.with_session(resources={"limits": {"memory": "2Gi"}})
    return known(lab, status("Failed", error=error, failingSince="2026-11-22T13:00:01Z"), pod, STARTED)


def job_that_succeeded() -> Known:
    done = found.condition("Complete", "True", "2026-11-22T14:30:00Z")
    told = status("Succeeded", url="None", idle=True, idleSince="2026-11-22T14:30:00Z")
    pod = found.pod(found.container(state=found.terminated(0, "Completed")), phase="Succeeded")
    job = session().as_job().with_spec(culling={"maxAge": "4h", "maxHibernatedDuration": "24h"})
    return known(job, told, pod, workload=found.job(done, run_id=RUN))


def job_that_failed() -> Known:
    bad = found.condition("Failed", "True", "2026-11-22T14:30:00Z", reason="BackoffLimitExceeded")
    error = "The container amalthea-session ended with exit code 3; look into its log for the cause."
    told = status(
        "Failed", url="None", error=error, failingSince="2026-11-22T14:30:00Z", idleSince="2026-11-22T14:30:00Z"
    )
    pod = found.pod(found.container(state=found.terminated(3)), phase="Failed")
    return known(session().as_job(), told, pod, workload=found.job(bad, run_id=RUN))


def being_deleted() -> Known:
    leaving = found.pod(found.container(ready=True), leaving=True)
    gone = known(LAB, status("NotReady"), leaving, STARTED, deleting=True)
    view = gone.observed.session
    held = msgspec.structs.replace(view.metadata, finalizers=[names.FINALIZER, "example.org/backup"])
    observed = replace(gone.observed, session=msgspec.structs.replace(view, metadata=held))
    return replace(gone, observed=observed)


def remote() -> Known:
    builder = LAB.remote().with_session(remoteSecretRef={"name": "cluster-login"})
    pod = found.pod(found.container(ready=True), found.container("tunnel", ready=True))
    return known(builder, status("Running"), pod, STARTED)


def update_pending_and_bad_spec() -> Known:
    conditions = (
        condition("Accepted", "False", "InvalidSpec", "authentication.secretRef.key is needed.", "15:00:00"),
        condition("UpdatePending", "True", "SpecChanged", "The image changes at the next start.", "14:50:00"),
    )
    pod = found.pod(found.container(ready=True), found.container("authproxy", ready=False))
    error = "Not ready: authproxy."
    return known(LAB, status("RunningDegraded", *conditions, error=error), pod, STARTED)


def little_may_be_read() -> Known:
    bare = known(LAB, status("Running"), claim=None)
    observed = replace(bare.observed, workload=None)
    unread = ("You may not list pods here, so how its containers are is not told.",)
    return replace(bare, observed=observed, unread=unread)


SCENARIOS: dict[str, Callable[[], Known]] = {
    each.__name__: each
    for each in (
        new,
        starting,
        starting_without_room,
        running,
        running_and_idle,
        update_pending_and_bad_spec,
        remote,
        paused_by_user,
        paused_for_idleness,
        failed_for_a_bad_image,
        failed_for_a_quota,
        out_of_memory,
        job_that_succeeded,
        job_that_failed,
        being_deleted,
        little_may_be_read,
    )
}

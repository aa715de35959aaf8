"""Observations of a session, for tests: pods and children as the API server writes them, and `observed`.

Objects are plain dicts in the API's own words, and reach the model through its own decoders, as in production.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.model.views import decoding
from amalthea.model.views.objects import WorkloadView
from amalthea.model.views.observed import ChildKey, Observed
from amalthea.model.views.pods import PodView
from amalthea.testing.builders import RUN_ID, UID, SessionBuilder, session

WORKLOAD_UID = "3ac1cc1e-0000-4000-8000-000000000002"
POD_UID = "90d0000"
CLAIM_UID = "c1a1000"
STARTED = "2026-11-22T13:00:01Z"
READY_AT = "2026-11-22T13:00:40Z"
"""The time at which our containers start, and pods turn ready, where nothing else is said."""


def running(since: str = STARTED) -> Manifest:
    """Return the state of a container that runs."""
    return {"running": {"startedAt": since}}


def waiting(reason: str, message: str = "") -> Manifest:
    """Return the state of a container that waits."""
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def terminated(exit_code: int, reason: str = "Error", message: str = "") -> Manifest:
    """Return the state of a container that ended."""
    told = {"message": message} if message else {}
    times = {"startedAt": STARTED, "finishedAt": STARTED}
    return {"terminated": {"exitCode": exit_code, "reason": reason, "containerID": "containerd://1", **times, **told}}


def container(
    name: str = names.CONTAINER_SESSION,
    state: Manifest | None = None,
    *,
    ready: bool = False,
    last: Manifest | None = None,
    image: str = "example.org/lab:1",
) -> Manifest:
    """Return the status of a container: running, where no state is given."""
    return {
        "name": name,
        "image": image,
        "imageID": "",
        "ready": ready,
        "started": ready,
        "restartCount": 0 if last is None else 1,
        "state": running() if state is None else state,
        "lastState": last or {},
    }


def condition(kind: str, status: str, since: str = STARTED, **more: str) -> Manifest:
    """Return a condition of a pod or a Job."""
    return {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": since, **more}


def pod(
    *statuses: Manifest,
    init: Iterable[Manifest] = (),
    sidecars: Iterable[Manifest] = (),
    phase: str = "Running",
    conditions: Iterable[Manifest] = (),
    leaving: bool = False,
    **status: Any,  # noqa: ANN401  (fields of any type)
) -> Manifest:
    """Return a pod of the session `demo`: its one container runs, where no statuses are given.

    It is ready if all its containers and sidecars are. Given conditions win over those that follow from this.
    """
    statuses = statuses or (container(),)
    init, sidecars = tuple(init), tuple(sidecars)
    ready = phase == "Running" and all(each["ready"] for each in (*sidecars, *statuses))
    known = {
        each["type"]: each
        for each in (
            condition("PodScheduled", "True"),
            condition("Initialized", "True"),
            condition("Ready", "True" if ready else "False", READY_AT if ready else STARTED),
            *conditions,
        )
    }
    metadata = _metadata("demo-0", WORKLOAD_UID, "StatefulSet")
    return {
        "metadata": {**metadata, **({"deletionTimestamp": READY_AT} if leaving else {})},
        "spec": {
            "containers": [_specified(each) for each in statuses],
            "initContainers": [
                *(_specified(each) for each in init),
                *({**_specified(each), "restartPolicy": "Always"} for each in sidecars),
            ],
        },
        "status": {
            "phase": phase,
            "startTime": STARTED,
            "conditions": list(known.values()),
            "containerStatuses": list(statuses),
            "initContainerStatuses": [*init, *sidecars],
            **status,
        },
    }


def unscheduled_pod(message: str, since: str = STARTED) -> Manifest:
    """Return a pod for which the scheduler has found no node."""
    scheduled = condition("PodScheduled", "False", since, reason="Unschedulable", message=message)
    empty: dict[str, Any] = {"containerStatuses": [], "initContainerStatuses": []}
    return {**pod(), "status": {"phase": "Pending", "conditions": [scheduled], **empty}}


def statefulset(*, replicas: int = 1, ready: int = 0, run_id: str | None = RUN_ID, **metadata: Any) -> Manifest:  # noqa: ANN401
    """Return the StatefulSet of the session `demo`, as it was left by the Go operator."""
    annotations = {names.ANNOTATION_RUN_ID: run_id} if run_id else {}
    template = {"metadata": {"annotations": dict(annotations)}, "spec": {"containers": []}}
    return {
        "kind": "StatefulSet",
        "metadata": {**_metadata("demo", UID, names.KIND, WORKLOAD_UID), "annotations": annotations, **metadata},
        "spec": {"replicas": replicas, "template": template},
        "status": {"replicas": replicas, "readyReplicas": ready} if ready else {"replicas": replicas},
    }


def job(
    *conditions: Manifest, suspend: bool = False, run_id: str | None = RUN_ID, status: Manifest | None = None
) -> Manifest:
    """Return the Job of the session `demo`; active, where no condition ends it."""
    ended = any(each["type"] in ("Complete", "Failed") for each in conditions)
    known: Manifest = {} if ended or suspend else {"active": 1, "ready": 1, "startTime": STARTED}
    return {
        **statefulset(run_id=run_id),
        "kind": "Job",
        "spec": {"suspend": suspend, "template": {"metadata": {"annotations": {}}, "spec": {}}},
        "status": {**known, "conditions": list(conditions), **(status or {})},
    }


def ingress(*errors: str, **metadata: Any) -> Manifest:  # noqa: ANN401
    """Return the Ingress of the session `demo`; the errors are those of its load balancer's ports."""
    ports = [{"port": 443, "protocol": "TCP", "error": error} for error in errors]
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1", "ports": ports}]}}
    return {"metadata": {**_metadata("demo", UID, names.KIND, "1d9e55"), **metadata}, "spec": {}, "status": status}


def claim(phase: str = "Bound", *conditions: Manifest) -> Manifest:
    """Return the claim of the session `demo`."""
    metadata = _metadata("demo", UID, names.KIND, CLAIM_UID)
    return {"metadata": metadata, "spec": {}, "status": {"phase": phase, "conditions": list(conditions)}}


def event(uid: str, reason: str, message: str = "", last: str = READY_AT) -> Manifest:
    """Return an Event about the object with that UID."""
    return {"involvedObject": {"uid": uid}, "reason": reason, "message": message, "lastTimestamp": last}


def observed(
    builder: SessionBuilder | None = None,
    workload: Manifest | None = None,
    *pods: Manifest,
    status: Manifest | None = None,
    ingress: Manifest | None = None,
    deleting: bool = False,
    edited: Iterable[ChildKey] = (),
) -> Observed:
    """Return a session with what was found of it."""
    builder = builder or session()
    body = builder.manifest()
    body["metadata"] |= {"uid": builder.uid, "resourceVersion": "1", "creationTimestamp": STARTED}
    if deleting:
        body["metadata"] |= {"deletionTimestamp": READY_AT}
    view = decoding.session(_json({**body, "status": {"state": "NotReady"} if status is None else status}))
    return Observed(
        session=view,
        spec=decoding.spec(view),
        workload=workload_view(workload) if workload is not None else None,
        ingress=decoding.child(_json(ingress)) if ingress is not None else None,
        pods=tuple(map(pod_view, pods)),
        edited=frozenset(edited),
    )


def with_claims(seen: Observed, *claims: Manifest) -> Observed:
    """Return what is observed together with these claims."""
    return replace(seen, claims=tuple(decoding.claim(_json(claim)) for claim in claims))


def with_events(seen: Observed, *events: Manifest) -> Observed:
    """Return what is observed after somebody asked for Events, and got these."""
    return replace(seen, events=tuple(decoding.event(_json(event)) for event in events))


def pod_view(body: Manifest) -> PodView:
    """Decode a pod."""
    return decoding.pod(_json(body))


def workload_view(body: Manifest) -> WorkloadView:
    """Decode a StatefulSet or a Job."""
    return decoding.job(_json(body)) if body["kind"] == "Job" else decoding.statefulset(_json(body))


def _metadata(name: str, owner: str, owner_kind: str, uid: str = POD_UID) -> Manifest:
    reference = {"kind": owner_kind, "name": "demo", "uid": owner, "controller": True}
    return {
        "name": name,
        "namespace": "team",
        "uid": uid,
        "resourceVersion": "7",
        "creationTimestamp": STARTED,
        "labels": names.selector_labels("demo"),
        "ownerReferences": [reference],
    }


def _specified(status: Manifest) -> Manifest:
    return {"name": status["name"], "image": status["image"]}


def _json(body: Mapping[str, object]) -> bytes:
    return msgspec.json.encode(body)

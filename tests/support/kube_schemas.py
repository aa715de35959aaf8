"""Schemas of the objects that the operator reads: sessions as in the CRD, of the others what is read of them."""

from amalthea.api import crd, names
from amalthea.api.schema import Manifest
from tests.support import odd

SESSION: Manifest = crd.manifest()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
"""Of a session: `spec` and `status`."""
_WORDS: dict[str, tuple[str, ...]] = {
    "type": ("PodScheduled", "Ready", "Initialized", "Complete", "Failed", "FailureTarget", "ControllerResizeError"),
    "status": ("True", "False", "Unknown"),
    "phase": ("Pending", "Running", "Failed", "Succeeded", "Unknown", "Bound", ""),
    "reason": (
        *("Unschedulable", "OOMKilled", "ImagePullBackOff", "ErrImagePull", "CrashLoopBackOff", "Evicted"),
        *("FailedScheduling", "FailedCreate", "FailedMount", "TriggeredScaleUp", "DeadlineExceeded", "Error"),
        *("CreateContainerConfigError", "ProvisioningFailed", "ReadOnly"),
    ),
    "message": (
        "exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1",
        "0/3 nodes are available: 1 node(s) had untolerated taint {a: b}, 2 Insufficient memory.",
        'MountVolume.SetUp failed for volume "a" : secret "door" not found',
        "couldn't find key auth in Secret team/door",
        'Back-off pulling image "a": ErrImagePull: pull access denied, repository does not exist',
        "The node was low on resource: memory. Container a was using 1Gi, request is 0.",
        'rpc error: code = Internal desc = volume "pvc-1" failed error: no space left',
    ),
    "name": (names.CONTAINER_SESSION, names.CONTAINER_AUTHPROXY, "tunnel", "a"),
    "claimName": ("demo", "demo-ds-0"),
    "restartPolicy": ("Always",),
}
"""Words that the operator knows: by chance alone none of them would come up."""


def _text(name: str = "") -> Manifest:
    return {"anyOf": [{"enum": [*_WORDS[name]]}, {"type": "string"}]} if name in _WORDS else {"type": "string"}


def _of(**fields: Manifest) -> Manifest:
    return {"type": "object", "properties": fields}


def _texts(*names_: str) -> dict[str, Manifest]:
    return {name: _text(name) for name in names_}


def _many(item: Manifest) -> Manifest:
    return {"type": "array", "items": item}


_NUMBER: Manifest = {"type": "integer"}
_YES: Manifest = {"type": "boolean"}
_TIME: Manifest = {"enum": [*odd.TIMES]}
_QUANTITY: Manifest = {"enum": ["1Gi", "1", "0", "1500m", "8Ei", "9223372036854775807", 1, "1e3", "100u"]}
_MAP: Manifest = {"type": "object", "additionalProperties": {"type": "string"}}
CONDITIONS = _many(_of(**_texts("type", "status", "reason", "message"), lastTransitionTime=_TIME))
STATE = _of(
    waiting=_of(**_texts("reason", "message")),
    running=_of(startedAt=_TIME),
    terminated=_of(**_texts("reason", "message"), exitCode=_NUMBER, finishedAt=_TIME),
)
_CONTAINERS = _many(_of(**_texts("name", "restartPolicy", "image"), resources=_of(limits=_MAP)))
_STATUSES = _many(
    _of(**_texts("name", "image"), ready=_YES, restartCount=_NUMBER, state=STATE, lastState=STATE, started=_YES)
)
_POD_SPEC = _of(
    containers=_CONTAINERS,
    initContainers=_CONTAINERS,
    volumes=_many(_of(name=_text(), persistentVolumeClaim=_of(**_texts("claimName")))),
)
_WORKLOAD = {
    "spec": _of(
        replicas=_NUMBER,
        suspend=_YES,
        activeDeadlineSeconds=_NUMBER,
        template=_of(metadata=_of(annotations=_MAP), spec=_POD_SPEC),
    ),
    "status": _of(conditions=CONDITIONS, completionTime=_TIME, replicas=_NUMBER, observedGeneration=_NUMBER),
}
_ROUTE = {
    "spec": _of(ports=_many(_of(port=_NUMBER, name=_text())), selector=_MAP, rules=_many(_of(host=_text()))),
    "status": _of(loadBalancer=_of(ingress=_many(_of(ports=_many(_of(error=_text())))))),
}
KINDS: dict[str, dict[str, Manifest]] = {
    "StatefulSet": _WORKLOAD,
    "Job": _WORKLOAD,
    "Service": _ROUTE,
    "Ingress": _ROUTE,
    "PersistentVolumeClaim": {
        "spec": _of(accessModes=_many(_text()), volumeName=_text(), resources=_of(requests=_of(storage=_QUANTITY))),
        "status": _of(phase=_text("phase"), conditions=CONDITIONS),
    },
    "Secret": {"data": _MAP},
    "Pod": {
        "spec": _POD_SPEC,
        "status": _of(
            **_texts("phase", "reason", "message", "podIP"),
            startTime=_TIME,
            conditions=CONDITIONS,
            containerStatuses=_STATUSES,
            initContainerStatuses=_STATUSES,
        ),
    },
}
EVENT = _of(
    **_texts("reason", "message", "type"),
    metadata=_of(creationTimestamp=_TIME, name=_text()),
    involvedObject=_of(uid=_text(), kind=_text(), name=_text(), fieldPath=_text()),
    lastTimestamp=_TIME,
    eventTime=_TIME,
    count=_NUMBER,
    series=_of(lastObservedTime=_TIME, count=_NUMBER),
)
MEASUREMENT = _of(
    metadata=_of(namespace=_text(), labels=_MAP),
    timestamp=_TIME,
    containers=_many(_of(name=_text("name"), usage=_of(cpu=_text()))),
)

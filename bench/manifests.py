"""The sessions of the benchmark, as a web back end describes them: token authentication, its secret adopted.

Also the writes that such a session leads to, as the operator makes them, for `floor.py` to make without it.
"""

from collections.abc import Mapping

import msgspec

from amalthea.api import names
from amalthea.api.reasons import ConditionType, Reason
from amalthea.api.schema import Manifest
from amalthea.api.types import Condition, ContainerCounts, Spec, State, Status
from amalthea.children.changes import applied
from amalthea.children.manifests import children
from amalthea.children.pod.pod_template_inputs import pod_relevant
from amalthea.children.secret import Material
from amalthea.children.shared.subject import Subject
from amalthea.model.status.report import as_data
from amalthea.settings import BuildSettings

RUN_ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
TIME = "2026-01-01T00:00:00Z"
CULLING = {"maxAge": "0s", "maxIdleDuration": "24h", "maxHibernatedDuration": "720h"}
LABEL = "bench"
"""On everything that the benchmark itself creates."""


def secret_name(session: str) -> str:
    """Return the name of the secret that a session adopts."""
    return f"{session}-door"


def secret(namespace: str, session: str) -> Manifest:
    """Return the secret with the token of a session."""
    configuration = f"authproxy:\n  token: token-of-{session}\n  cookie_key: renku-auth\n  verbose: true\n"
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret_name(session), "namespace": namespace, "labels": {LABEL: "true"}},
        "stringData": {"auth": configuration},
    }


def session(namespace: str, name: str, culling: Mapping[str, str] = CULLING) -> Manifest:
    """Return a session."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name, "namespace": namespace, "labels": {LABEL: "true"}},
        "spec": {
            "hibernated": False,
            "reconcileStrategy": "whenFailedOrHibernated",
            "session": _container(name),
            "authentication": {
                "enabled": True,
                "type": "token",
                "secretRef": {"name": secret_name(name), "key": "auth", "adopt": True},
            },
            "ingress": {
                "host": "sessions.example.org",
                "pathPrefix": f"/sessions/{name}",
                "ingressClassName": "nginx",
                "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "0"},
            },
            "culling": dict(culling),
            "template": {
                "metadata": {
                    "labels": {"example.org/user": "u1"},
                    "annotations": {"example.org/project": "p1", "example.org/launcher": "l1"},
                }
            },
        },
    }


def _container(name: str) -> Manifest:
    return {
        "image": "example.org/team/lab:1",
        "port": 8888,
        "urlPath": f"/sessions/{name}/lab",
        "storage": {"size": "1Gi", "mountPath": "/home/jovyan/work"},
        "workingDir": "/home/jovyan/work",
        "runAsUser": 1000,
        "runAsGroup": 100,
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}},
        "readinessProbe": {"type": "none"},
        "command": ["sh", "-c"],
        "args": ["exec jupyter lab --ip=0.0.0.0 --port=8888"],
        "env": [{"name": f"SETTING_{number}", "value": f"value of setting {number}"} for number in range(8)],
    }


def owned(raw: Manifest, uid: str) -> list[Manifest]:
    """Return the children of a session with that UID, as the operator creates them."""
    namespace, name = raw["metadata"]["namespace"], raw["metadata"]["name"]
    subject = Subject(namespace, name, uid, msgspec.convert(raw["spec"], Spec), BuildSettings(), RUN_ID)
    wish = applied.digest(pod_relevant(raw["spec"]))
    made = children(subject, Material("", ""))
    return [applied.stamped(manifest, applied.describe(manifest, wish)) for manifest in made]


def status(name: str, state: State) -> Manifest:
    """Return a status of the size that the operator writes."""
    reason = Reason.RUNNING if state == "Running" else Reason.STARTING
    ready = "True" if state == "Running" else "False"
    conditions = [
        _condition(ConditionType.READY, ready, reason, "The session is starting."),
        _condition(ConditionType.ROUTING_READY, "True", Reason.INGRESS_OPERATIONAL, "The Ingress is in place."),
    ]
    return as_data(
        Status(
            state=state,
            url=f"http://sessions.example.org/sessions/{name}/lab/",
            run_id=RUN_ID,
            conditions=conditions,
            container_counts=ContainerCounts(ready=2, total=2),
        )
    )


def _condition(kind: ConditionType, status: str, reason: Reason, message: str) -> Condition:
    return Condition(type=str(kind), status=status, reason=str(reason), message=message, last_transition_time=TIME)

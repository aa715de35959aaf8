"""The pod of a session on another machine: a controller that starts and watches it, and the tunnel it dials back to."""

from collections.abc import Callable

from amalthea.api import names, quantities
from amalthea.api.schema import Manifest, Quantity
from amalthea.children.pod import auth, volumes
from amalthea.children.pod.env import mounts_as_written, unique, without_references
from amalthea.children.shared.snippets import (
    NO_CAPABILITIES,
    compact,
    http_get,
    readiness_probe,
    small_resources,
    tcp_socket,
)
from amalthea.children.shared.subject import Subject

_GPU = "nvidia.com/gpu"
_RESOURCES = small_resources(cpu="100m", memory="64Mi")
_OUR_PREFIXES = ("RENKU_", "RSC_")
"""Variables that are meant for the controller itself; all others are for the session on the other machine."""
_STARTS_WITHIN = 60
"""Seconds: a controller that has not begun to answer by then is started anew."""
_LOOPBACK_ONLY: Manifest = {"name": "TUNNEL_LOOPBACK_ONLY", "value": "true"}
"""Else everybody in the cluster could reach the session at its port, past its door. The Go program does not know it."""
_FROM_THE_SPEC = {
    "RSC_SESSION_MAX_AGE_SECONDS": names.SECRET_KEY_MAX_AGE,
    "RSC_SESSION_COMMAND": names.SECRET_KEY_COMMAND,
    "RSC_SESSION_ARGS": names.SECRET_KEY_ARGS,
    "RSC_SESSION_WORKING_DIR": names.SECRET_KEY_WORKING_DIR,
}
"""Variables that the Go program does not know, and the keys of the internal secret that hold what the spec says.

Through the secret, so that none of them is part of the pod template: a change of one restarts nobody.
"""
_SECURITY: Manifest = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": NO_CAPABILITIES,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def container(subject: Subject) -> Manifest:
    """Return the controller of the remote session. It has the session container's name, for logs and figures."""
    secret, port = subject.spec.session.remote_secret_ref, names.PORT_REMOTE_CONTROLLER
    return compact(
        {
            "name": names.CONTAINER_SESSION,
            "image": subject.settings.sidecars_image,
            "args": ["remote-session-controller", "run"],
            "env": _env(subject),
            "envFrom": [{"secretRef": {"name": secret.name}}] if secret else None,
            "ports": [{"name": names.PORT_NAME_HTTP, "containerPort": port}],
            "resources": _RESOURCES,
            # It asks whether the controller has started, not whether the front end has: else the liveness probe would
            # be put off for as long as the job waits in its queue.
            "startupProbe": {**http_get("/live", port), "periodSeconds": 1, "failureThreshold": _STARTS_WITHIN},
            "readinessProbe": readiness_probe(http_get("/ready", port)),
            "livenessProbe": {**http_get("/live", port), "periodSeconds": 1, "initialDelaySeconds": 10},
            "securityContext": _SECURITY,
            "volumeMounts": mounts_as_written(volumes.session_mounts(subject)),
        }
    )


def tunnel(subject: Subject) -> Manifest:
    """Return the container that the remote session's tunnel ends in."""
    port, session_port = names.PORT_TUNNEL, str(subject.spec.session.port)
    return {
        "name": names.CONTAINER_TUNNEL,
        "image": subject.settings.sidecars_image,
        "args": ["tunnel", "listen"],
        "env": [
            {"name": "WSTUNNEL_PORT", "value": str(port)},
            _from_internal_secret(subject, "WSTUNNEL_SECRET", names.SECRET_KEY_WSTUNNEL),
            # Who holds the secret gets this port of the pod and no other. The Go program does not know it.
            {"name": "TUNNEL_SESSION_PORT", "value": session_port},
            *([_LOOPBACK_ONLY] if auth.authentication(subject) else ()),
        ],
        "ports": [{"name": names.PORT_NAME_TUNNEL, "containerPort": port}],
        "resources": _RESOURCES,
        "readinessProbe": readiness_probe(tcp_socket(port)),
        "securityContext": _SECURITY,
    }


def _env(subject: Subject) -> list[Manifest]:
    """Return all variables of the controller, with references only to variables that come before them in the list.

    The controller hands users' variables to the job on the other machine. The kubelet would also expand a reference to
    one of the controller's own secrets, which come from `envFrom`, and so carry it there.
    """
    known, variables = set[str](), []
    for variable in unique([*_users_env(subject), *_controllers_env(subject)]):
        value = variable.get("value")
        variables.append({**variable, "value": without_references(value, known)} if value else variable)
        if "valueFrom" not in variable:  # an optional source that is missing would leave the name to `envFrom`
            known.add(variable["name"])
    return variables


def _users_env(subject: Subject) -> list[Manifest]:
    return [
        variable if variable["name"].startswith(_OUR_PREFIXES) else {**variable, "name": f"USER_ENV_{variable['name']}"}
        for variable in unique(subject.spec.session.env or [])
    ]


def _controllers_env(subject: Subject) -> list[Manifest]:
    session = subject.spec.session
    before = {
        "REMOTE_SESSION_IMAGE": session.image,
        "RSC_SERVER_PORT": str(names.PORT_REMOTE_CONTROLLER),
        "RSC_SESSION_PORT": str(session.port),
        "RSC_SESSION_URL_PATH": session.url_path,
        "RSC_READINESS_PROBE_TYPE": session.readiness_probe.type,
    }
    after = {
        "RSC_SESSION_CPU": _requested(subject, "cpu", quantities.whole_up),
        "RSC_SESSION_MEMORY": _requested(subject, "memory", quantities.whole_mebibytes),
        "RSC_SESSION_GPUS": _requested(subject, _GPU, quantities.whole_up),
    }
    # Where there is a door, it passes on what the operator asks for at that port.
    status = {} if auth.authentication(subject) else {"RSC_STATUS_PORT": str(names.PORT_META)}
    return [
        *_plain(before),
        _from_internal_secret(subject, "RSC_WSTUNNEL_SECRET", names.SECRET_KEY_WSTUNNEL),
        *_plain({**after, **status}),
        *(_from_internal_secret(subject, name, key, optional=True) for name, key in _FROM_THE_SPEC.items()),
    ]


def _requested(subject: Subject, resource: str, amount_of: Callable[[Quantity], int]) -> str:
    """Return how much of a resource the session asks for, by its limit where it requests none; empty if none at all."""
    resources = subject.spec.session.resources or {}
    for section in ("requests", "limits"):
        quantity = (resources.get(section) or {}).get(resource)
        if quantity is not None and quantities.parse(quantity) != 0:
            return str(amount_of(quantity) or "")
    return ""


def _plain(values: dict[str, str]) -> list[Manifest]:
    """Return variables with these values. Image and path are the user's text, so no reference in them is expanded."""
    return [{"name": name, "value": without_references(value)} for name, value in values.items()]


def _from_internal_secret(subject: Subject, variable: str, key: str, *, optional: bool = False) -> Manifest:
    reference = {"name": names.internal_secret(subject.name), "key": key}
    return {"name": variable, "valueFrom": {"secretKeyRef": {**reference, **({"optional": True} if optional else {})}}}

"""Applies the administrators' settings to all session pods: resources and security of our containers, Pod Security.

A namespace may want limits of each container (a quota, a LimitRange), or enforce the standard `restricted`.
"""

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.children.shared.snippets import NO_CAPABILITIES
from amalthea.children.shared.subject import Subject
from amalthea.settings import ContainerSettings

_RESTRICTED: Manifest = {"allowPrivilegeEscalation": False, "capabilities": NO_CAPABILITIES}
"""The requirements of `restricted` for each container; containers inherit those for the pod."""
_CLONE = names.clone_container(0).rstrip("0")


def fitted(subject: Subject, pod: Manifest) -> Manifest:
    """Return a pod's spec with the administrators' settings; what the user set for their own containers stays."""
    lists: Manifest = {
        field: [_container(subject, container) for container in pod[field]]
        for field in ("initContainers", "containers")
        if field in pod
    }
    security = pod["securityContext"]
    if subject.settings.restricted_pods:
        non_root = {"runAsNonRoot": True} if subject.spec.session.run_as_user != 0 else {}
        security = {**security, **non_root, "seccompProfile": {"type": "RuntimeDefault"}}
    return {**pod, **lists, "securityContext": security}


def _container(subject: Subject, container: Manifest) -> Manifest:
    given = subject.settings.containers.get(_kind(subject, container["name"]), ContainerSettings())
    security = {**container.get("securityContext", {}), **(given.security_context or {})}
    if subject.settings.restricted_pods:
        security = {**_RESTRICTED, **security}
    fields = {"resources": given.resources, "securityContext": security}
    return {**container, **{name: value for name, value in fields.items() if value}}


def _kind(subject: Subject, name: str) -> str:
    """Return the name by which administrators know a container of ours; empty for the session's own and the user's."""
    if name.startswith(_CLONE) and name.removeprefix(_CLONE).isdecimal():
        return "clone"
    ours = {
        names.CONTAINER_AUTHPROXY: "authproxy",
        names.CONTAINER_OAUTH2_PROXY: "oauth2Proxy",
        names.CONTAINER_TUNNEL: "tunnel",
        **({names.CONTAINER_SESSION: "remoteController"} if subject.remote else {}),
    }
    return ours.get(name, "")

"""The Service of an interactive session: the way in, the proxy's figures and, for a remote session, the tunnel."""

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.children.pod import auth
from amalthea.children.shared import meta
from amalthea.children.shared.snippets import compact
from amalthea.children.shared.subject import Subject

_HTTP = 80
_BY_ITS_OWN_ADDRESS = {"traefik.ingress.kubernetes.io/service.nativelb": "true"}
"""Traefik sends visitors to the Service's address, not to its pods. By itself it leaves out a pod that is not ready,
whatever `publishNotReadyAddresses` says, and learns of one that is up to `providersThrottleDuration` later."""


def service(subject: Subject) -> Manifest:
    """Return the Service."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta.child(subject, subject.name, defaults=_BY_ITS_OWN_ADDRESS),
        "spec": compact(
            {
                "selector": names.selector_labels(subject.name),
                "ports": _ports(subject),
                # A tunnel is dialled, and a door shows how the session is, before the session behind it is ready.
                "publishNotReadyAddresses": True if subject.remote or _checked(subject) else None,
            }
        ),
    }


def _ports(subject: Subject) -> list[Manifest]:
    target = names.PORT_ENTRY if _checked(subject) else subject.spec.session.port
    ports: list[Manifest] = [
        {"name": names.PORT_NAME_HTTP, "port": _HTTP, "targetPort": target},
        {"name": names.PORT_NAME_META, "port": names.PORT_META, "targetPort": names.PORT_META},
    ]
    if subject.remote:
        ports.append({"name": names.PORT_NAME_TUNNEL, "port": names.PORT_TUNNEL, "targetPort": names.PORT_NAME_TUNNEL})
    return ports


def _checked(subject: Subject) -> bool:
    return auth.authentication(subject) is not None

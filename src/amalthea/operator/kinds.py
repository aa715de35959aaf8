"""The kinds of object that the operator works with, and how each is read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec import Raw

from amalthea.api import names
from amalthea.kube.resource import Resource
from amalthea.model.views import decoding

SESSIONS = Resource(names.GROUP, names.VERSION, names.PLURAL, names.KIND)
PODS = Resource("", "v1", "pods", "Pod")
EVENTS = Resource("", "v1", "events", "Event")
SECRETS = Resource("", "v1", "secrets", "Secret")


@dataclass(frozen=True)
class ChildKind:
    """A kind of child: its resource, and its decoder."""

    resource: Resource
    decode: Callable[[bytes | Raw], Any]


CHILD_KINDS = {
    kind.resource.kind: kind
    for kind in (
        ChildKind(Resource("apps", "v1", "statefulsets", "StatefulSet"), decoding.statefulset),
        ChildKind(Resource("batch", "v1", "jobs", "Job"), decoding.job),
        ChildKind(Resource("", "v1", "services", "Service"), decoding.child),
        ChildKind(Resource("networking.k8s.io", "v1", "ingresses", "Ingress"), decoding.child),
        ChildKind(Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"), decoding.claim),
        ChildKind(SECRETS, decoding.secret),
    )
}
"""Everything that a session owns, by kind; its pod is watched as well, and belongs to the workload."""

WATCHED = {names.KIND: ChildKind(SESSIONS, decoding.session), "Pod": ChildKind(PODS, decoding.pod), **CHILD_KINDS}
"""Every kind that is watched."""

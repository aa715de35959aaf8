"""Gathers all that is known about one session, from the caches or from what a command has read: without any request."""

from typing import Any, Protocol

import msgspec

from amalthea.api import names
from amalthea.api.types import Spec
from amalthea.engine.ports import Key
from amalthea.model.views import decoding
from amalthea.model.views.events import EventView
from amalthea.model.views.objects import ChildView, SessionView, WorkloadView
from amalthea.model.views.observed import Observed
from amalthea.model.views.pods import PodView
from amalthea.model.views.usage import Usage


class ObjectLookup(Protocol):
    """The lookup of objects: in the operator's caches, or among the few that a command has read."""

    def session(self, key: Key) -> SessionView | None: ...

    def child(self, kind: str, key: Key) -> Any: ...  # noqa: ANN401  (the view depends on the kind)

    def several(self, kind: str, session: Key) -> tuple[Any, ...]: ...

    def edited(self, child: ChildView) -> bool: ...


def gather(
    source: ObjectLookup,
    key: Key,
    usage: Usage | None = None,
    events: tuple[EventView, ...] | None = None,
    former_pod: PodView | None = None,
) -> Observed | None:
    """Return what is known of a session, or None if there is none of that name; `events` are those on its objects."""
    session = source.session(key)
    if session is None:
        return None
    namespace, name = key
    spec, error = _read_spec(session)
    workload = _workload(source, key, spec)
    service: ChildView | None = source.child("Service", key)
    ingress: ChildView | None = source.child("Ingress", key)
    secret = source.child("Secret", (namespace, names.internal_secret(name)))
    claims = source.several("PersistentVolumeClaim", key)
    kinds = {
        workload.kind if workload is not None else "": (workload,),
        "Service": (service,),
        "Ingress": (ingress,),
        "Secret": (secret,),
        "PersistentVolumeClaim": claims,
    }
    return Observed(
        session=session,
        spec=spec,
        spec_error=error,
        workload=workload,
        service=service,
        ingress=ingress,
        secret=secret,
        claims=claims,
        pods=source.several("Pod", key),
        former_pod=former_pod,
        usage=usage,
        events=events,
        edited=frozenset(
            (kind, child.metadata.name)
            for kind, children in kinds.items()
            for child in children
            if child is not None and source.edited(child)
        ),
    )


def _workload(source: ObjectLookup, key: Key, spec: Spec | None) -> WorkloadView | None:
    """Return the workload of the kind that the spec asks for or, if it cannot be read, of the kind that is there."""
    kinds = (
        ["StatefulSet", "Job"] if spec is None else ["Job" if spec.session_type == "NonInteractive" else "StatefulSet"]
    )
    found: list[WorkloadView | None] = [source.child(kind, key) for kind in kinds]
    return next((workload for workload in found if workload is not None), None)


def _read_spec(session: SessionView) -> tuple[Spec | None, str]:
    try:
        return decoding.spec(session), ""
    except msgspec.ValidationError as error:
        return None, f"cannot be read: {error}. Correct it as `kubectl explain ams.spec` describes."

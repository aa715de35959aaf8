"""Decoders from the API's JSON to the views: one per watched kind, for the reflectors and for what writes return.

The fingerprint is taken from the bytes of the section that we own, before they are let go. The API server writes an
unchanged section byte by byte the same; should it not, a needless comparison follows, and nothing worse.
"""

from collections.abc import Callable
from hashlib import blake2b

import msgspec
from msgspec import Raw

from amalthea.api import names
from amalthea.api.types import Spec
from amalthea.model.views import wire
from amalthea.model.views.events import EventView
from amalthea.model.views.managed_fields import Managed
from amalthea.model.views.objects import (
    LONGEST_MESSAGE,
    ChildView,
    ClaimSpec,
    ClaimView,
    Metadata,
    Pause,
    SecretView,
    SessionView,
    WorkloadSpec,
    WorkloadStatus,
    WorkloadView,
    claims_of,
)
from amalthea.model.views.pods import PodView
from amalthea.model.views.wire import decoder

_ACME = "/.well-known/acme-challenge/"
_RESIZE_FAILED = {"ControllerResizeError", "NodeResizeError", "ModifyVolumeError"}
"""Conditions of a claim whose change failed (core/v1 PersistentVolumeClaimConditionType)."""
_RESIZE_WAITS = "FileSystemResizePending"


_sections = decoder(wire.Sections)
_template = decoder(wire.Template)
_pod_template = decoder(wire.PodTemplate)
_resources = decoder(wire.Resources)
_workload_spec = decoder(WorkloadSpec)
_workload_status = decoder(WorkloadStatus)
_pod_counts = decoder(wire.PodCounts)
_claim_spec = decoder(ClaimSpec)
_claim_status = decoder(wire.ClaimStatus)
_route_status = decoder(wire.RouteStatus)
_routes = decoder(wire.Routes)
_path = decoder(wire.Path)
_secret_data = decoder(dict[str, str])
_session = decoder(SessionView)
_spec = decoder(Spec)
_spec_as_data = decoder(dict[str, object])
_hibernation = decoder(wire.Hibernation)
_managed = decoder(Managed)
_record = decoder(wire.Record)
_pod = decoder(PodView)
event: Callable[[bytes | Raw], EventView] = decoder(EventView)
"""Decode an Event."""


def fingerprint(section: Raw | bytes) -> str:
    """Return a short hash of a section's bytes."""
    return blake2b(bytes(section), digest_size=8).hexdigest()


def pod(body: bytes | Raw) -> PodView:
    """Decode a pod; of its annotations only our own are kept."""
    view = _pod(body)
    ours = (names.ANNOTATION_RUN_ID, names.ANNOTATION_SESSION_UID)
    return msgspec.structs.replace(view, metadata=_with_annotations(view.metadata, *ours))


def _with_annotations(metadata: Metadata, *kept: str) -> Metadata:
    """Leave out the other annotations: whoever may write them may write 256 KiB on each object, and all are held."""
    if metadata.annotations.keys() <= set(kept):
        return metadata
    found = {name: text for name, text in metadata.annotations.items() if name in kept}
    return msgspec.structs.replace(metadata, annotations=found)


def session(body: bytes | Raw) -> SessionView:
    """Decode a session; its spec stays raw. A status that cannot be read counts as absent: it is written again.

    Of its annotations only the one that is read is kept.
    """
    try:
        view = _session(body)
    except msgspec.ValidationError:
        parts = _sections(body)
        view = SessionView(metadata=parts.metadata, spec=parts.spec)
    metadata = _with_annotations(view.metadata, names.ANNOTATION_BUSY_UNTIL)
    return msgspec.structs.replace(view, metadata=metadata, spec=view.spec.copy(), paused=_paused(view, body))


def _paused(view: SessionView, body: bytes | Raw) -> Pause | None:
    """Return who asked for the pause; read only where there is one, since managed fields are long."""
    if not wants_hibernation(view):
        return None
    return _managed(body).pause


def spec(view: SessionView) -> Spec:
    """Decode a session's spec.

    Raises:
        msgspec.ValidationError: an older or foreign CRD let something through that ours refuses.
    """
    return _spec(view.spec)


def wants_hibernation(view: SessionView) -> bool:
    """Return whether a session's spec asks for a pause, even if nothing else in it can be read."""
    try:
        return _hibernation(view.spec).hibernated is True
    except msgspec.ValidationError:
        return False


def asks_the_same(earlier: SessionView, later: SessionView) -> bool:
    """Return whether a session's users want the same as earlier: only then does an earlier plan hold."""
    return (
        earlier.metadata.uid == later.metadata.uid
        and earlier.metadata.deletion_timestamp == later.metadata.deletion_timestamp
        and bytes(earlier.spec) == bytes(later.spec)
    )


def raw_spec(view: SessionView) -> dict[str, object]:
    """Return a session's spec as the API server hands it out: with the defaults of the CRD that it has now."""
    return _spec_as_data(view.spec)


def _workload(kind: str, body: bytes | Raw) -> WorkloadView:
    parts = _sections(body)
    template = _template(parts.spec).template
    pod = _pod_template(template)
    view = WorkloadView(
        kind=kind,
        metadata=parts.metadata,
        fingerprint=fingerprint(template),
        spec=_workload_spec(parts.spec),
        status=_workload_status(parts.status),
        has_pods=_pod_counts(parts.status).any(parts.metadata.generation),
        template_annotated=pod.metadata.annotations is not None,
        template_run_id=(pod.metadata.annotations or {}).get(names.ANNOTATION_RUN_ID),
        containers=len(pod.spec.containers),
        init_containers=len(pod.spec.init_containers),
        sidecars=sum(each.restart_policy == "Always" for each in pod.spec.init_containers),
        claims=claims_of(pod.spec.volumes),
    )
    if view.awake:
        return view
    return msgspec.structs.replace(view, left_awake=_left_awake(view), stilled_by=_managed(body).stilled_by)


def _left_awake(view: WorkloadView) -> bool:
    """Return whether our record says that we meant it to have a pod; `children/changes/applied.py` writes it."""
    try:
        return _record(view.metadata.annotations.get(names.ANNOTATION_APPLIED, "{}").encode()).awake
    except msgspec.DecodeError:
        return False


def statefulset(body: bytes | Raw) -> WorkloadView:
    """Decode a StatefulSet; the fingerprint is that of its pod template."""
    return _workload("StatefulSet", body)


def job(body: bytes | Raw) -> WorkloadView:
    """Decode a Job; the fingerprint is that of its pod template."""
    return _workload("Job", body)


def child(body: bytes | Raw) -> ChildView:
    """Decode a Service or an Ingress; the fingerprint is that of its spec, its faults are those of its addresses."""
    parts = _sections(body)
    addresses = _route_status(parts.status).load_balancer.ingress
    challenges = _challenges(_routes(parts.spec)) if _ACME.encode() in bytes(parts.spec) else ()
    faults = tuple(port.error[:LONGEST_MESSAGE] for address in addresses for port in address.ports if port.error)
    return ChildView(metadata=parts.metadata, fingerprint=fingerprint(parts.spec), faults=faults, challenges=challenges)


def _challenges(routes: wire.Routes) -> tuple[tuple[str, bytes], ...]:
    paths = ((rule.host, path) for rule in routes.rules for path in rule.http.paths)
    return tuple((host, bytes(path)) for host, path in paths if _path(path).path.startswith(_ACME))


def claim(body: bytes | Raw) -> ClaimView:
    """Decode a PersistentVolumeClaim; the fingerprint is that of its resources, all that can change in it."""
    parts = _sections(body)
    status = _claim_status(parts.status)
    held = [each for each in status.conditions if each.status == "True"]
    return ClaimView(
        faults=tuple(each.message or each.type for each in held if each.type in _RESIZE_FAILED),
        grows_at_start=any(each.type == _RESIZE_WAITS for each in held),
        pending=status.phase == "Pending",
        capacity=status.capacity.storage,
        metadata=parts.metadata,
        fingerprint=fingerprint(_resources(parts.spec).resources),
        spec=_claim_spec(parts.spec),
    )


def secret(body: bytes | Raw) -> SecretView:
    """Decode an internal secret; the fingerprint is that of its data."""
    parts = _sections(body)
    return SecretView(metadata=parts.metadata, fingerprint=fingerprint(parts.data), data=_secret_data(parts.data))

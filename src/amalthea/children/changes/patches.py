"""JSON patches (RFC 6902) that bring a child to its manifest.

Sections that we own are replaced wholly; of the maps that we share with others only our own keys are touched. Each
patch tests the resource version, so that it never undoes what it has not seen.
"""

from collections.abc import Iterable, Mapping

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.children.changes.applied import Applied, encode
from amalthea.model.views.objects import ChildView

Operation = dict[str, object]

OWNED = {
    "Service": ("ports", "selector", "publishNotReadyAddresses"),
    "Ingress": ("rules", "tls"),
    "StatefulSet": ("template", "replicas"),
    "PersistentVolumeClaim": ("resources",),
    "Secret": ("data",),
}
"""Sections that are replaced wholly: members of `spec`, for a secret of the object itself."""

_IF_GIVEN = {"Ingress": ("ingressClassName",)}
"""Sections that somebody else fills in where the manifest has none: the cluster's default IngressClass."""


def guard(child: ChildView) -> Operation:
    """Return the operation that makes the patch fail if the child is not as we saw it."""
    return {"op": "test", "path": "/metadata/resourceVersion", "value": child.metadata.resource_version}


def sections(manifest: Manifest) -> list[Operation]:
    """Return the operations that replace every section that we own. A null removes what the manifest does not have."""
    kind: str = manifest["kind"]
    parent, path = (manifest, "") if kind == "Secret" else (manifest["spec"], "/spec")
    given = tuple(name for name in _IF_GIVEN.get(kind, ()) if name in parent)
    return [add(f"{path}/{name}", parent.get(name)) for name in (*OWNED[kind], *given)]


def metadata(child: ChildView, manifest: Manifest, before: Applied | None, after: Applied) -> list[Operation]:
    """Return the operations that set our labels and annotations, and remove those that we no longer want."""
    wanted_annotations = {**manifest["metadata"].get("annotations", {}), names.ANNOTATION_APPLIED: encode(after)}
    return [
        *_map("labels", child.metadata.labels, manifest["metadata"].get("labels", {}), before.labels if before else ()),
        *_map(
            "annotations",
            child.metadata.annotations,
            wanted_annotations,
            before.annotations if before else (),
        ),
    ]


def adopt(child: ChildView, manifest: Manifest) -> list[Operation]:
    """Return the operations that make the session the controller of a child that has none any more."""
    if child.metadata.controller is not None:
        return []
    owners = manifest["metadata"]["ownerReferences"]
    if child.metadata.owner_references:  # others may own it, too, without controlling it
        return [add("/metadata/ownerReferences/-", owner) for owner in owners]
    return [add("/metadata/ownerReferences", owners)]


def annotate(child: ChildView, wanted: Mapping[str, str]) -> list[Operation]:
    """Return the operations that set some annotations."""
    return _map("annotations", child.metadata.annotations, wanted, ())


def metadata_differs(child: ChildView, manifest: Manifest) -> bool:
    """Return whether somebody removed or changed a label or annotation of ours."""
    wanted = manifest["metadata"]
    return not (
        wanted.get("labels", {}).items() <= child.metadata.labels.items()
        and wanted.get("annotations", {}).items() <= child.metadata.annotations.items()
    )


def add(path: str, value: object) -> Operation:
    """Return the operation that sets a member; a null value makes it absent."""
    return {"op": "add", "path": path, "value": value}


def _map(name: str, present: Mapping[str, str], wanted: Mapping[str, str], ours: Iterable[str]) -> list[Operation]:
    if not present:
        return [add(f"/metadata/{name}", dict(wanted))] if wanted else []
    changed = [add(f"/metadata/{name}/{_escaped(k)}", v) for k, v in wanted.items() if present.get(k) != v]
    stale = [key for key in ours if key not in wanted and key in present]
    return changed + [_remove(f"/metadata/{name}/{_escaped(key)}") for key in stale]


def _remove(path: str) -> Operation:
    return {"op": "remove", "path": path}


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")

"""Metadata of children and of the pod: labels, annotations, and the owner reference for garbage collection."""

from collections.abc import Mapping

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.api.types import TemplateMetadata
from amalthea.children.shared.snippets import compact
from amalthea.children.shared.subject import Subject

_NONE = TemplateMetadata()


def child(
    subject: Subject,
    name: str,
    annotations: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
) -> Manifest:
    """Return a child's metadata; `annotations` win over those of `spec.template`, and these win over `defaults`."""
    return compact(
        {
            "name": name,
            "namespace": subject.namespace,
            "labels": _labels(subject),
            "annotations": _annotations(subject, annotations or {}, defaults or {}),
            "ownerReferences": [_owner_reference(subject)],
        }
    )


def workload(subject: Subject) -> Manifest:
    """Return the metadata of the session's StatefulSet or Job, which records the run that its pod belongs to."""
    return child(subject, subject.name, _run_annotations(subject))


def pod(subject: Subject) -> Manifest:
    """Return the metadata of the pod template."""
    return {"labels": _labels(subject), "annotations": _annotations(subject, _run_annotations(subject), {})}


def _template(subject: Subject) -> TemplateMetadata:
    template = subject.spec.template
    return (template.metadata if template is not None else None) or _NONE


def _labels(subject: Subject) -> dict[str, str]:
    return _sorted({**(_template(subject).labels or {}), **names.selector_labels(subject.name)})


def _annotations(subject: Subject, winning: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    given = _template(subject).annotations or {}
    # Not what a user gives for our own record: it would differ from the one that is written, in each pass.
    return _sorted({**defaults, **{key: given[key] for key in given if key != names.ANNOTATION_APPLIED}, **winning})


def _sorted(keys: Mapping[str, str]) -> dict[str, str]:
    return {key: keys[key] for key in sorted(keys)}


def _run_annotations(subject: Subject) -> dict[str, str]:
    uid = {names.ANNOTATION_SESSION_UID: subject.uid}
    return uid if subject.run_id is None else {names.ANNOTATION_RUN_ID: subject.run_id, **uid}


def _owner_reference(subject: Subject) -> Manifest:
    """Return the reference to the session; it blocks a foreground deletion until the child is gone."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": subject.name,
        "uid": subject.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }

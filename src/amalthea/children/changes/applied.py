"""The record that each child carries of our last write: one annotation on its own metadata, never on a pod template.

It holds hashes, so that neither a restart nor a newer release of the operator takes its own rendering for a change of
the user's. A child without it was made by the Go operator and is adopted as it is; so is a workload that somebody wrote
after us while this operator was not running, since an admin may switch to that operator and back.
"""

from hashlib import blake2b

import msgspec

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.model.views.objects import ChildView

SCHEME = 2
"""The version of the hashes. Hashes of another version say nothing: the child counts as newly rendered."""

SCHEDULING_FIELDS = ("affinity", "nodeSelector", "priorityClassName", "tolerations")
"""Members of a pod spec that decide where the pod runs."""

_COMPARED_BY_THEMSELVES = ("replicas", "suspend", "activeDeadlineSeconds", "template")
"""Members of a workload's spec that may change at any time and are compared with what is there; and the template."""


class Applied(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The annotation's content."""

    v: int = 0
    """Version of the scheme; always written, so that a later release knows whose hashes these are."""
    spec: str = ""
    """Hash of what the user says that reaches a pod template (`pod_template_inputs.py`), but for where the pod runs."""
    manifest: str = ""
    """Hash of the manifest, without what changes from run to run and what decides where the pod runs."""
    scheduling: str = ""
    """Hash of what decides where the pod runs; workloads only."""
    generation: int = 0
    """The workload's generation after our last write: a later one is somebody else's, the Go operator's for example."""
    awake: bool = False
    """Whether our last write of a workload's spec gave it its pod; False as well where an earlier release wrote."""
    held: str = ""
    """The pod template's fingerprint if the user changed the session while somebody else held it down: a release leaves
    the template of a StatefulSet as it is, a takeover by another operator does not."""
    labels: tuple[str, ...] = ()
    """Keys of the labels that we wrote: only these are ever removed."""
    annotations: tuple[str, ...] = ()
    """Keys of the annotations that we wrote, this one left out."""


def digest(data: object) -> str:
    """Return a short hash of plain data that does not depend on the order of keys."""
    return blake2b(msgspec.json.encode(data, order="deterministic"), digest_size=12).hexdigest()


def read(child: ChildView) -> Applied | None:
    """Return what was last applied to a child; None where nothing, or nothing of this scheme, is recorded."""
    text = child.metadata.annotations.get(names.ANNOTATION_APPLIED)
    if text is None:
        return None
    try:
        applied = msgspec.json.decode(text, type=Applied)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return applied if applied.v == SCHEME else Applied(labels=applied.labels, annotations=applied.annotations)


def describe(manifest: Manifest, spec_hash: str = "", generation: int = 0) -> Applied:
    """Return the record of a manifest; for a workload, also of the part of the spec that it was built from."""
    metadata = manifest["metadata"]
    workload = "template" in manifest.get("spec", ())
    return Applied(
        v=SCHEME,
        spec=spec_hash,
        manifest=digest(_lasting(manifest) if workload else manifest),
        scheduling=digest(scheduling(manifest)) if workload else "",
        generation=generation,
        awake=workload and _awake(manifest["spec"]),
        labels=tuple(metadata.get("labels", ())),
        annotations=tuple(metadata.get("annotations", ())),
    )


def _awake(spec: Manifest) -> bool:
    return bool(spec.get("replicas")) or spec.get("suspend") is False


def encode(applied: Applied) -> str:
    """Return the annotation's text."""
    return msgspec.json.encode(applied).decode()


def stamped(manifest: Manifest, applied: Applied) -> Manifest:
    """Return the manifest with the annotation on it."""
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), names.ANNOTATION_APPLIED: encode(applied)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def scheduling(manifest: Manifest) -> Manifest:
    """Return the members of a workload's pod spec that decide where the pod runs."""
    pod = manifest["spec"]["template"]["spec"]
    return {name: pod[name] for name in SCHEDULING_FIELDS if name in pod}


def _lasting(manifest: Manifest) -> Manifest:
    """Leave out of a workload what differs between runs, what is compared by itself, and what decides where it runs."""
    spec, template = manifest["spec"], manifest["spec"]["template"]
    lasting_template = {
        "metadata": _without_run_id(template["metadata"]),
        "spec": {key: value for key, value in template["spec"].items() if key not in SCHEDULING_FIELDS},
    }
    lasting_spec = {key: value for key, value in spec.items() if key not in _COMPARED_BY_THEMSELVES}
    return {
        **manifest,
        "metadata": _without_run_id(manifest["metadata"]),
        "spec": {**lasting_spec, "template": lasting_template},
    }


def _without_run_id(metadata: Manifest) -> Manifest:
    annotations = metadata.get("annotations", {})
    return {**metadata, "annotations": {k: v for k, v in annotations.items() if k != names.ANNOTATION_RUN_ID}}

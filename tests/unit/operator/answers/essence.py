"""The parts of an object that two runs of the same story leave equal."""

import msgspec

from amalthea.api import names
from amalthea.api.schema import Manifest


def essence(found: Manifest) -> Manifest:
    """Return an object without versions, UIDs, times and what was drawn."""
    metadata = found["metadata"]
    annotations = {
        key: value
        for key, value in metadata.get("annotations", {}).items()
        if key not in (names.ANNOTATION_APPLIED, names.ANNOTATION_RUN_ID, "renku.io/session_uid")
    }
    kept = {"labels": metadata.get("labels", {}), "annotations": annotations}
    kept["finalizers"] = metadata.get("finalizers", [])
    status = found.get("status", {})
    if found.get("kind") == names.KIND:
        conditions = [
            [each[part] for part in ("type", "status", "reason", "message")] for each in status.get("conditions", ())
        ]
        status = {"state": status.get("state"), "error": status.get("error"), "conditions": conditions}
        return {**kept, "spec": found["spec"], "status": status}
    own = found.get("kind") in ("StatefulSet", "Job") or "containers" in found.get("spec", {})
    spec = "" if own else msgspec.json.encode(found.get("spec", {})).decode()
    return {
        **kept,
        "spec": spec,
        "keys": sorted(found.get("data") or {}),
        "replicas": status.get("replicas"),
        "active": status.get("active"),
    }

"""The PVCs of a session: the user's files, and one for each data source."""

from amalthea.api import names
from amalthea.api.schema import Manifest, Quantity
from amalthea.children.pod.volumes import data_sources
from amalthea.children.shared import meta
from amalthea.children.shared.subject import Subject

_DATA_SOURCE_SIZE = "1Gi"
"""Said because a claim must have a size; rclone does not heed it."""


def session_claim(subject: Subject) -> Manifest:
    """Return the claim of the volume that holds the user's files."""
    storage = subject.spec.session.storage
    return _claim(meta.child(subject, subject.name), "ReadWriteOnce", storage.size, storage.class_name)


def data_source_claims(subject: Subject) -> list[Manifest]:
    """Return the claims of the data sources; the driver finds each one's configuration by the annotation."""
    return [
        _claim(
            meta.child(subject, name, {names.ANNOTATION_RCLONE_SECRET: secret}),
            source.access_mode,
            _DATA_SOURCE_SIZE,
            subject.settings.rclone_storage_class or None,
        )
        for name, source, secret in data_sources(subject)
    ]


def _claim(metadata: Manifest, access_mode: str, size: Quantity, storage_class: str | None) -> Manifest:
    """Return a claim. None is the cluster's default class; an empty one asks for a volume without a class."""
    given = {} if storage_class is None else {"storageClassName": storage_class}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": {"accessModes": [access_mode], "resources": {"requests": {"storage": size}}, **given},
    }

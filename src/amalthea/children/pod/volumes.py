"""The session's own volumes and those of its data sources: what the pod has, and where the session sees it."""

from collections.abc import Iterator
from posixpath import join, normpath

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.api.types import DataSource, SessionContainer
from amalthea.children.shared.snippets import compact
from amalthea.children.shared.subject import Subject

READ_ONLY = "ReadOnlyMany"


def session_volumes(subject: Subject) -> list[Manifest]:
    """Return the volume that holds the user's files and, where asked for, the one of /dev/shm."""
    session = subject.spec.session
    claim = {"name": names.VOLUME_SESSION, "persistentVolumeClaim": {"claimName": subject.name}}
    if session.shm_size is None:
        return [claim]
    return [claim, {"name": names.VOLUME_SHM, "emptyDir": {"medium": "Memory", "sizeLimit": session.shm_size}}]


def session_mounts(subject: Subject) -> list[Manifest]:
    """Return all mounts of the session container, in the contract's order."""
    session = subject.spec.session
    shm = [] if session.shm_size is None else [{"name": names.VOLUME_SHM, "mountPath": "/dev/shm"}]  # noqa: S108
    return [session_mount(session), *shm, *(session.extra_volume_mounts or ()), *_data_source_mounts(subject)]


def session_mount(session: SessionContainer) -> Manifest:
    """Return the mount of the user's files."""
    return {"name": names.VOLUME_SESSION, "mountPath": session.storage.mount_path}


def files_at(session: SessionContainer) -> str:
    """Return the path of the user's files: the runtime resolves a relative mount path from the root."""
    return join("/", session.storage.mount_path)


def data_sources(subject: Subject) -> Iterator[tuple[str, DataSource, str]]:
    """Return name, source and secret of each data source that can be mounted; a remote session mounts none yet."""
    if subject.remote:
        return
    for index, source in enumerate(subject.spec.data_sources or ()):
        if source.secret_ref is not None:
            yield names.data_source_claim(subject.name, index), source, source.secret_ref.name


def data_source_volumes(subject: Subject) -> list[Manifest]:
    """Return the volumes of the data sources."""
    return [
        {
            "name": name,
            "persistentVolumeClaim": compact({"claimName": name, "readOnly": _read_only(source)}),
        }
        for name, source, _ in data_sources(subject)
    ]


def _data_source_mounts(subject: Subject) -> list[Manifest]:
    return [
        compact(
            {
                "name": name,
                "mountPath": _mount_path(subject.spec.session, source.mount_path),
                "readOnly": _read_only(source),
            }
        )
        for name, source, _ in data_sources(subject)
    ]


def _read_only(source: DataSource) -> bool | None:
    return True if source.access_mode == READ_ONLY else None


def _mount_path(session: SessionContainer, path: str) -> str:
    """Return the path; a relative one is relative to the session's working directory, else to its volume."""
    if path.startswith("/"):
        return path
    return normpath(join(files_at(session), session.working_dir or "", path))

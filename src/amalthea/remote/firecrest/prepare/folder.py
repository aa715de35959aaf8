"""The session's folder on the cluster: the same one for each of its jobs, and never outside `renku/sessions`. Pure."""

import posixpath
import re
from collections.abc import Mapping

from amalthea.remote.errors import Refused
from amalthea.remote.firecrest.api.answers import FileSystem

_PART = re.compile(r"[A-Za-z0-9_~+=@.:-]+")
"""The characters of a part of a path: FirecREST writes it into a command line."""
_SAFE = re.compile(r"[A-Za-z0-9_~+=@.:/-]*")


def scratch(file_systems: tuple[FileSystem, ...]) -> str:
    """Return the path of the scratch file system: the last that is a default work directory, else the last of all.

    Raises:
        Refused: the cluster has none.
    """
    found = [each for each in file_systems if each.data_type == "scratch"]
    preferred = [each for each in found if each.default_work_dir] or found
    if not preferred:
        raise Refused("The cluster has no scratch file system to put the session's files on; choose another one.")
    return preferred[-1].path


def session_folder(scratch_path: str, user: str, env: Mapping[str, str]) -> str:
    """Return the path of the session's folder.

    Raises:
        Refused: a part of it cannot be used; names the variable that it comes from.
    """
    project = env.get("RENKU_PROJECT_PATH") or "dev-project"
    session = (env.get("RENKU_BASE_URL_PATH") or "dev-session").removesuffix("/").removeprefix("/sessions")
    for name, path in (("RENKU_PROJECT_PATH", project), ("RENKU_BASE_URL_PATH", session)):
        parts = [part for part in path.split("/") if part]
        if not parts or any(part in (".", "..") or not _PART.fullmatch(part) for part in parts):
            raise Refused(f"{name} cannot be used as a folder's name; write letters, digits, - and _ only.")
    if not _SAFE.fullmatch(scratch_path) or not _PART.fullmatch(user) or user in (".", ".."):
        raise Refused(
            "The cluster's scratch path or user name has characters that a path must not contain; ask its admins."
        )
    return posixpath.join(scratch_path, user, "renku/sessions", project.strip("/"), session.strip("/"))


def session_name(env: Mapping[str, str]) -> str:
    """Return the session's name, as far as the name of a job can hold it."""
    last = (env.get("RENKU_BASE_URL_PATH") or "dev-session").rstrip("/").rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9_-]", "-", last)[:63] or "session"

"""The files that run the job: its script, and what the container engine is told. Pure, but for the files it ships."""

import json
import posixpath
from collections.abc import Sequence
from importlib import resources

from amalthea.remote.errors import Refused
from amalthea.remote.firecrest.answers import FileSystem
from amalthea.sidecars.tunnel import bundle

SCRIPT = "session_script.sh"
CONTAINER = "environment.toml"
TUNNEL_CLIENT = "tunnel_client.py"
TUNNEL_AUTHORITIES = "tunnel_ca.pem"
SECRET = "wstunnel_secret"  # noqa: S105  (a file's name)
VARIABLES = "environment.sh"
SECRETS, EMPTY = "secrets", "empty"
_MOUNTED = ("scratch", "store")


def render(directives: Sequence[str]) -> bytes:
    """Return the script with these #SBATCH lines, which have to come right after the first line."""
    text = resources.files("amalthea.remote.firecrest").joinpath(SCRIPT).read_text("utf-8")
    first, rest = text.split("\n", 1)
    return "\n".join((first, *directives, rest)).encode()


def tunnel_client() -> bytes:
    """Return the program by which the job reaches the session's address."""
    return bundle.source().encode()


def container(image: str, folder: str, file_systems: Sequence[FileSystem]) -> bytes:
    """Return what the container engine is told (an EDF, in TOML): the image, and what is mounted.

    The folder lies on the scratch file system, which is mounted: an empty folder hides its `secrets`.

    Raises:
        Refused: there is no image.
    """
    if not image:
        raise Refused("REMOTE_SESSION_IMAGE is not set; the session needs an image.")
    mounts = [f"{each.path}:{each.path}" for kind in _MOUNTED for each in file_systems if each.data_type == kind]
    homes = [each.path for each in file_systems if each.data_type == "users"]
    mounts += [f"{path}:/home{path}:ro" for path in homes[-1:]]
    mounts += [f"{folder}/{EMPTY}:{folder}/{SECRETS}:ro"]
    lines = [
        f"image = {_quoted(image)}",
        f"mounts = [{', '.join(map(_quoted, mounts))}]",
        f"workdir = {_quoted(posixpath.join(folder, 'work'))}",
        "",
        "[annotations]",
        'com.hooks.cxi.enabled = "false"',
    ]
    return ("\n".join(lines) + "\n").encode()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # TOML's basic strings are written as JSON's

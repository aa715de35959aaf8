"""The files that run the job: its script, and the container engine's configuration. Pure, except for shipped files."""

import json
import shlex
from collections.abc import Sequence
from importlib import resources

from amalthea.remote.firecrest.api.answers import FileSystem
from amalthea.remote.firecrest.prepare.launch import Mount
from amalthea.sidecars.tunnel import bundle

SCRIPT = "session_script.sh"
CONTAINER = "environment.toml"
TUNNEL_CLIENT = "tunnel_client.py"
TUNNEL_AUTHORITIES = "tunnel_ca.pem"
SECRET = "wstunnel_secret"  # noqa: S105  (a file's name)
VARIABLES = "environment.sh"
SECRETS, EMPTY = "secrets", "empty"
_LAUNCH = "launch=(false) # the controller writes here what is started\n"
OWN_VARIABLES = (
    *("GIT_PROXY_REMOTE_PORT", "GIT_PROXY_HEALTH_REMOTE_PORT", "RENKU_MOUNT_DIR", "RENKU_WORKING_DIR"),
    *("RENKU_SESSION_IP", "RENKU_SESSION_PORT"),
)
"""The variables that the script itself sets for the session's program."""
_MOUNTED = ("scratch", "store")


def render(directives: Sequence[str], launch: Sequence[str]) -> bytes:
    """Return the script with these #SBATCH lines, which have to come right after the first line, and this command."""
    text = resources.files("amalthea.remote.firecrest.prepare").joinpath(SCRIPT).read_text("utf-8")
    first, rest = text.split("\n", 1)
    before, after = rest.split(_LAUNCH)
    return "\n".join((first, *directives, f"{before}launch=({shlex.join(launch)})\n{after}")).encode()


def tunnel_client() -> bytes:
    """Return the program by which the job reaches the session's address."""
    return bundle.source().encode()


def mounts(folder: str, file_systems: Sequence[FileSystem]) -> list[Mount]:
    """Return the mounts of containers.

    The folder lies on the scratch file system, which is mounted: an empty folder hides its `secrets`.
    """
    found = [Mount(each.path, each.path) for kind in _MOUNTED for each in file_systems if each.data_type == kind]
    homes = [each.path for each in file_systems if each.data_type == "users"]
    found += [Mount(path, f"/home{path}", read_only=True) for path in homes[-1:]]
    return [*found, Mount(f"{folder}/{EMPTY}", f"{folder}/{SECRETS}", read_only=True)]


def container(image: str, mounted: Sequence[Mount], workdir: str) -> bytes:
    """Return the container engine's configuration (an EDF, in TOML): the image, and what is mounted."""
    lines = [
        f"image = {_quoted(image)}",
        f"mounts = [{', '.join(_quoted(mount.text) for mount in mounted)}]",
        f"workdir = {_quoted(workdir)}",
        "",
        "[annotations]",
        'com.hooks.cxi.enabled = "false"',
    ]
    return ("\n".join(lines) + "\n").encode()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # TOML's basic strings are written as JSON's

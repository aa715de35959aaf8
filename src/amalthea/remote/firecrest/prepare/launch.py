"""The command that starts the session's program on the cluster, at the end of the job's script. Pure.

Every kind starts it by `srun`, as a step of the job, so Slurm warns it of the time limit. Accounting keeps the command
lines of steps. So the variables in a user's words are expanded after that, by a shell.
"""

import posixpath
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from amalthea.remote.errors import Refused
from amalthea.remote.firecrest.prepare.image import docker, enroot
from amalthea.remote.firecrest.settings import FirecrestSettings, Program, Runtime

ENTRY = ("sh", "/etc/rc")
"""The program that starts an image as its makers meant it, with enroot; arguments replace the image's own."""
_REFERENCE = re.compile(r"\$\$|\$\(([^()]*)\)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOUNT = re.compile(r"[^,:\s]+")


@dataclass(frozen=True)
class Mount:
    """A folder that a container sees."""

    source: str
    target: str
    read_only: bool = False

    @property
    def text(self) -> str:
        """Return it as `source:target[:ro]`."""
        return f"{self.source}:{self.target}" + (":ro" if self.read_only else "")


@dataclass(frozen=True)
class Place:
    """The folders of the program. `work` holds the session's files, `start` is the one in which it starts."""

    folder: str
    work: str
    start: str
    mounts: Sequence[Mount]
    variables: Sequence[str]
    """The names of the session's variables."""


def command_line(settings: FirecrestSettings, image: str, place: Place) -> list[str]:
    """Return the command line that runs the session's program in `image`, or on the plain host.

    Raises:
        Refused: there is nothing to run; names the missing field.
    """
    if not image and settings.runtime is not Runtime.HOST:
        raise Refused("REMOTE_SESSION_IMAGE is not set; the session needs an image.")
    return _KINDS[settings.runtime](settings, image, place)


def working_dir(settings: FirecrestSettings, env: Mapping[str, str], work: str) -> str:
    """Return the folder in which the program starts; an image that decides what runs decides that, too.

    The pod's folders of the user's files have another name on the cluster; other absolute paths stay as they are.
    """
    if settings.program is Program.IMAGE or not settings.working_dir:
        return work
    wanted = posixpath.normpath(settings.working_dir)
    for name in ("RENKU_WORKING_DIR", "RENKU_MOUNT_DIR"):
        known = posixpath.normpath(env[name]) if env.get(name) else ""
        if known and (wanted == known or wanted.startswith(f"{known.rstrip('/')}/")):
            return posixpath.join(work, wanted.removeprefix(known).strip("/")).rstrip("/")
    return posixpath.join(work, wanted)


def shell_words(words: Sequence[str]) -> str:
    """Return words for a POSIX shell, with `$(NAME)` as in Kubernetes: the variable, or as it is if it is not set."""
    return " ".join(_word(word) for word in words)


def _word(word: str) -> str:
    pieces, end = list[str](), 0
    for found in _REFERENCE.finditer(word):
        name = found[1]
        if name is not None and not _NAME.fullmatch(name):
            continue
        pieces += [_literal(word[end : found.start()])]
        pieces += ["'$'" if name is None else f'"${{{name}-\\$({name})}}"']
        end = found.end()
    return "".join([*pieces, _literal(word[end:])]) or "''"


def _literal(text: str) -> str:
    return shlex.quote(text) if text else ""


def _with_enroot(settings: FirecrestSettings) -> list[str]:
    """Return what runs in an enroot container: the image's own program, unless the spec's is wanted."""
    if settings.program is Program.IMAGE or not (settings.command or settings.args):
        return list(ENTRY)
    before = settings.command or ENTRY
    return ["sh", "-c", f"exec {shell_words([*before, *settings.args])}"]


def _environment(settings: FirecrestSettings, _: str, place: Place) -> list[str]:
    file = posixpath.join(place.folder, "environment.toml")
    return ["srun", "--environment", file, "--no-container-entrypoint", *_with_enroot(settings)]


def _pyxis(settings: FirecrestSettings, image: str, place: Place) -> list[str]:
    """Return a call of pyxis. Without `--container-env` the image's own values would win over the session's."""
    mounts = ",".join(_checked(mount).text for mount in place.mounts)
    options = {
        "image": enroot(image),
        "mounts": mounts,
        "workdir": place.start,
        "env": ",".join(place.variables),
    }
    flags = [f"--container-{name}={value}" for name, value in options.items()]
    fixed = ["--no-container-mount-home", "--no-container-entrypoint"]
    return ["srun", *flags, *fixed, *_with_enroot(settings)]


def _apptainer(settings: FirecrestSettings, image: str, place: Place) -> list[str]:
    """Return a call of Apptainer, whose containers cannot be written to: the session's files are the home folder."""
    binds = [flag for mount in place.mounts for flag in ("--bind", _checked(mount).text)]
    flags = [*binds, "--home", place.work, "--pwd", place.start, "--writable-tmpfs"]
    wanted = settings.program is Program.SPEC
    command, args = (settings.command, settings.args) if wanted else ((), ())
    call = ["apptainer", "exec" if command else "run", *flags, f"docker://{docker(image)}"]
    words = f"{shlex.join(call)} {shell_words([*command, *args])}".rstrip()
    return ["srun", "/bin/sh", "-c", f'PATH="$SESSION_NODES_PATH"; exec {words}']


def _host(settings: FirecrestSettings, _: str, place: Place) -> list[str]:
    words = [*settings.command, *settings.args]
    if not settings.command:
        raise Refused("On the plain host no image says what to run; set spec.session.command.")
    return ["srun", "/bin/sh", "-c", f"cd {shlex.quote(place.start)} && exec {shell_words(words)}"]


def _checked(mount: Mount) -> Mount:
    if not (_MOUNT.fullmatch(mount.source) and _MOUNT.fullmatch(mount.target)):
        raise Refused(
            f"{mount.source} cannot be mounted: its path contains a comma, a colon or a space; ask its admins."
        )
    return mount


_KINDS: Mapping[Runtime, Callable[[FirecrestSettings, str, Place], list[str]]] = {
    Runtime.ENVIRONMENT: _environment,
    Runtime.PYXIS: _pyxis,
    Runtime.APPTAINER: _apptainer,
    Runtime.HOST: _host,
}

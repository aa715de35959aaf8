"""The variables of the job, and the file in which they travel. Pure.

None is passed to sbatch: it cuts a value at a comma, an odd quote swallows all that follow, and accounting keeps them.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amalthea.remote import entry
from amalthea.remote.firecrest.prepare.image import enroot

_USERS = "USER_ENV_"
_PASSED = ("REMOTE_SESSION", "RENKU")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BASHS_OWN = frozenset(
    (
        *("BASHOPTS", "BASHPID", "BASH_ALIASES", "BASH_ARGC", "BASH_ARGV", "BASH_CMDS", "BASH_COMMAND", "BASH_LINENO"),
        *("BASH_SOURCE", "BASH_SUBSHELL", "BASH_VERSINFO", "DIRSTACK", "EPOCHREALTIME", "EPOCHSECONDS", "EUID"),
        *("FUNCNAME", "GROUPS", "HISTCMD", "IFS", "LINENO", "OPTIND", "PIPESTATUS", "PPID", "RANDOM", "SECONDS"),
        *("SHELLOPTS", "SRANDOM", "UID", "_"),
    )
)
"""Names that bash lets nobody set, gives values of its own, or reads the rest of the script by."""


@dataclass(frozen=True)
class Repository:
    """A repository that the job fetches: the folder's name and the branch, empty if there is none."""

    name: str
    branch: str


def variables(env: Mapping[str, str], repositories: Sequence[Repository]) -> dict[str, str]:
    """Return the job's variables; where two sources name the same one, the later counts.

    Raises:
        Refused: RENKU_BASE_URL is not an address.
    """
    found = {name.removeprefix(_USERS): value for name, value in env.items() if name.startswith(_USERS)}
    for prefix in _PASSED:
        found |= {name: value for name, value in env.items() if name.startswith(prefix)}
    if image := found.get("REMOTE_SESSION_IMAGE"):
        found["REMOTE_SESSION_IMAGE"] = enroot(image)
    found |= entry.tunnel(env)
    found["GIT_REPOSITORIES"] = "\n".join(f"{each.name}\t{each.branch}" for each in repositories)
    found["RENKU_SESSION_REMOTE_PORT"] = env.get("RSC_SESSION_PORT") or env.get("RENKU_SESSION_PORT") or "8888"
    found["GIT_PROXY_PORT"], found["GIT_PROXY_HEALTH_PORT"] = "65480", "65481"
    return {name: value for name, value in found.items() if _is_possible(name)}


def left_out(env: Mapping[str, str]) -> list[str]:
    """Return the names of the user's variables that no shell can hold."""
    names = (name.removeprefix(_USERS) for name in env if name.startswith(_USERS))
    return sorted(name for name in names if not _is_possible(name))


def _is_possible(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and name not in _BASHS_OWN


def env_file(values: Mapping[str, str]) -> bytes:
    """Return a file that a shell reads: each variable exported, its value exactly as it is."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(values.items())]
    return "".join(lines).encode("utf-8", errors="surrogateescape")

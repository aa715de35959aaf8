"""The variables of `cloner shellclone`, as the web back end sets them: all begin with GIT_CLONE_.

Lists are numbered, with an underscore after the number, up to the first that is absent. An empty value is absent.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from amalthea.sidecars import clear_text
from amalthea.sidecars.clear_text import ClearText
from amalthea.sidecars.cloner.errors import Misconfigured

_PREFIX = "GIT_CLONE_"
RENKU_TOKEN = f"{_PREFIX}USER__RENKU_TOKEN"
_BOOLEANS = {"": False, "0": False, "false": False, "1": True, "true": True}


@dataclass(frozen=True)
class Repository:
    """A repository to clone."""

    url: str = field(repr=False)
    variable: str
    provider: str = ""
    branch: str = ""
    commit_sha: str = ""
    fault: str = ""
    """The reason why it cannot be cloned, if the entry itself is wrong: its name and the remedy, never its value."""


@dataclass(frozen=True)
class User:
    """The session's user; the names are for their commits."""

    full_name: str = ""
    email: str = ""
    renku_token: str = field(default="", repr=False)
    """Gets a token for each provider. Empty for anonymous users."""


@dataclass(frozen=True)
class Sentry:
    """The Sentry that errors of this program are reported to; none if the DSN is empty."""

    dsn: str = ""
    environment: str = ""
    release: str = ""
    sample_rate: float = 0.0


@dataclass(frozen=True)
class Variables:
    """All variables of `shellclone`."""

    mount_path: Path
    repositories: tuple[Repository, ...] = ()
    providers: Mapping[str, str] = field(default_factory=dict)
    """By its id, where each provider's token is to be had."""
    user: User = User()
    large_files: bool = False
    proxy_port: int | None = None
    """The port of the git proxy, if the session has one."""
    clear_text: ClearText = field(default_factory=ClearText)
    """Hosts that may get tokens without TLS."""
    sentry: Sentry = Sentry()
    faults: tuple[str, ...] = ()
    """The faults of entries that are left out."""


def read(environment: Mapping[str, str]) -> Variables:
    """Read them all.

    Raises:
        Misconfigured: one that is for all repositories cannot be used; its name and the remedy, never its value.
    """
    mount_path = _text(environment, "MOUNT_PATH")
    if not mount_path:
        raise Misconfigured(f"{_PREFIX}MOUNT_PATH is missing; name the folder of the session's files.")
    providers, faults = _providers(environment)
    return Variables(
        mount_path=Path(mount_path),
        repositories=tuple(_repositories(environment)),
        providers=providers,
        user=User(
            full_name=_text(environment, "USER__FULL_NAME") or _text(environment, "USER__USERNAME"),
            email=_text(environment, "USER__EMAIL"),
            renku_token=_token(environment),
        ),
        large_files=_boolean(environment, "LFS_AUTO_FETCH"),
        proxy_port=_port(environment) if _boolean(environment, "IS_GIT_PROXY_ENABLED") else None,
        clear_text=clear_text.parse(_text(environment, "ALLOW_HTTP_HOSTS")),
        sentry=_sentry(environment),
        faults=faults,
    )


def _repositories(environment: Mapping[str, str]) -> Iterator[Repository]:
    for variable, entry in _numbered(environment, "REPOSITORIES"):
        url, branch, commit = (entry.get(key, "") for key in ("url", "branch", "commit_sha"))
        fault = ""
        if not url:
            fault = f"{variable} has no url; write a JSON object with the address of a repository."
        elif branch.startswith("-") or commit.startswith("-"):
            fault = f"{variable} has a branch or commit_sha that begins with a hyphen; correct it."
        elif not (branch + commit).isprintable():
            fault = f"{variable} has a branch or commit_sha with characters that cannot be shown; correct it."
        yield Repository(url, variable, entry.get("provider", ""), branch, commit, fault)


def _providers(environment: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the address of each provider's token, and what is wrong with the others."""
    providers: dict[str, str] = {}
    faults = []
    for variable, entry in _numbered(environment, "GIT_PROVIDERS"):
        address = entry.get("access_token_url", "")
        if entry.get("id") and address.startswith(("http://", "https://")):
            providers[entry["id"]] = address
        else:
            faults.append(f"{variable} needs an id, and an access_token_url that begins with https://; it is left out.")
    return providers, tuple(faults)


def _numbered(environment: Mapping[str, str], name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each entry with its variable's name; one that is not a JSON object has nothing in it."""
    index = 0
    while (variable := f"{_PREFIX}{name}_{index}_") in environment:
        index += 1
        if not environment[variable].strip():
            continue
        try:
            entry = json.loads(environment[variable])
        except (ValueError, RecursionError):
            entry = None
        pairs = entry.items() if isinstance(entry, dict) else ()
        yield variable, {key: value for key, value in pairs if isinstance(value, str)}


def _text(environment: Mapping[str, str], name: str) -> str:
    return environment.get(f"{_PREFIX}{name}", "").strip()


def _token(environment: Mapping[str, str]) -> str:
    token = _text(environment, "USER__RENKU_TOKEN")
    return "" if token == "None" else token  # noqa: S105  (what the back end sends for an anonymous user)


def _boolean(environment: Mapping[str, str], name: str) -> bool:
    value = _BOOLEANS.get(_text(environment, name).lower())
    if value is None:
        raise Misconfigured(f"{_PREFIX}{name} is neither 0 nor 1; write one of them.")
    return value


def _port(environment: Mapping[str, str]) -> int:
    text = _text(environment, "GIT_PROXY_PORT")
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise Misconfigured(f"{_PREFIX}GIT_PROXY_PORT is not a port; write the port on which the git proxy listens.")
    return int(text)


def _sentry(environment: Mapping[str, str]) -> Sentry:
    if not _boolean(environment, "SENTRY__ENABLED"):
        return Sentry()
    try:
        rate = float(_text(environment, "SENTRY__SAMPLE_RATE") or 0)
    except ValueError:
        raise Misconfigured(f"{_PREFIX}SENTRY__SAMPLE_RATE is not a number; write one from 0 to 1.") from None
    release = _text(environment, "SENTRY__RELEASE") or environment.get("SENTRY_RELEASE", "")
    return Sentry(_text(environment, "SENTRY__DSN"), _text(environment, "SENTRY__ENVIRONMENT"), release, rate)

"""The variables of `cloner shellclone`, as the web back end sets them: all begin with GIT_CLONE_.

Lists are numbered, with an underscore behind the number, up to the first that is not there. An empty value is none.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from amalthea.sidecars.cloner.errors import Misconfigured

_PREFIX = "GIT_CLONE_"
_BOOLEANS = {"": False, "0": False, "false": False, "1": True, "true": True}


@dataclass(frozen=True)
class Repository:
    """One to clone."""

    url: str = field(repr=False)
    variable: str
    provider: str = ""
    branch: str = ""
    commit_sha: str = ""


@dataclass(frozen=True)
class User:
    """Whose session it is; the names are for their commits."""

    full_name: str = ""
    email: str = ""
    renku_token: str = field(default="", repr=False)
    """Gets a token for each provider. Empty for anonymous users."""


@dataclass(frozen=True)
class Sentry:
    """Where errors of this program are reported; nowhere if the DSN is empty."""

    dsn: str = ""
    environment: str = ""
    release: str = ""
    sample_rate: float = 0.0


@dataclass(frozen=True)
class Variables:
    """All that `shellclone` is told."""

    mount_path: Path
    repositories: tuple[Repository, ...] = ()
    providers: Mapping[str, str] = field(default_factory=dict)
    """By its id, where each provider's token is to be had."""
    user: User = User()
    large_files: bool = False
    proxy_port: int | None = None
    """Where the git proxy will listen, if the session has one."""
    sentry: Sentry = Sentry()


def read(environment: Mapping[str, str]) -> Variables:
    """Read them all.

    Raises:
        Misconfigured: one cannot be used; its name and the remedy, never its value.
    """
    mount_path = _text(environment, "MOUNT_PATH")
    if not mount_path:
        raise Misconfigured(f"{_PREFIX}MOUNT_PATH is missing; name the folder of the session's files.")
    return Variables(
        mount_path=Path(mount_path),
        repositories=tuple(_repositories(environment)),
        providers=dict(_providers(environment)),
        user=User(
            full_name=_text(environment, "USER__FULL_NAME") or _text(environment, "USER__USERNAME"),
            email=_text(environment, "USER__EMAIL"),
            renku_token=_token(environment),
        ),
        large_files=_boolean(environment, "LFS_AUTO_FETCH"),
        proxy_port=_port(environment) if _boolean(environment, "IS_GIT_PROXY_ENABLED") else None,
        sentry=_sentry(environment),
    )


def _repositories(environment: Mapping[str, str]) -> Iterator[Repository]:
    for variable, entry in _numbered(environment, "REPOSITORIES"):
        if not entry.get("url"):
            raise Misconfigured(f"{variable} has no url; write the address of a repository.")
        branch, commit = entry.get("branch", ""), entry.get("commit_sha", "")
        if branch.startswith("-") or commit.startswith("-"):
            raise Misconfigured(f"{variable} has a branch or commit_sha that begins with a hyphen; correct it.")
        yield Repository(entry["url"], variable, entry.get("provider", ""), branch, commit)


def _providers(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for variable, entry in _numbered(environment, "GIT_PROVIDERS"):
        address = entry.get("access_token_url", "")
        if not entry.get("id") or not address.startswith(("http://", "https://")):
            raise Misconfigured(f"{variable} needs an id, and an access_token_url that begins with https://.")
        yield entry["id"], address


def _numbered(environment: Mapping[str, str], name: str) -> Iterator[tuple[str, dict[str, str]]]:
    index = 0
    while (variable := f"{_PREFIX}{name}_{index}_") in environment:
        index += 1
        if not environment[variable].strip():
            continue
        try:
            entry = json.loads(environment[variable])
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            raise Misconfigured(f"{variable} is no JSON object; write it like {{}} with keys and values.")
        yield variable, {key: value for key, value in entry.items() if isinstance(value, str)}


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
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise Misconfigured(f"{_PREFIX}GIT_PROXY_PORT is no port; write the number at which the git proxy listens.")
    return int(text)


def _sentry(environment: Mapping[str, str]) -> Sentry:
    if not _boolean(environment, "SENTRY__ENABLED"):
        return Sentry()
    try:
        rate = float(_text(environment, "SENTRY__SAMPLE_RATE") or 0)
    except ValueError:
        raise Misconfigured(f"{_PREFIX}SENTRY__SAMPLE_RATE is no number; write one from 0 to 1.") from None
    release = _text(environment, "SENTRY__RELEASE") or environment.get("SENTRY_RELEASE", "")
    return Sentry(_text(environment, "SENTRY__DSN"), _text(environment, "SENTRY__ENVIRONMENT"), release, rate)

"""The proxy's settings: from its flags, else the variables AUTHPROXY_*, else its file, checked once, then frozen.

The names are those of the former proxy. An unusable setting stops the proxy before it starts: a typo must not open the
door.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from amalthea.sidecars.authproxy.document import KEYS, Given, SettingsError

_PREFIX = "AUTHPROXY_"
_UNUSABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_COOKIE_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
_COOKIE_PATH = re.compile(r"""[^\x00-\x20;"'\\\x7f-\U0010ffff]*""")
_REMOTE = re.compile(r"http://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?/?")
_LONGEST = 4096
"""Bytes of a value; browsers keep no longer cookies, and HAProxy takes no word that is several times as long."""


class Settings(NamedTuple):
    """The proxy's settings from outside."""

    token: str
    """The session's key; empty where everybody is let in, as behind oauth2-proxy."""
    cookie_key: str
    """The cookie in which browsers bring the key."""
    remote: str
    """The address that the session listens on, as host:port."""
    port: int
    meta_port: int
    """The port at which the operator asks for the requests' statistics."""
    strip_path_prefix: str | None
    """The prefix of paths that the session does not see, without a slash at the end; None where it sees them whole."""
    verbose: bool
    """Whether every request is logged."""
    cookie_path: str | None = None
    """For which paths of the host a browser keeps the key that a person has shown; None where none is asked for."""
    from_within: bool = False
    """Whether only the pod's own programs are let in: behind oauth2-proxy, which checks the users, nobody else may."""
    controller: str = ""
    """The address that the controller of a remote session listens on, as host:port; empty for a session in this pod."""
    stop_within: int = 25
    """Seconds after which a stop ends what is still open. A native sidecar is stopped after the session: it need not
    wait."""

    def __repr__(self) -> str:
        return f"Settings{self[1:]}"  # without the token


def read(flags: Mapping[str, Given], env: Mapping[str, str], file: Mapping[str, Given] | None) -> Settings:
    """Read the settings; `file` is None where there is none.

    Raises:
        SettingsError: something is missing or cannot be used.
    """
    named = {key: f"{_PREFIX}{key.upper()}" for key in KEYS}
    variables = {key: Given(env[name], name) for key, name in named.items() if env.get(name)}
    given = {**(file or {}), **variables, **flags}
    for value in given.values():
        _usable(value)
    if file is not None and "token" not in given:
        raise SettingsError('The configuration file has no token; write one, or token: "" to let everybody in.')
    token = _token(given.get("token", Given("", "")))
    settings = Settings(
        token,
        _cookie_key(given.get("cookie_key", Given("renku-auth", ""))),
        _remote(given.get("remote")),
        _port(given.get("port", Given("65535", ""))),
        _port(given.get("meta_port", Given("65534", ""))),
        _prefix(given.get("strip_path_prefix", Given("", ""))),
        _flag(given.get("verbose", Given("false", ""))),
        _cookie_path(given.get("cookie_path", Given("", ""))),
        from_within=file is None and not token,
        controller=_remote(given["controller"]) if "controller" in given else "",
        stop_within=_seconds(given.get("stop_within", Given("25", ""))),
    )
    if settings.port == settings.meta_port:
        raise SettingsError(f"port and meta_port are both {settings.port}; give each its own.")
    return settings


def _usable(value: Given) -> None:
    if _UNUSABLE.search(value.text):
        raise SettingsError(f"{value.place} contains a line break or another control character; remove it.")
    if len(value.text.encode()) > _LONGEST:
        raise SettingsError(f"{value.place} is longer than {_LONGEST} bytes; shorten it.")


def _token(value: Given) -> str:
    if not value.is_text:
        raise SettingsError(f'{value.place} is not text; put it in quotes (token: "" lets everybody in).')
    return value.text


def _cookie_key(value: Given) -> str:
    if not value.is_text or not _COOKIE_NAME.fullmatch(value.text):
        raise SettingsError(
            f"{value.place} cannot name a cookie; write letters, digits, hyphens and underscores, 256 at most."
        )
    return value.text


def _remote(value: Given | None) -> str:
    if value is None:
        raise SettingsError(f"remote is missing; set {_PREFIX}REMOTE to the session's address, http://host:port.")
    match = _REMOTE.fullmatch(value.text)
    if match is None or not 1 <= int(match[2] or 80) <= 65535:
        raise SettingsError(f"{value.place} is not an http address; write http://host:port, without a path.")
    return f"{match[1]}:{int(match[2] or 80)}"


def _port(value: Given) -> int:
    text = value.text
    if not (text.isascii() and text.isdecimal()) or len(text) > 5 or not 1 <= int(text) <= 65535:
        raise SettingsError(f"{value.place} is not a port; write a whole number from 1 to 65535.")
    return int(text)


def _seconds(value: Given) -> int:
    text = value.text
    if not (text.isascii() and text.isdecimal()) or len(text) > 3 or not 1 <= int(text) <= 600:
        raise SettingsError(f"{value.place} is not a duration; write whole seconds from 1 to 600.")
    return int(text)


def _prefix(value: Given) -> str | None:
    if not value.text:
        return None
    if not value.text.startswith("/"):
        raise SettingsError(f"{value.place} does not begin with a slash; write a path such as /sessions/mine.")
    return value.text.rstrip("/")


def _cookie_path(value: Given) -> str | None:
    """Return the path; None for one that no cookie can have, which is not a reason to close the door."""
    path = _prefix(value)
    return (path or "/") if path is not None and _COOKIE_PATH.fullmatch(path) else None


def _flag(value: Given) -> bool:
    if value.text.lower() in ("", "false", "0", "no"):
        return False
    if value.text.lower() in ("true", "1", "yes"):
        return True
    raise SettingsError(f"{value.place} is neither true nor false; write one of them.")

"""The tunnel's settings: from its flags, else from its variables, read once, then frozen.

The names are those of the former program (contract, 10), but for two variables of our own.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

LOOPBACK_ONLY = "TUNNEL_LOOPBACK_ONLY"
"""Set by the operator where authentication is on: then only the pod itself may reach the session past its door."""
SESSION_PORT = "TUNNEL_SESSION_PORT"
"""Set by our operator: a client may have this port of the pod and no other. The Go operator does not say it."""
_LEVELS = {
    "TRACE": "debug",
    "DEBUG": "debug",
    "INFO": "info",
    "WARN": "warning",
    "WARNING": "warning",
    "ERROR": "error",
}
"""The log levels for those of the former program."""


class SettingsError(ValueError):
    """A flag or a variable that cannot be used. The message names it and the remedy, and never holds the secret."""


@dataclass(frozen=True)
class Settings:
    """The tunnel's settings from outside."""

    secret: str = field(repr=False)
    """The secret that a client has to show."""
    port: int = 5050
    log_level: str = "info"
    loopback_only: bool = False
    """Whether sessions are reached from within the pod only."""
    session_port: int = 0
    """The only port of the pod that a client may have; 0: nobody has told it."""


class _Flags(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{self.prog}: {message}; see --help.")


def read(arguments: Sequence[str], env: Mapping[str, str]) -> Settings:
    """Read the settings. An empty variable counts as none.

    Raises:
        SettingsError: something is missing, or cannot be used.
    """
    flags = _Flags(prog="tunnel listen", description="Let a session on another machine dial in.", allow_abbrev=False)
    flags.add_argument("--secret", help="secret that clients have to present (WSTUNNEL_SECRET)")
    flags.add_argument("--port", help="port that they connect to (WSTUNNEL_PORT, 5050)")
    flags.add_argument("--log-level", help="debug, info, warn or error (WSTUNNEL_LOG_LEVEL)")
    given = flags.parse_args(arguments)
    level = env.get("WSTUNNEL_LOG-LEVEL") or env.get("WSTUNNEL_LOG_LEVEL")
    return Settings(
        secret=_secret(given.secret or env.get("WSTUNNEL_SECRET") or ""),
        port=_port("WSTUNNEL_PORT", given.port or env.get("WSTUNNEL_PORT") or "5050"),
        log_level=_level(given.log_level or level or "INFO"),
        loopback_only=_flag(env.get(LOOPBACK_ONLY) or "false"),
        session_port=_port(SESSION_PORT, told) if (told := env.get(SESSION_PORT)) else 0,
    )


def _secret(text: str) -> str:
    if not text:
        raise SettingsError("WSTUNNEL_SECRET is missing; write the secret that clients have to present.")
    if not (text.isascii() and text.isprintable()) or text != text.strip():
        raise SettingsError("WSTUNNEL_SECRET cannot be sent in a header field; write visible ASCII characters.")
    return text


def _port(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 5 or not 1 <= int(text) <= 65535:
        raise SettingsError(f"{name} is {text!r}; write a whole number from 1 to 65535.")
    return int(text)


def _level(text: str) -> str:
    if text.upper() not in _LEVELS:
        raise SettingsError(f"WSTUNNEL_LOG_LEVEL is {text!r}; write debug, info, warn or error.")
    return _LEVELS[text.upper()]


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise SettingsError(f"{LOOPBACK_ONLY} is {text!r}; write true or false.")
    return text.lower() == "true"

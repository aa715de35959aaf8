"""The controller's configuration: flags, else the variables RSC_* of its container, else defaults; read once.

The web back end and the operator write them, so their names are fixed. An empty variable counts as one that is not set.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

FLAGS: Mapping[str, str] = {
    "server-port": "65532",
    "status-port": "0",
    "fake-start": "false",
    "session-port": "0",
    "session-url-path": "/",
    "readiness-probe-type": "none",
    "firecrest-api-url": "",
    "firecrest-system-name": "",
    "firecrest-partition": "",
    "firecrest-runtime": "",
    "firecrest-program": "",
    "auth-kind": "",
    "auth-token-uri": "",
    "auth-renku-access-token": "",
    "auth-renku-refresh-token": "",
    "auth-renku-token-uri": "",
    "auth-renku-client-id": "",
    "auth-renku-client-secret": "",
    "auth-firecrest-client-id": "",
    "auth-firecrest-client-secret": "",
    "runai-base-url": "",
    "runai-project": "",
    "auth-runai-client-id": "",
    "auth-runai-client-secret": "",
}
"""Each flag with its default; the variable of `a-b` is `RSC_A_B`."""
SECRETS = frozenset(name for name in FLAGS if name.endswith(("-secret", "-access-token", "-refresh-token")))
"""Flags whose value is never shown."""
URLS = ("firecrest-api-url", "auth-token-uri", "auth-renku-token-uri", "runai-base-url")
"""Flags whose value is an address that tokens are sent to."""
REDACTED = "<redacted>"
AMOUNTS = ("RSC_SESSION_CPU", "RSC_SESSION_MEMORY", "RSC_SESSION_GPUS")
"""What the session asks for: whole cores, MiB, GPUs. Empty where it asks for none."""
PROBES = ("none", "tcp", "http")
_BARE: Mapping[str, Any] = {"nargs": "?", "const": "true"}
"""The declaration of a flag that may come without a value."""
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


class SettingsError(ValueError):
    """A setting that cannot be used. The message names it and the remedy, and holds no value that may be secret."""


@dataclass(frozen=True)
class Options:
    """All flags with their values, and the environment."""

    values: Mapping[str, str] = field(repr=False)
    env: Mapping[str, str] = field(repr=False)

    def get(self, flag: str) -> str:
        """Return the value of a flag, or its default."""
        return self.values.get(flag) or FLAGS[flag]

    def variable(self, name: str) -> str:
        """Return a variable that has no flag; empty if it is not set."""
        return self.env.get(name, "").strip()

    def amounts(self, *forward: str) -> tuple[str, str, str]:
        """Return what to ask the scheduler for: AMOUNTS, if the first of these variables that is set says `true`."""
        said = next((text for name in forward if (text := self.variable(name))), "")
        cpus, memory, gpus = (self.variable(name) if said.lower() == "true" else "" for name in AMOUNTS)
        return cpus, memory, gpus

    def missing(self, *flags: str) -> str:
        """Return the variables of those flags that have no value, for a message; empty if all have one."""
        return ", ".join(variable_of(flag) for flag in flags if not self.get(flag))

    def shown(self) -> dict[str, str]:
        """Return what may be logged: all that is set, without any secret."""
        return {flag: REDACTED if flag in SECRETS else self.get(flag) for flag in FLAGS if self.get(flag)}


@dataclass(frozen=True)
class Settings:
    """The settings that do not depend on the kind of remote backend."""

    server_port: int = 65532
    status_port: int = 0
    """The operator's port for the job's state, in a pod without a door; 0 for none: a door passes its question on."""
    session_port: int = 0
    """The port in this pod at which the tunnel brings out the session's front end."""
    url_path: str = "/"
    probe: str = "none"
    fake_start: bool = False
    """Submit nothing, and say that the session runs: for trying out the pod's other parts."""
    mount_dir: str = ""
    """The folder of the session's volume."""


def variable_of(flag: str) -> str:
    """Return the name of a flag's variable."""
    return f"RSC_{flag.replace('-', '_').upper()}"


def read(arguments: Sequence[str], env: Mapping[str, str]) -> Options:
    """Collect flags and variables.

    Raises:
        SettingsError: there is no such flag.
    """
    parser = _Flags(prog="remote-session-controller run", allow_abbrev=False)
    for flag in FLAGS:
        parser.add_argument(f"--{flag}", default="", **_BARE if flag == "fake-start" else {})
    given = vars(parser.parse_args(arguments))
    values = {flag: given[flag.replace("-", "_")] or env.get(variable_of(flag), "").strip() for flag in FLAGS}
    return Options(values, env)


def common(options: Options) -> Settings:
    """Return the settings that do not depend on the kind of remote backend.

    Raises:
        SettingsError: one of them cannot be used.
    """
    probe = options.get("readiness-probe-type")
    if probe not in PROBES:
        raise SettingsError(
            f"invalid readiness probe type: {probe}; set {variable_of('readiness-probe-type')} to"
            f" one of {', '.join(PROBES)}."
        )
    return Settings(
        server_port=_port(options, "server-port"),
        status_port=_port(options, "status-port"),
        session_port=_port(options, "session-port"),
        url_path=options.get("session-url-path"),
        probe=probe,
        fake_start=boolean(variable_of("fake-start"), options.get("fake-start")),
        mount_dir=options.variable("RENKU_MOUNT_DIR"),
    )


def boolean(name: str, text: str) -> bool:
    """Read a truth value as Go does.

    Raises:
        SettingsError: it is not one; `name` is the variable.
    """
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise SettingsError(f"{name} is neither true nor false; write one of them.")


def _port(options: Options, flag: str) -> int:
    text = options.get(flag)
    if text.isascii() and text.isdigit() and int(text) <= 65535:
        return int(text)
    raise SettingsError(f"{variable_of(flag)} is not a port; write a number up to 65535.")


class _Flags(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise SettingsError with what is wrong with a flag."""
        raise SettingsError(f"{self.prog}: {message}; see --help.")

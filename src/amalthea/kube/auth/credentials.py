"""Credentials for the API server: a token that is given, read from a file, or asked of a plugin (`plugin.py`)."""

import base64
import binascii
from pathlib import Path
from typing import Protocol

import msgspec

from amalthea.engine.ports import Clock


class ConfigError(Exception):
    """A configuration that cannot be used; the message names the file and the field, never a secret."""


class Credentials(Protocol):
    """The credentials of a request. A client certificate is part of the TLS context instead."""

    async def token(self) -> str | None:
        """Return the bearer token to send; None: none."""
        ...

    async def renew(self) -> bool:
        """After the server refused the token: get another one. Return whether trying again makes sense."""
        ...


class GivenToken:
    """A token that never changes, or none."""

    def __init__(self, token: str | None = None) -> None:
        self._token = token

    async def token(self) -> str | None:
        return self._token

    async def renew(self) -> bool:
        return False


class TokenFile:
    """A token that somebody (the kubelet) renews in a file: read again when a minute old, or refused."""

    _MAX_AGE = 60.0

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._token: str | None = None
        self._read_at = 0.0

    async def token(self) -> str | None:
        if self._token is None or self._clock.monotonic() - self._read_at >= self._MAX_AGE:
            self._read()
        return self._token

    async def renew(self) -> bool:
        refused = self._token
        self._read()
        return self._token != refused

    def _read(self) -> None:
        try:
            token = self._path.read_text().strip()
        except OSError as error:
            if self._token is None:
                raise ConfigError(f"{self._path}: cannot read the token: {error.strerror}") from None
            return  # it may be in the middle of its renewal; the old one is valid for some minutes more
        self._token = token
        self._read_at = self._clock.monotonic()


class _Claims(msgspec.Struct):
    sub: str = ""


def service_account(token: str | None) -> tuple[str, str] | None:
    """Return namespace and name of the service account that a token belongs to; None if it belongs to another user.

    The claim `sub` of a service account's token (a JSON Web Token, RFC 7519) is `system:serviceaccount:NAMESPACE:NAME`.
    The signature is not checked: the token is our own.
    """
    parts = (token or "").split(".")
    if len(parts) != 3:
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        subject = msgspec.json.decode(payload, type=_Claims).sub.split(":")
    except (binascii.Error, ValueError):  # what msgspec raises is a ValueError
        return None
    if len(subject) != 4 or subject[:2] != ["system", "serviceaccount"]:
        return None
    return subject[2], subject[3]

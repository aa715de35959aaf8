"""Decides who is let in, and to what: pure. The protocol is that of wstunnel 10 (contract, 10.1); the limits are ours.

Everybody who reaches the session's ingress can ask, so the secret is checked before anything else.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal, TypeAlias

import msgspec

from amalthea.sidecars.http.http1 import BadMessage, Request, read_request
from amalthea.sidecars.tunnel.server.settings import Settings

REFUSAL = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 15\r\nConnection: close\r\n\r\nInvalid request"
"""The answer to everything that is not let in, whatever the cause: it must show strangers nothing."""
FORWARD_PORTS = (65480, 65481)
"""The git proxy's, and its health's."""
RESERVED_PORTS = frozenset((*FORWARD_PORTS, *range(65531, 65536)))
"""Those of the pod's own programs: nobody may take their place."""
LOOPBACK = ("127.0.0.1", "::1")
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104  (without authentication, the Service leads to the session's port)
_LOWEST_PORT = 1024
_BEARER = re.compile(r"[Bb]earer +(.*)")
_CLAIMS = "authorization.bearer."
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")
_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, 4.2.2."""


class Refused(Exception):  # noqa: N818  (named by what happened)
    """A request that is not let in. The text tells admins why; it holds nothing of the request."""


@dataclass(frozen=True)
class Forward:
    """The client wants to reach one of the pod's own programs."""

    host: str
    port: int


@dataclass(frozen=True)
class Reverse:
    """The client waits for connections to a port of the pod."""

    hosts: tuple[str, str]
    """The addresses of that port: an IPv4 address and one of IPv6."""
    port: int


ForwardRequest: TypeAlias = Forward | Reverse


class _Options(msgspec.Struct, forbid_unknown_fields=True):
    proxy_protocol: Literal[False] = False


class _Tcp(msgspec.Struct, forbid_unknown_fields=True):
    options: _Options = msgspec.field(name="Tcp")


class _Claims(msgspec.Struct):
    """The part of the token that is looked at. Nobody checks its signature: the secret is what counts."""

    p: Literal["ReverseTcp"] | _Tcp
    r: str
    rp: int


@dataclass(frozen=True)
class Admitted:
    """A request that is let in."""

    request: ForwardRequest
    answer: bytes
    """The answer once the request is granted."""


def judge(head: bytes, settings: Settings) -> Admitted:
    """Read a request's head, with its empty line.

    Raises:
        Refused: it is not let in.
    """
    try:
        request = read_request(head)
    except BadMessage:
        raise Refused("it cannot be read") from None
    if not _shows(request, settings.secret):
        raise Refused("its secret is wrong")
    path = request.target.partition("?")[0]
    if request.method != "GET" or not path.startswith("/") or not path.endswith("/events"):
        raise Refused("it is for another path")
    key = request.values("sec-websocket-key")
    is_upgrade = request.has_token("connection", "upgrade") and request.has_token("upgrade", "websocket")
    if not is_upgrade or request.framing != 0 or request.values("sec-websocket-version") != ["13"]:
        raise Refused("it is not for a WebSocket")
    if len(key) != 1 or not _KEY.fullmatch(key[0]):
        raise Refused("it is not for a WebSocket")
    return Admitted(_forward_request(_claims(request), settings), _answer(key[0]))


def _shows(request: Request, secret: str) -> bool:
    shown = request.values("authorization")
    bearer = _BEARER.fullmatch(shown[0]) if len(shown) == 1 else None
    return bearer is not None and hmac.compare_digest(bearer[1].encode(), secret.encode())


def _claims(request: Request) -> _Claims:
    offered = [part.strip() for value in request.values("sec-websocket-protocol") for part in value.split(",")]
    tokens = [part.removeprefix(_CLAIMS).split(".") for part in offered if part.startswith(_CLAIMS)]
    if "v1" not in offered or len(tokens) != 1 or len(tokens[0]) != 3:
        raise Refused("it does not say what it wants")
    try:
        payload = base64.b64decode(tokens[0][1] + "=" * (-len(tokens[0][1]) % 4), altchars="-_", validate=True)
        return msgspec.json.decode(payload, type=_Claims)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise Refused("it wants something that is not known here") from None


def _forward_request(claims: _Claims, settings: Settings) -> ForwardRequest:
    if isinstance(claims.p, _Tcp):
        host = {"localhost": LOOPBACK[0]}.get(claims.r, claims.r)
        if host not in LOOPBACK or claims.rp not in FORWARD_PORTS:
            raise Refused("it wants an address that is not open to it")
        return Forward(host, claims.rp)
    is_open = claims.rp == settings.session_port if settings.session_port else _LOWEST_PORT <= claims.rp <= 65535
    if claims.rp in RESERVED_PORTS or claims.rp == settings.port or not is_open:
        raise Refused("it wants a port that is not open to it")
    if claims.r not in (*ANYWHERE, *LOOPBACK):
        raise Refused("it wants a port at an address that is not open to it")
    is_near = settings.loopback_only or ip_address(claims.r).is_loopback
    return Reverse(LOOPBACK if is_near else ANYWHERE, claims.rp)


def _answer(key: str) -> bytes:
    accept = base64.b64encode(hashlib.sha1((key + _MAGIC).encode(), usedforsecurity=False).digest()).decode()
    lines = ("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket")
    fields = (f"Sec-WebSocket-Accept: {accept}", "Sec-WebSocket-Protocol: v1")
    return "\r\n".join((*lines, *fields, "", "")).encode()

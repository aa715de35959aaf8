"""The client's request for a tunnel, in the protocol of wstunnel 10. Runs on Python 3.6 (`bundle.py`)."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
from typing import Any, Dict, Optional

from amalthea.sidecars.tunnel.client.dialing import Endpoint
from amalthea.sidecars.tunnel.wire.websocket import HEAD, HELD, WebSocket

_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, 4.2.2."""


class RefusedError(Exception):
    """The server, or a proxy in front of it, refused. The message says how."""


def reverse(port: int) -> Dict[str, Any]:
    """Return the request for connections to a port of the session's pod."""
    return {"p": "ReverseTcp", "r": "0.0.0.0", "rp": port}  # noqa: S104  (the server decides how far it opens it)


def forward(port: int) -> Dict[str, Any]:
    """Return the request to reach a port that a program in the session's pod listens on."""
    return {"p": {"Tcp": {"proxy_protocol": False}}, "r": "localhost", "rp": port}


class Request(WebSocket):
    """One request. `answered` is done when it is let in, or has the error if it is not."""

    def __init__(self, loop: asyncio.AbstractEventLoop, to: Endpoint, secret: str, claims: Dict[str, Any]) -> None:
        super().__init__(loop, masked=True)
        self.answered: asyncio.Future[None] = loop.create_future()
        self._rest = b""
        self._key = _text(base64.b64encode(os.urandom(16)))
        self._request = _request_text(to, secret, claims, self._key)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        super().connection_made(transport)
        self.write(self._request)

    def head_received(self, head: bytes, rest: bytes) -> None:
        """Check whether it is let in, and read no more until there is a reader."""
        self._rest = rest
        lines = _text(head).split("\r\n")
        status = lines[0].split(" ")[1:2]
        fields = [line.partition(":") for line in lines[1:]]
        accepts = [value.strip() for name, _, value in fields if name.lower() == "sec-websocket-accept"]
        if status == ["101"] and accepts == [_accept(self._key)]:
            self.hold()
            self._answer(None)
        else:
            self._answer(RefusedError("the server answers with " + ascii(" ".join(lines[0].split(" ")[1:])[:80])))
            self.abort()

    def data_received(self, data: bytes) -> None:
        """Keep what comes before there is a reader: TLS may still have some."""
        if self.phase == HELD:
            self._rest += data
        else:
            super().data_received(data)

    def take_rest(self) -> bytes:
        """Return what has come since the answer."""
        rest, self._rest = self._rest, b""
        return rest

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """Take note that no answer will come."""
        super().connection_lost(exc)
        if self.phase == HEAD:
            self._answer(RefusedError("the connection ended without an answer"))

    def _answer(self, error: Optional[RefusedError]) -> None:
        if self.answered.done():
            return
        if error is None:
            self.answered.set_result(None)
        else:
            self.answered.set_exception(error)


def _request_text(to: Endpoint, secret: str, claims: Dict[str, Any], key: str) -> bytes:
    lines = [
        f"GET {to.prefix}/events HTTP/1.1",
        "Host: " + to.authority,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: " + key,
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: v1, authorization.bearer." + _token(claims),
        "Authorization: Bearer " + secret,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def _token(claims: Dict[str, Any]) -> str:
    """Return the request as a JSON web token. The signature is not checked, so its key is a random one."""
    payload = dict(claims, id=_text(base64.b16encode(os.urandom(16))))
    parts = [_coded(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "HS256"}, payload)]
    signature = hmac.new(os.urandom(32), ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join([*parts, _coded(signature)])


def _coded(data: bytes) -> str:
    return _text(base64.urlsafe_b64encode(data)).rstrip("=")


def _accept(key: str) -> str:
    return _text(base64.b64encode(hashlib.sha1((key + _MAGIC).encode()).digest()))  # noqa: S324  (RFC 6455 has it so)


def _text(data: bytes) -> str:
    return data.decode("latin-1")

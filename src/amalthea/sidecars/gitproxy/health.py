"""The proxy's health: `GET /health` asks `/ping` through the proxy itself, so that it shows what git would find."""

import asyncio

from amalthea.sidecars.http import probe
from amalthea.sidecars.http.http1 import BadMessage, Head, read_request
from amalthea.sidecars.http.origins import Origin
from amalthea.sidecars.http.peer import Peer

_SECONDS = 5.0
_BODIES = {200: b'{"running": true}', 400: b"", 404: b"", 503: b'{"running": false}'}


class Health:
    """Answers the kubelet on one port, asks the proxy on another."""

    def __init__(self, proxy_port: int, own_port: int) -> None:
        self._proxy = Origin("http", "localhost", proxy_port)
        self._own_port = own_port

    async def handle(self, client: Peer) -> None:
        """Answer one request, and close: within five seconds in all, whatever the other end does."""
        try:
            async with asyncio.timeout(_SECONDS):
                await self._answer(client)
                await client.close()
        except (OSError, BadMessage, asyncio.CancelledError):
            client.abort()

    async def _answer(self, client: Peer) -> None:
        status = await self._status(await client.head(None))
        body = _BODIES[status]
        fields = (("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Connection", "close"))
        await client.send(Head(f"HTTP/1.1 {status} ", 1, fields).encode() + body)

    async def _status(self, data: bytes) -> int:
        try:
            target = read_request(data).target.partition("?")[0]
        except BadMessage:
            return 400
        if target == "/ping":
            return 200
        if target != "/health":
            return 404
        own = f"localhost:{self._own_port}"
        try:
            answer = await probe.status(self._proxy, f"http://{own}/ping", own, _SECONDS)
        except (OSError, BadMessage):
            return 503
        return 200 if answer == 200 else 503

"""A connected client: it has a few seconds to say who it is and what it wants, or it is disconnected."""

import asyncio
from typing import Protocol

from amalthea.sidecars.tunnel.server.admission import REFUSAL
from amalthea.sidecars.tunnel.wire.websocket import WebSocket

HEAD_SECONDS = 10.0


class Host(Protocol):
    """The receiver of a client's events."""

    loop: asyncio.AbstractEventLoop

    def client_connected(self, caller: "Caller") -> None:
        """It has connected."""

    def request_received(self, caller: "Caller", head: bytes) -> None:
        """Its request has arrived; empty if it cannot be one."""

    def request_refused(self, reason: str) -> None:
        """It was refused."""

    def client_disconnected(self, caller: "Caller") -> None:
        """Its connection is gone."""


class Caller(WebSocket):
    """One connection of a client."""

    answer = b""
    """The answer when its request is granted."""

    def __init__(self, host: Host) -> None:
        super().__init__(host.loop, masked=False)
        self._host = host

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give it time to speak."""
        super().connection_made(transport)
        self._ending = self.loop.call_later(HEAD_SECONDS, self.refuse, "its header did not arrive in time")
        self._host.client_connected(self)

    def head_received(self, head: bytes, rest: bytes) -> None:
        """Ask whether it is let in. A client that goes on without an answer is not one."""
        assert self._ending is not None
        self._ending.cancel()
        self._host.request_received(self, b"" if rest else head)

    def refuse(self, reason: str) -> None:
        """Refuse it, without giving a reason."""
        if not self.is_gone:
            self._host.request_refused(reason)
            self.write(REFUSAL)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report that it is gone."""
        super().connection_lost(exc)
        self._host.client_disconnected(self)

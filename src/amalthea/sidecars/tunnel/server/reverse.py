"""A port of the pod that leads to the other machine: each connection is joined with a client that waits for one."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from amalthea.sidecars import listeners
from amalthea.sidecars.tunnel.server.admission import Reverse
from amalthea.sidecars.tunnel.server.caller import Caller
from amalthea.sidecars.tunnel.wire.halves import Stream

MOST_WAITING = 64
"""Clients. The real one has a single request waiting, ours a few; more of them are left over by lost connections."""
MOST_ARRIVED = 64
"""Users who wait for a client: a page of an editor asks for some twenty things at once, and each needs a round trip."""
CLAIM_SECONDS = 30.0
"""Seconds that a connection waits for a client."""
SILENCE_SECONDS = 1.0
"""Seconds of silence after which a connection expects data. Until then it may be a probe, which is gone at once."""
ABSENCE_SECONDS = 180.0
"""Seconds that a port stays open without any client: longer than an ingress takes to start again."""

log = logging.getLogger("tunnel")


class Arrival(Stream):
    """A connection to the port. A client is used for it once it has sent something, or has waited to receive."""

    def __init__(self, port: "Port") -> None:
        super().__init__(port.loop)
        self._first = b""
        self._port = port
        self._is_ready = False

    def settle(self) -> None:
        """Wait for its first bytes."""
        self._ending = self.loop.call_later(SILENCE_SECONDS, self._ready)
        self._port.connected(self)

    def data_received(self, data: bytes) -> None:
        """Take its first bytes, and pass on the others."""
        if self._is_ready:
            super().data_received(data)
        else:
            self._first = data
            self._ready()

    def _ready(self) -> None:
        self._is_ready = True
        self.hold()
        assert self._ending is not None
        self._ending.cancel()
        self._ending = self.loop.call_later(CLAIM_SECONDS, self.abort)
        self._port.claim(self)

    def claimed(self) -> bytes:
        """Take note that it has its client; return what it has sent so far."""
        assert self._ending is not None
        self._ending.cancel()
        first, self._first = self._first, b""
        return first

    def connection_lost(self, exc: Exception | None) -> None:
        """Withdraw the request for a client."""
        super().connection_lost(exc)
        self._port.forget(self)


class Port:
    """The port, the connections that have arrived there, and the clients that wait."""

    def __init__(
        self, request: Reverse, join: Callable[[Caller, Stream, bytes], None], absent: Callable[[], None]
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._request = request
        self._join = join
        self._absent = absent
        self._listeners = listeners.at(request.hosts, request.port)
        self._servers: list[asyncio.Server] = []
        self._waiting: dict[Caller, None] = {}
        self._silent: set[Arrival] = set()
        self._arrived: deque[Arrival] = deque()
        self._is_closed = False
        self._absence = self.loop.call_later(ABSENCE_SECONDS, absent)

    @property
    def waiting(self) -> int:
        """Return how many clients wait."""
        return len(self._waiting)

    async def open(self) -> None:
        """Accept connections."""
        for listener in self._listeners:
            self._servers.append(
                await self.loop.create_server(lambda: Arrival(self), sock=listener, backlog=listeners.AT_ONCE)
            )
        log.info("the other machine has dialled in", extra={"port": self._request.port})

    def wait(self, caller: Caller) -> None:
        """Join a client with the connection that has waited longest, or let it wait, at most so many: the oldest go."""
        self._absence.cancel()
        if self._arrived:
            self._meet(caller, self._arrived.popleft())
            self._note_absence()
            return
        self._waiting[caller] = None
        if len(self._waiting) > MOST_WAITING:
            oldest = next(iter(self._waiting))
            self.leave(oldest)
            oldest.refuse("newer requests wait in its place")

    def connected(self, arrival: Arrival) -> None:
        """Take note of somebody who has said nothing yet."""
        if self._is_closed:
            arrival.abort()
        else:
            self._silent.add(arrival)

    def claim(self, arrival: Arrival) -> None:
        """Join a connection with the newest client, which is the most likely to be still there."""
        self._silent.discard(arrival)
        while self._waiting:
            caller, _ = self._waiting.popitem()
            self._note_absence()
            if not caller.is_gone:
                self._meet(caller, arrival)
                return
        self._arrived.append(arrival)
        if len(self._arrived) > MOST_ARRIVED:
            self._arrived.popleft().abort()

    def _meet(self, caller: Caller, arrival: Arrival) -> None:
        self._join(caller, arrival, arrival.claimed())

    def leave(self, caller: Caller) -> None:
        """Take note that a client no longer waits."""
        if caller in self._waiting:
            del self._waiting[caller]
            self._note_absence()

    def forget(self, arrival: Arrival) -> None:
        """Take note that a connection is gone."""
        self._silent.discard(arrival)
        if arrival in self._arrived:
            self._arrived.remove(arrival)

    def _note_absence(self) -> None:
        if not self._waiting:
            self._absence.cancel()
            self._absence = self.loop.call_later(ABSENCE_SECONDS, self._absent)

    def close(self) -> None:
        """Accept no more connections, and close those that wait."""
        self._is_closed = True
        self._absence.cancel()
        for server in self._servers:
            server.close()
        for caller in list(self._waiting):
            caller.refuse("the tunnel ends")
        for arrival in (*self._silent, *self._arrived):
            arrival.abort()
        log.info("the other machine is gone", extra={"port": self._request.port})

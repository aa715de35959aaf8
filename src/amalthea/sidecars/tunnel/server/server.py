"""The tunnel's server: accepts clients, and joins each with what it asks for."""

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass

from amalthea.sidecars import listeners
from amalthea.sidecars.tunnel.server import admission
from amalthea.sidecars.tunnel.server.admission import Admitted, Forward, Refused, Reverse
from amalthea.sidecars.tunnel.server.caller import Caller
from amalthea.sidecars.tunnel.server.reverse import Port
from amalthea.sidecars.tunnel.server.settings import Settings
from amalthea.sidecars.tunnel.wire.halves import Stream

MOST_STRANGERS = 64
"""Clients that have not shown the secret yet. One more, and the oldest has to go."""
MOST_ADMITTED = 256
"""Clients that have: a browser with an editor needs some twenty, git a few."""
MOST_PORTS = 8
RECEIVED, SENT, SENT_IN_A_CROWD = 64 * 1024, 256 * 1024, 64 * 1024
"""Bytes in the kernel for each connection and direction, about twice that in memory, which counts in the container's 64
MiB. What is sent in small pieces costs half as much again, so the first tunnels may have more on its way."""
CROWD = 16
"""Tunnels."""
DIAL_SECONDS = 10.0
DRAIN_SECONDS = 10.0
QUIET_SECONDS = 1.0
"""Nobody who says nothing for so long holds up the end."""

log = logging.getLogger("tunnel")


@dataclass
class Totals:
    """The totals since the start."""

    connections: int = 0
    tunnels: int = 0
    received: int = 0
    """Bytes from clients, for those who use the tunnels."""
    sent: int = 0


class Server:
    """All connections of all clients."""

    def __init__(self, settings: Settings) -> None:
        self.loop = asyncio.get_running_loop()
        self.totals = Totals()
        self.refused: Counter[str] = Counter()
        self._settings = settings
        self._servers: list[asyncio.Server] = []
        self._strangers: dict[Caller, None] = {}
        self._admitted: set[Caller] = set()
        self._tunnels: dict[Caller, Stream] = {}
        self._ports: dict[Reverse, Port] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        for listener in listeners.at(admission.ANYWHERE, self._settings.port):
            server = await self.loop.create_server(lambda: Caller(self), sock=listener, backlog=listeners.AT_ONCE)
            listeners.let_wait(listener)
            self._servers.append(server)

    def client_connected(self, caller: Caller) -> None:
        """Take note of a stranger."""
        self.totals.connections += 1
        self._strangers[caller] = None
        if len(self._strangers) > MOST_STRANGERS:
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            oldest.refuse("its header is incomplete, and others wait")

    def request_received(self, caller: Caller, head: bytes) -> None:
        """Let a client in, or not."""
        self._strangers.pop(caller, None)
        try:
            admitted = admission.judge(head, self._settings)
            if len(self._admitted) >= MOST_ADMITTED:
                raise Refused("there are too many")
            self._admitted.add(caller)
            self._fulfil(caller, admitted)
        except Refused as refusal:
            caller.refuse(str(refusal))

    def _fulfil(self, caller: Caller, admitted: Admitted) -> None:
        caller.answer = admitted.answer
        if isinstance(admitted.request, Forward):
            task = self.loop.create_task(self._dial(caller, admitted.request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        port = self._port(admitted.request)
        caller.gone = lambda: port.leave(caller)
        port.wait(caller)

    async def _dial(self, caller: Caller, request: Forward) -> None:
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                _, stream = await self.loop.create_connection(lambda: Stream(self.loop), request.host, request.port)
        except OSError:
            caller.refuse("what it wants to reach does not answer")
        else:
            self._join(caller, stream, b"")

    def _port(self, request: Reverse) -> Port:
        port = self._ports.get(request)
        if port is not None:
            return port
        if len(self._ports) >= MOST_PORTS:
            raise Refused("there are too many ports")
        try:
            port = Port(request, self._join, lambda: self._ports.pop(request).close())
        except OSError:
            raise Refused("another program has its port") from None
        self._ports[request] = port
        task = self.loop.create_task(port.open())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return port

    def _join(self, caller: Caller, stream: Stream, first: bytes) -> None:
        """Accept a client's request, and pass on to it what has come already."""
        if caller.is_gone or stream.is_gone:
            stream.abort()
            caller.abort()
            return
        self.totals.tunnels += 1
        self._tunnels[caller] = stream
        sent = SENT if len(self._tunnels) <= CROWD else SENT_IN_A_CROWD
        for half in (caller, stream):
            half.bound(RECEIVED, sent)
        caller.write(caller.answer)
        caller.join(stream)
        if first:
            stream.data_received(first)

    def request_refused(self, reason: str) -> None:
        """Count a refusal, and log some: a flood of them must not flood the log."""
        self.refused[reason] += 1
        count = self.refused[reason]
        if count & (count - 1) == 0:
            log.warning("a request is refused", extra={"reason": reason, "count": count})

    def client_disconnected(self, caller: Caller) -> None:
        """Take note that a client is gone."""
        self._strangers.pop(caller, None)
        self._admitted.discard(caller)
        stream = self._tunnels.pop(caller, None)
        if stream is not None:
            self.totals.received += caller.taken
            self.totals.sent += stream.taken

    @property
    def waiting(self) -> int:
        """Return how many clients wait for a connection."""
        return sum(port.waiting for port in self._ports.values())

    @property
    def _moved(self) -> int:
        return sum(caller.taken + stream.taken for caller, stream in self._tunnels.items())

    async def stop(self) -> None:
        """Accept no more clients, and end once nothing moves, or after `DRAIN_SECONDS`."""
        log.info("the tunnel ends", extra={"waiting": self.waiting, "open": len(self._tunnels)})
        for server in self._servers:
            server.close()
        for stranger in list(self._strangers):
            stranger.refuse("the tunnel ends")
        for port in self._ports.values():
            port.close()
        deadline, moved = self.loop.time() + DRAIN_SECONDS, -1
        while self._tunnels and moved != self._moved and self.loop.time() < deadline:
            moved = self._moved
            await asyncio.sleep(QUIET_SECONDS)
        for caller in list(self._tunnels):
            caller.abort()
        await asyncio.sleep(0)
        extra = {**vars(self.totals), "refused": self.refused.total()}
        log.info("the tunnel has ended", extra=extra)

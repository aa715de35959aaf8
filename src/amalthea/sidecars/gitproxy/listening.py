"""The ports: how many connections each of them accepts, and which one is closed when there are more.

A port that can be reached from elsewhere must neither fill the memory nor stop answering, whoever floods it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from amalthea.sidecars import listeners
from amalthea.sidecars.http.http1 import MAX_HEAD
from amalthea.sidecars.http.peer import Peer

Handler: TypeAlias = Callable[[Peer], Awaitable[None]]


@dataclass(frozen=True)
class Bounds:
    """The limits of a port."""

    most: int
    """Connections at once. At least four times `listeners.AT_ONCE`: who has sent a request is then read in time."""
    head: int
    """Bytes of a head."""
    idle: float
    """Seconds of silence."""


HEALTH = Bounds(most=4 * listeners.AT_ONCE, head=2048, idle=5.0)
PROXY = Bounds(most=128, head=MAX_HEAD, idle=600.0)
"""git and Git LFS need about ten. Each may hold two heads' worth of bytes, so 128 of them are 16 MiB at worst,
and 144 MiB if each waits for a JSON answer that is read as a whole (`echo.py`)."""


class Crowd:
    """The connections of a port. A new one is always accepted: it replaces the oldest without a whole request."""

    def __init__(self, handle: Handler, bounds: Bounds) -> None:
        self._handle = handle
        self._bounds = bounds
        self._inside: dict[Peer, asyncio.Task[None]] = {}

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection."""
        task = asyncio.current_task()
        assert task is not None
        client = Peer(reader, writer, self._bounds.idle)
        if len(self._inside) >= self._bounds.most:
            self._drop_one()
        self._inside[client] = task
        try:
            await self._handle(client)
        finally:
            self._inside.pop(client, None)

    def _drop_one(self) -> None:
        oldest = next(iter(self._inside))
        dropped = next((each for each in self._inside if each.awaits_head), oldest)
        self._inside.pop(dropped).cancel()
        dropped.abort()


async def start(handle: Handler, hosts: tuple[str, str], port: int, bounds: Bounds) -> None:
    """Listen at an IPv4 address and, where this machine knows IPv6, at one of that: `localhost` may mean either."""
    crowd = Crowd(handle, bounds)
    for listener in listeners.at(hosts, port):
        await asyncio.start_server(crowd, sock=listener, limit=bounds.head, backlog=listeners.AT_ONCE)
        listeners.let_wait(listener)

"""The two connections that form a tunnel at each end: what one reads, the other sends. And the plain one of the two.

A slow side slows the other down, so a tunnel holds a few hundred kilobytes at most. Runs on Python 3.6: it is a part of
the client (`bundle.py`).
"""

import asyncio
import socket
import struct
from typing import Any, Optional

from amalthea.sidecars.tunnel.wire.frames import Bytes

LINGER_SECONDS = 5.0
"""Seconds that an end waits for the other side, which reads nothing, before the connection ends all the same."""
_HIGH_WATER = 64 * 1024
_RESET = struct.pack("ii", 1, 0)
_KEEP_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
"""A waiting request carries no bytes: so a dead one is noticed within a minute, and NAT does not forget a live one."""


class Half(asyncio.Protocol):
    """The common part of both kinds of connection: flow control, and their end."""

    transport: Any = None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.peer: Optional[Half] = None
        """The connection that takes what comes from this one."""
        self.taken = 0
        """Bytes that came from it and were carried on."""
        self.is_full = False
        """Whether the other side does not take what it is sent."""
        self.is_held = False
        """Whether this side does not read."""
        self._ending: Optional[asyncio.TimerHandle] = None

    @property
    def is_gone(self) -> bool:
        """Return whether nothing can be sent any more."""
        return self.transport is None or bool(self.transport.is_closing())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set up the connection."""
        self.transport = transport
        self.transport.set_write_buffer_limits(high=_HIGH_WATER)
        connection = transport.get_extra_info("socket")
        for option in _KEEP_ALIVE:
            connection.setsockopt(*option)

    def bound(self, received: int, sent: int) -> None:
        """Bound the kernel's buffers for what has come and for what is being sent, in bytes."""
        connection = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, received)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sent)

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """End the other connection, too."""
        if self._ending is not None:
            self._ending.cancel()
        self.transport = None  # Python before 3.11 cannot say of what has gone over TLS that it is closing
        self.leave(exc is None)

    def pause_writing(self) -> None:
        """Pause the other connection: this one is full."""
        self.is_full = True
        if self.peer is not None:
            self.peer.hold()

    def resume_writing(self) -> None:
        """Let the other connection go on."""
        self.is_full = False
        if self.peer is not None:
            self.peer.go_on()

    def hold(self) -> None:
        """Stop reading, so that the sender has to wait."""
        if not (self.is_held or self.is_gone):
            self.is_held = True
            self.transport.pause_reading()

    def go_on(self) -> None:
        """Resume reading."""
        if self.is_held and not self.is_gone:
            self.is_held = False
            self.transport.resume_reading()

    def write(self, data: Bytes) -> None:
        """Send bytes, unless the connection is gone."""
        if not self.is_gone:
            self.transport.write(data)

    def carry(self, data: Bytes) -> None:
        """Send what came from the other connection."""
        raise NotImplementedError

    def finish(self) -> None:
        """End in order: what was sent still arrives, and the other side sees that it is all."""
        raise NotImplementedError

    def abort(self) -> None:
        """End at once, so that the other side sees that what it got is not all."""
        raise NotImplementedError

    def leave(self, whole: bool) -> None:
        """End the other connection: in order, if what came from this one is the whole."""
        peer, self.peer = self.peer, None
        if peer is not None:
            if whole:
                peer.finish()
            else:
                peer.abort()

    def linger(self) -> None:
        """Drop what still comes until the other side is done: to close at once could take back what it has not read."""
        self.peer = None
        self.go_on()
        self._ending = self.loop.call_later(LINGER_SECONDS, self._end, self.transport.get_write_buffer_size())

    def _end(self, left: int) -> None:
        still = self.transport.get_write_buffer_size()
        if 0 < still < left:
            self._ending = self.loop.call_later(LINGER_SECONDS, self._end, still)
        else:
            self.transport.abort()


class Stream(Half):
    """The connection of a program that knows nothing of the tunnel. It is not read before it has its WebSocket."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set up the connection."""
        super().connection_made(transport)
        self.loop.call_soon(self.settle)  # Python 3.6 begins to read only after this

    def settle(self) -> None:
        """Wait to be joined."""
        if self.peer is None:
            self.hold()

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        if self.peer is not None:
            self.taken += len(data)
            self.peer.carry(data)

    def eof_received(self) -> Optional[bool]:
        """End both connections: the protocol has no half-closed ones."""
        self.leave(whole=True)
        return False

    def carry(self, data: Bytes) -> None:
        """Send what came through the tunnel."""
        self.write(data)

    def finish(self) -> None:
        """End in order."""
        if not self.is_gone:
            self.transport.write_eof()
            self.linger()

    def abort(self) -> None:
        """End at once."""
        self.peer = None
        if not self.is_gone:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()

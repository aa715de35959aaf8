"""The WebSocket between the two ends of a tunnel, from either side: its head, its frames, keep-alives, and its end.

Runs on Python 3.6: it is a part of the client (`bundle.py`).
"""

import asyncio
from typing import Callable, List, Optional

from amalthea.sidecars.tunnel.wire.frames import (
    CLOSE,
    DATA,
    NORMAL,
    PING,
    PONG,
    PROTOCOL_ERROR,
    BadFrame,
    Bytes,
    Parser,
    close_frame,
    control_frame,
    data_frames,
)
from amalthea.sidecars.tunnel.wire.halves import Half

MAX_HEAD = 16 * 1024
PING_SECONDS = 30.0
MISSES = 3
"""So many pings without a sign of life, and a connection is dead."""
END_OF_HEAD = b"\r\n\r\n"

HEAD = "head"
"""The phase of a WebSocket: its head has to come."""
HELD = "held"
"""It waits for the connection that it is to be joined with."""
OPEN = "open"
CLOSING = "closing"
"""This side has said that it closes, and will say nothing else."""


class WebSocket(Half):
    """One end of a connection. Subclasses define the meaning of its head and of its loss."""

    def __init__(self, loop: asyncio.AbstractEventLoop, masked: bool) -> None:
        super().__init__(loop)
        self.phase = HEAD
        self.gone: Callable[[], None] = lambda: None
        """Is called when the connection is lost."""
        self._masked = masked
        self._head = bytearray()
        self._parser = Parser()
        self._misses = 0
        self._owed: Optional[bytes] = None
        self._next_ping: Optional[asyncio.TimerHandle] = None

    def head_received(self, head: bytes, rest: bytes) -> None:
        """Judge a head with its empty line, which `rest` follows. One that does not end comes as an empty one."""
        raise NotImplementedError

    def join(self, stream: Half, rest: bytes = b"") -> None:
        """Join it with a stream, in both directions. `rest` has come already."""
        self.peer, stream.peer = stream, self
        self.phase = OPEN
        self._next_ping = self.loop.call_later(PING_SECONDS, self._ping)
        if rest:
            self._read(rest)
        if not stream.is_full:
            self.go_on()
        if not self.is_full:
            stream.go_on()

    def data_received(self, data: bytes) -> None:
        """Read what is due."""
        if self.phase == HEAD:
            self._read_head(data)
        elif self.phase == HELD:  # nobody has leave to speak
            self.transport.abort()
        else:
            self._read(data)

    def _read_head(self, data: bytes) -> None:
        known = max(0, len(self._head) - len(END_OF_HEAD) + 1)
        self._head += data
        end = self._head.find(END_OF_HEAD, known) + len(END_OF_HEAD)
        if end < len(END_OF_HEAD) and len(self._head) <= MAX_HEAD:
            return
        self.phase = HELD
        head, self._head = bytes(self._head), bytearray()
        if len(END_OF_HEAD) <= end <= MAX_HEAD:
            self.head_received(head[:end], head[end:])
        else:
            self.head_received(b"", b"")

    def _read(self, data: bytes) -> None:
        try:
            events = self._parser.feed(data)
        except BadFrame:
            self._close(PROTOCOL_ERROR)
            self.transport.close()
            return
        self._misses = 0
        pieces: List[Bytes] = []
        for kind, payload in events:
            if kind == DATA:
                pieces.append(payload)
            elif kind == PING:
                self._pong(bytes(payload))
            elif kind == CLOSE:
                self._pass_on(pieces)
                self._closed()
                return
        self._pass_on(pieces)

    def _pass_on(self, pieces: List[Bytes]) -> None:
        if pieces and self.peer is not None:
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            self.taken += len(data)
            self.peer.carry(data)

    def _pong(self, payload: bytes) -> None:
        """Answer a ping, the last one only where the other side does not take the answers (RFC 6455, 5.5.3)."""
        if self.is_full:
            self._owed = payload
        elif self.phase == OPEN:
            self.write(control_frame(PONG, payload, self._masked))

    def resume_writing(self) -> None:
        """Go on with what had to wait."""
        super().resume_writing()
        if self._owed is not None:
            owed, self._owed = self._owed, None
            self._pong(owed)

    def _ping(self) -> None:
        """Send a ping, unless it would wait behind data that this side, or the other one, does not read."""
        self._next_ping = self.loop.call_later(PING_SECONDS, self._ping)
        if self.is_held or self.is_full:
            return
        if self._misses >= MISSES:
            self.transport.abort()
        else:
            self._misses += 1
            self.write(control_frame(PING, b"", self._masked))

    def carry(self, data: Bytes) -> None:
        """Send what came from the stream."""
        self.write(data_frames(data, self._masked))

    def _closed(self) -> None:
        """End both connections, as the other side has asked."""
        self._close(NORMAL)
        self.transport.close()
        self.leave(whole=True)

    def _close(self, code: int) -> None:
        if self._next_ping is not None:
            self._next_ping.cancel()
        if self.phase == OPEN:
            self.write(close_frame(code, self._masked))
            self.phase = CLOSING

    def finish(self) -> None:
        """End in order."""
        if self.phase == OPEN and not self.is_gone:
            self._close(NORMAL)
            self.linger()
        else:
            self.abort()

    def abort(self) -> None:
        """End at once: without the frame that closes, the other side knows that what it got is not all."""
        if self.transport is not None:
            self.transport.abort()

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """End the stream, too: without the frame that closes, what it got is not all."""
        if self._next_ping is not None:
            self._next_ping.cancel()
        super().connection_lost(exc or ConnectionError())
        self.gone()

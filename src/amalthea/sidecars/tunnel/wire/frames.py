"""WebSocket frames (RFC 6455, 5): read as they arrive, whatever their size, and written in pieces. Pure.

A payload is handed on piece by piece, so a frame of 32 MiB costs no more memory than one of 64 KiB. Runs on Python 3.6:
it is a part of the client (`bundle.py`).
"""

import struct
from typing import List, Tuple, Union

DATA = 2
"""Text and continuation frames count as these: a tunnel carries bytes, and knows no messages."""
CLOSE = 8
PING = 9
PONG = 10

MOST = 64 * 1024
"""Bytes of payload in each frame that is written."""
NORMAL, PROTOCOL_ERROR = 1000, 1002
"""The codes for why a connection is closed (RFC 6455, 7.4.1)."""

_FIN = 0x80
_RESERVED_BITS = 0x70
_MASKED = 0x80
_MOST_CONTROL = 125
_LONGEST_HEAD = 14
_NO_MASK = bytes(4)

Bytes = Union[bytes, memoryview]
Event = Tuple[int, Bytes]
"""A kind of frame, and its payload: all of it for a control frame, the next piece of it for data."""


class BadFrame(Exception):  # noqa: N818  (named by what happened)
    """A frame that violates the protocol. Nothing after it can be read."""


class Parser:
    """Takes apart what one side sends."""

    def __init__(self) -> None:
        self._head = b""
        self._kind = DATA
        self._left = 0
        self._mask = _NO_MASK
        self._control = b""

    def feed(self, data: Bytes) -> List[Event]:
        """Return what `data`, the next bytes that arrived, holds. The pieces refer to `data`, and are not copied.

        Raises:
            BadFrame: the other side does not keep to the protocol.
        """
        view, at = memoryview(data), 0
        events: List[Event] = []
        while at < len(view):
            if not self._left:
                head = self._head + bytes(view[at : at + _LONGEST_HEAD])
                size = _size_of_head(head)
                if len(head) < size:
                    self._head = head
                    break
                at += size - len(self._head)
                self._begin(head[:size])
            piece = view[at : at + self._left]
            at += len(piece)
            self._left -= len(piece)
            self._add(piece, events)
        return events

    def _begin(self, head: bytes) -> None:
        """Start a frame whose head is there."""
        self._head, kind = b"", head[0] & 0x0F
        if head[0] & _RESERVED_BITS or (kind > DATA and kind not in (CLOSE, PING, PONG)):
            raise BadFrame("a frame of an unknown kind")
        self._kind = max(kind, DATA)
        self._left = _length(head)
        if self._kind != DATA and (self._left > _MOST_CONTROL or not head[0] & _FIN):
            raise BadFrame("a control frame that is too long, or in pieces")
        if self._left >> 63:
            raise BadFrame("a frame whose length is negative")
        self._mask = head[-4:] if head[1] & _MASKED else _NO_MASK

    def _add(self, piece: memoryview, events: List[Event]) -> None:
        """Take the next piece of a payload; for a frame without any, an empty one."""
        plain = piece if self._mask == _NO_MASK else _unmasked(piece, self._mask)
        turn = len(piece) % 4
        self._mask = self._mask[turn:] + self._mask[:turn]
        if self._kind != DATA:
            self._control += bytes(plain)
            if not self._left:
                events.append((self._kind, self._control))
                self._control = b""
        elif len(piece):
            events.append((DATA, plain))


def data_frames(payload: Bytes, masked: bool) -> bytes:
    """Return bytes as frames of at most `MOST` bytes of payload each. See `control_frame` for `masked`."""
    if len(payload) <= MOST:
        return _head(DATA, len(payload), masked) + payload
    view = memoryview(payload)
    parts: List[Bytes] = []
    for at in range(0, len(view), MOST):
        piece = view[at : at + MOST]
        parts += (_head(DATA, len(piece), masked), piece)
    return b"".join(parts)


def control_frame(kind: int, payload: bytes, masked: bool) -> bytes:
    """Return a control frame.

    `masked`: as a client has to, with a mask of zeros: proxies find what RFC 6455 demands, servers that do not unmask
    (as those of wstunnel) find the payload, and nobody has to calculate.
    """
    return _head(kind, len(payload), masked) + payload


def close_frame(code: int, masked: bool) -> bytes:
    """Return the frame that ends a connection."""
    return control_frame(CLOSE, struct.pack("!H", code), masked)


def _head(kind: int, length: int, masked: bool) -> bytes:
    first, bit = _FIN | kind, _MASKED if masked else 0
    if length <= _MOST_CONTROL:
        head = struct.pack("!BB", first, bit | length)
    elif length < 1 << 16:
        head = struct.pack("!BBH", first, bit | 126, length)
    else:
        head = struct.pack("!BBQ", first, bit | 127, length)
    return head + _NO_MASK if masked else head


def _size_of_head(head: bytes) -> int:
    """Return how long a head is, as far as its beginning tells."""
    if len(head) < 2:
        return 2
    return 2 + {126: 2, 127: 8}.get(head[1] & 0x7F, 0) + (4 if head[1] & _MASKED else 0)


def _length(head: bytes) -> int:
    short = head[1] & 0x7F
    if short == 126:
        return int.from_bytes(head[2:4], "big")
    return int.from_bytes(head[2:10], "big") if short == 127 else short


def _unmasked(piece: memoryview, mask: bytes) -> bytes:
    count = len(piece)
    mask = (mask * (count // 4 + 1))[:count]
    return (int.from_bytes(piece, "big") ^ int.from_bytes(mask, "big")).to_bytes(count, "big")

"""A connection that ends nowhere, and a loop whose time a test moves: what the tunnel's connections see of asyncio."""

import asyncio
import itertools
from collections.abc import Callable

from amalthea.sidecars.tunnel.wire.frames import Event, Parser


class Timer:
    """The result of `call_later`."""

    def __init__(self, due: float, call: Callable[[], object]) -> None:
        self.due = due
        self.call = call
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """Time, and what is to happen when."""

    def __init__(self) -> None:
        self.now = 0.0
        self._timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[..., object], *arguments: object) -> Timer:
        timer = Timer(self.now + delay, lambda: call(*arguments))
        self._timers.append(timer)
        return timer

    def call_soon(self, call: Callable[..., object], *arguments: object) -> Timer:
        return self.call_later(0, call, *arguments)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while due := [timer for timer in self._timers if timer.due <= end]:
            first = min(due, key=lambda timer: timer.due)
            self._timers.remove(first)
            self.now = max(self.now, first.due)
            if not first.is_cancelled:
                first.call()
        self.now = end


class Options:
    """Stands for a socket; keeps the options that are set."""

    def __init__(self) -> None:
        self.set: list[tuple[int, int, object]] = []

    def setsockopt(self, level: int, option: int, value: object) -> None:
        self.set.append((level, option, value))


class Transport(asyncio.Transport):
    """Keeps what is sent. `stuck`: whether the other side takes nothing."""

    def __init__(self, protocol: asyncio.Protocol, loop: Loop) -> None:
        super().__init__()
        self._loop = loop
        self.protocol = protocol
        self.socket = Options()
        self.sent = b""
        self.reads = True
        self.buffered = 0
        self.ended: list[str] = []
        self._most = 0
        self._stuck = False
        protocol.connection_made(self)

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self.socket if name == "socket" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:  # noqa: ARG002
        self._most = high or 0

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_closing()
        if self._stuck:
            before, self.buffered = self.buffered, self.buffered + len(data)
            if before <= self._most < self.buffered:
                self.protocol.pause_writing()
        self.sent += bytes(data)

    def stick(self) -> None:
        """Let the other side take nothing more."""
        self._stuck = True

    def flow(self) -> None:
        """Let the other side take everything."""
        was_full = self.buffered > self._most
        self._stuck, self.buffered = False, 0
        if was_full:
            self.protocol.resume_writing()

    def pause_reading(self) -> None:
        assert self.reads
        self.reads = False

    def resume_reading(self) -> None:
        assert not self.reads
        self.reads = True

    def is_closing(self) -> bool:
        return "close" in self.ended or "abort" in self.ended

    def write_eof(self) -> None:
        self.ended.append("eof")

    def close(self) -> None:
        self._end("close")

    def abort(self) -> None:
        self._end("abort")

    def _end(self, how: str) -> None:
        if not self.is_closing():
            self.ended.append(how)
            self._loop.call_soon(self.protocol.connection_lost, None)

    def frames(self) -> list[Event]:
        """Return what was sent after the head, if there is one, as frames; data that follows on data as one."""
        events = Parser().feed(self.sent.rpartition(b"\r\n\r\n")[2])
        joined = [(kind, [bytes(payload) for _, payload in group]) for kind, group in itertools.groupby(events, _kind)]
        return [
            event
            for kind, parts in joined
            for event in ([(kind, b"".join(parts))] if kind == 2 else _each(kind, parts))
        ]


def _kind(event: Event) -> int:
    return event[0]


def _each(kind: int, parts: list[bytes]) -> list[Event]:
    return [(kind, part) for part in parts]

"""A clock that a test moves by hand: hours pass in no time, and always in the same order."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from amalthea.engine.ports import Cancellable, Clock

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
_ROUNDS = 50
"""Turns of the event loop after each step: enough for what woke up to come to rest, without any real waiting."""


class _Call:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class FakeClock:
    """Implements the engine's ``Clock``; stands still except for ``advance``."""

    def __init__(self, start: datetime = START, settle: Callable[[], Awaitable[None]] | None = None) -> None:
        """Stand at `start`; `settle` returns when all that was woken is idle, after a while if None."""
        self._start = start
        self.trusted = True
        self._settle = settle or _settle
        self._elapsed = 0.0
        self._calls: list[tuple[float, int, _Call]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    def call_at(self, when: float, callback: Callable[[], None]) -> _Call:
        call = _Call(callback)
        heapq.heappush(self._calls, (max(when, self._elapsed), next(self._order), call))
        return call

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.Event()
        call = self.call_at(self._elapsed + seconds, woken.set)
        try:
            await woken.wait()
        finally:
            call.cancel()

    @property
    def next_due(self) -> float | None:
        """Seconds until the next call or the end of the next sleep; None if nothing waits."""
        while self._calls and self._calls[0][2].callback is None:
            heapq.heappop(self._calls)
        return self._calls[0][0] - self._elapsed if self._calls else None

    async def advance(self, seconds: float) -> None:
        """Let time pass, waking each sleeper at its own moment and letting it come to rest before the next."""
        end = self._elapsed + seconds
        await self._settle()
        while (due := self.next_due) is not None and self._elapsed + due <= end:
            when, _, call = heapq.heappop(self._calls)
            self._elapsed = when
            if call.callback is not None:
                call.callback()
            await self._settle()
        self._elapsed = end
        await self._settle()

    def set_wall_clock(self, seconds: float) -> None:
        """Move ``now()`` alone, as an administrator or a suspended machine does."""
        self._start += timedelta(seconds=seconds)


@dataclass
class SkewedClock:
    """A clock whose wall time is wrong by some seconds, as that of another machine is."""

    clock: Clock
    skew: float

    @property
    def trusted(self) -> bool:
        return self.clock.trusted

    def now(self) -> datetime:
        return self.clock.now() + timedelta(seconds=self.skew)

    def monotonic(self) -> float:
        return self.clock.monotonic()

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancellable:
        return self.clock.call_at(when, callback)

    async def sleep(self, seconds: float) -> None:
        await self.clock.sleep(seconds)


async def _settle() -> None:
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)

"""Time, handed in so that tests have their own, and a time limit that goes by it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Protocol


class Cancellable(Protocol):
    """A call that is due later."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Time. ``amalthea.testing.clock.FakeClock`` fits, too."""

    def now(self) -> datetime:
        """Return the wall clock's time, in UTC and aware of it."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some fixed moment; never goes back."""
        ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancellable:
        """Call back once ``monotonic()`` has reached ``when``."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancellable:
        return asyncio.get_running_loop().call_later(max(0.0, when - time.monotonic()), callback)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@asynccontextmanager
async def time_limit(clock: Clock, seconds: float) -> AsyncIterator[None]:
    """Cancel the body after ``seconds`` of ``clock`` and raise TimeoutError, as ``asyncio.timeout`` does."""
    async with asyncio.timeout(None) as limit:
        alarm = clock.call_at(clock.monotonic() + seconds, lambda: limit.reschedule(0))
        try:
            yield
        finally:
            alarm.cancel()

"""The real clock, and a time limit that obeys whichever clock it is given."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from amalthea.engine.ports import Cancellable, Clock


class SystemClock:
    """The time of this machine; implements `Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    @property
    def trusted(self) -> bool:
        return True

    def monotonic(self) -> float:
        return time.monotonic()

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancellable:
        # The loop's own clock may be another one (uvloop's is), so only the distance is handed on.
        return asyncio.get_running_loop().call_later(max(0.0, when - time.monotonic()), callback)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Limit:
    """A time limit that is running."""

    def __init__(self, clock: Clock, limit: asyncio.Timeout) -> None:
        self._clock = clock
        self._limit = limit
        self._alarm: Cancellable | None = None

    def restart(self, seconds: float) -> None:
        """Let the body go on for `seconds` from now, however much was left."""
        self.stop()
        self._alarm = self._clock.call_at(self._clock.monotonic() + seconds, lambda: self._limit.reschedule(0))

    def stop(self) -> None:
        """End the limit."""
        if self._alarm is not None:
            self._alarm.cancel()


@asynccontextmanager
async def time_limit(clock: Clock, seconds: float) -> AsyncIterator[Limit]:
    """Cancel the body after `seconds` of `clock` and raise TimeoutError, as `asyncio.timeout` does."""
    async with asyncio.timeout(None) as timeout:
        limit = Limit(clock, timeout)
        limit.restart(seconds)
        try:
            yield limit
        finally:
            limit.stop()

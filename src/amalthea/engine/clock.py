"""The real clock, and a time limit that obeys whichever clock it is given."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from amalthea.engine.ports import Cancellable, Clock


class SystemClock:
    """The time of this machine; implements ``Clock``."""

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


@asynccontextmanager
async def time_limit(clock: Clock, seconds: float) -> AsyncIterator[None]:
    """Cancel the body after ``seconds`` of ``clock`` and raise TimeoutError, as ``asyncio.timeout`` does."""
    async with asyncio.timeout(None) as limit:
        alarm = clock.call_at(clock.monotonic() + seconds, lambda: limit.reschedule(0))
        try:
            yield
        finally:
            alarm.cancel()

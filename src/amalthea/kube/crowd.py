"""Bounds the requests under way: a fixed number at a time, beside those that hang, and all of them within memory.

Part of `transport.py`. Where all answers are slow, more requests at once would make them slower still: then none
gives its place away before it is answered, and passes keep theirs, too (`amalthea.engine.work.controller`).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from amalthea.engine.ports import Clock
from amalthea.engine.slots import Slots

PATIENCE = 0.25
"""Seconds after which a request gives its place in the pool away. Shorter than that of a pass, which may make half a
dozen requests: if all of them hang, those of other sessions find a place all the same."""

MOST = 192
"""Requests under way at once, those that hang included: each takes a tenth of a MiB. Beyond that the oldest one is
given up as if its time were over, so that a crowd that hangs takes neither the memory nor the place of anybody else."""

SLOW = 0.2
"""Seconds: where even the quickest tenth of the answers takes longer, the server is slow to everybody."""
_RECENT, _ENOUGH = 50, 20
"""Answers that are looked at, and how many there have to be."""


class Crowd:
    """All requests of a client but its streams."""

    def __init__(self, pool: int, clock: Clock) -> None:
        """Let `pool` requests be under way at a time, not counting those that hang."""
        self._slots = Slots(pool, clock, PATIENCE, self.slow)
        self._clock = clock
        self._under_way: dict[asyncio.Timeout, None] = {}  # the oldest first
        self._recent: deque[float] = deque(maxlen=_RECENT)

    def slow(self) -> bool:
        """Return whether the server is slow for all requests, not only for those that a webhook keeps waiting."""
        return len(self._recent) >= _ENOUGH and sorted(self._recent)[len(self._recent) // 10] > SLOW

    @asynccontextmanager
    async def one(self, seconds: float) -> AsyncIterator[None]:
        """Do a request in the body, once there is a place for it.

        Raises:
            TimeoutError: it took so many seconds, or was the oldest of too many.
        """
        async with self._slots.one(), asyncio.timeout(seconds) as limit:
            began = self._clock.monotonic()
            self._under_way[limit] = None
            if len(self._under_way) > MOST and not self.slow():
                self._give_up_oldest()
            try:
                yield
                self._recent.append(self._clock.monotonic() - began)
            finally:
                self._under_way.pop(limit, None)

    def _give_up_oldest(self) -> None:
        oldest = next(iter(self._under_way))
        del self._under_way[oldest]
        if not oldest.expired():
            oldest.reschedule(asyncio.get_running_loop().time())

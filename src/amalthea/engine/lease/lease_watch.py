"""Follows the Lease that somebody else holds, so that `elector.py`, standing by, sees a release at once.

It only saves time. A watch that fails, ends or falls silent harms nothing: `elector.py` looks at the record then.
"""

from collections.abc import Callable
from typing import Protocol

from amalthea.engine.backoff import Backoff
from amalthea.engine.clock import time_limit
from amalthea.engine.lease.lease_store import LeaseRecord, LeaseStore
from amalthea.engine.ports import Clock, Randomness, Unavailable

LONGEST_BACKOFF = 60.0
"""Seconds from one watch that fails to the next, at most: a Role may not allow it at all."""

WATCH_SPACING = 1.0
"""Seconds from the start of one watch to the start of the next, at least: one that repeats old news ends at once."""


class LeaseWatchObserver(Protocol):
    """Notified of failures of the watch, for logs."""

    def unwatched(self, error: Exception, retry_in: float) -> None:
        """The record could not be watched; that is tried again in `retry_in` seconds."""
        ...


class LeaseWatch:
    """One watch at a time, each from a version that was just read."""

    def __init__(self, store: LeaseStore, clock: Clock, random: Randomness, observer: LeaseWatchObserver) -> None:
        self._store = store
        self._clock = clock
        self._observer = observer
        self._backoff = Backoff(random, cap=LONGEST_BACKOFF)
        self._failures = 0
        self._rests_until = 0.0

    async def follow(
        self, version: str, free: Callable[[LeaseRecord | None], bool], patience: Callable[[], float]
    ) -> bool:
        """Follow the record after `version` until it is worth a look; return False if it cannot be followed.

        Each change is handed to `free`, which says whether the record may be taken. `patience` says, at the
        beginning and after each change, for how many seconds nothing has to come.
        """
        if (begun := self._clock.monotonic()) < self._rests_until:
            return False
        self._rests_until = begun + WATCH_SPACING
        try:
            return await self._follow(version, free, patience)
        except TimeoutError:
            return True
        except Exception as error:  # noqa: BLE001 without a watch the election goes on
            self._failures += 1
            retry_in = self._backoff.delay(self._failures)
            self._rests_until = self._clock.monotonic() + retry_in
            self._observer.unwatched(error, retry_in)
            return False

    async def _follow(
        self, version: str, free: Callable[[LeaseRecord | None], bool], patience: Callable[[], float]
    ) -> bool:
        heard = False
        async with time_limit(self._clock, patience()) as limit, self._store.watch(version) as records:
            async for record in records:
                heard, self._failures = True, 0
                if free(record):
                    return True
                limit.restart(patience())
        if not heard:
            raise Unavailable("the watch ended at once")
        return False

"""The keys that somebody should look at, each once, the urgent ones first.

Filled by the stores' listeners and by timers, emptied by ``controller.py``. A key says *that* something may have
changed, never what: whoever gets it looks at the whole.
"""

import asyncio
import enum
from datetime import datetime
from functools import partial

from amalthea.engine.backoff import Backoff
from amalthea.engine.ports import Clock, Key
from amalthea.engine.timers import Timers


class Priority(enum.IntEnum):
    """Who waits. All of the first go before any of the second."""

    USER = 0
    BACKGROUND = 1


class WorkQueue:
    """A deduplicating queue with due times and per-key backoff; for one event loop.

    A key that was handed out is not handed out again before ``done``; added meanwhile, it comes again after.
    """

    def __init__(self, clock: Clock, backoff: Backoff) -> None:
        self._backoff = backoff
        self._timers = Timers(clock)
        self._ready: dict[Priority, dict[Key, None]] = {priority: {} for priority in Priority}
        self._tokens = asyncio.Semaphore(0)  # as many as there are ready keys
        self._in_work: dict[Key, Priority] = {}
        self._again: dict[Key, Priority] = {}
        self._failures: dict[Key, int] = {}
        self._resting = asyncio.Event()
        self._resting.set()

    @property
    def depth(self) -> int:
        """Count the keys that wait for a worker."""
        return sum(len(keys) for keys in self._ready.values())

    def add(self, key: Key, priority: Priority = Priority.BACKGROUND) -> None:
        """Hand out ``key`` as soon as a worker is free; a more urgent reason moves it forward."""
        self._resting.clear()
        if key in self._in_work:
            self._again[key] = min(priority, self._again.get(key, priority))
        elif key in self._ready[Priority.BACKGROUND] and priority is Priority.USER:
            del self._ready[Priority.BACKGROUND][key]
            self._ready[priority][key] = None
        elif not any(key in keys for keys in self._ready.values()):
            self._ready[priority][key] = None
            self._tokens.release()

    def add_at(self, key: Key, due: datetime, priority: Priority = Priority.BACKGROUND) -> None:
        """Add ``key`` at ``due`` by the wall clock, unless its timer is due earlier."""
        self._timers.at(key, due, partial(self.add, key, priority))

    def add_after(self, key: Key, seconds: float, priority: Priority = Priority.BACKGROUND) -> None:
        """Add ``key`` in so many seconds, unless its timer is due earlier."""
        self._timers.after(key, seconds, partial(self.add, key, priority))

    def cancel_timer(self, key: Key) -> None:
        """Forget the due time of ``key``."""
        self._timers.cancel(key)

    async def get(self) -> Key:
        """Return the next key, once there is one; its timer is cancelled, since it is looked at now."""
        await self._tokens.acquire()
        priority = Priority.USER if self._ready[Priority.USER] else Priority.BACKGROUND
        key = next(iter(self._ready[priority]))
        del self._ready[priority][key]
        self._in_work[key] = priority
        self._timers.cancel(key)
        return key

    def done(self, key: Key) -> None:
        """Say that the work on ``key`` has ended, well or not."""
        del self._in_work[key]
        if key in self._again:
            self.add(key, self._again.pop(key))
        elif not self._in_work and not self.depth:
            self._resting.set()

    @property
    def resting(self) -> bool:
        """Whether no key waits for a worker or is in work."""
        return self._resting.is_set()

    async def at_rest(self) -> None:
        """Return as soon as no key waits for a worker or is in work; what is due later does not count."""
        await self._resting.wait()

    def retry(self, key: Key, at_least: float | None = None) -> float:
        """After a failure: add ``key`` again, later with each failure in a row.

        Return the seconds until then, no fewer than ``at_least``.
        """
        self._failures[key] = self._failures.get(key, 0) + 1
        delay = self._backoff.delay(self._failures[key], at_least)
        self.add_after(key, delay, self._in_work.get(key, Priority.BACKGROUND))
        return delay

    def retry_now(self, key: Key) -> float:
        """After a conflict: add ``key`` at once; from the second in a row on, as ``retry`` does."""
        if key in self._failures:
            return self.retry(key)
        self._failures[key] = 1
        self.add(key, self._in_work.get(key, Priority.BACKGROUND))
        return 0.0

    def forget(self, key: Key) -> None:
        """After a success: the next failure is the first again."""
        self._failures.pop(key, None)

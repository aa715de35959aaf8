"""The work queue: keys to look at, each once, in a fair order.

Filled by the stores' listeners and by timers, emptied by `controller.py`. A key says *that* something may have
changed, never what: the worker that gets it looks at the whole.

Every other key that is handed out is of the most urgent class. The one after goes to the namespace whose turn it is:
its news and its background by turns, and its users' wishes where nothing else of it waits. So a namespace that waits
gets half of an equal share at least, no class starves, news do not wait until a crowd of wishes is through, and a
user's wish waits for one key of others at most.

`room.py` bounds the keys that take long or hang.
"""

import asyncio
import enum
from datetime import datetime
from functools import partial
from typing import NamedTuple

from amalthea.engine.backoff import Backoff
from amalthea.engine.ports import Clock, Key
from amalthea.engine.slots import PATIENCE
from amalthea.engine.work.room import Bounds, Room
from amalthea.engine.work.timers import Timers
from amalthea.engine.work.turns import Flow, Turns


class Priority(enum.IntEnum):
    """The classes of waiting keys, the most urgent first."""

    USER = 0
    """A user has just changed what they want."""
    NEWS = 1
    """Something got on for which a user may wait, or a user's wish is tried again."""
    BACKGROUND = 2


_ROOM_CHECK = 1.0
"""Seconds until it is looked again whether there is room for what waits."""


class _Working(NamedTuple):
    flow: Flow
    since: float


class WorkQueue:
    """A deduplicating queue with due times and per-key backoff; for one event loop.

    A key that was handed out is not handed out again before `done`; added meanwhile, it comes again after.
    """

    def __init__(self, clock: Clock, backoff: Backoff, bounds: Bounds | None = None) -> None:
        """Make an empty queue; `bounds` says how many keys may be in work at once."""
        self._clock = clock
        self._backoff = backoff
        self._timers = Timers(clock)
        self._room = Room(clock, bounds or Bounds())
        self._ready: dict[Key, Flow] = {}
        self._urgent = tuple(Turns() for _ in Priority)
        self._all = Turns()
        self._all_next = False  # whether the next key is that of the flow whose turn it is
        self._changed = asyncio.Event()  # something was added or is done since nothing could be handed out
        self._in_work: dict[Key, _Working] = {}
        self._slow: set[Key] = set()
        self._again: dict[Key, Priority] = {}
        self._failures: dict[Key, int] = {}
        self._resting = asyncio.Event()
        self._resting.set()

    @property
    def depth(self) -> int:
        """Count the keys that wait for a worker."""
        return len(self._ready)

    def add(self, key: Key, priority: Priority = Priority.BACKGROUND) -> None:
        """Hand out `key` as soon as a worker is free; a more urgent reason moves it forward."""
        self._resting.clear()
        waiting = self._ready.get(key)
        if key in self._in_work:
            self._again[key] = min(priority, self._again.get(key, priority))
        elif waiting is None:
            self._enter(key, Flow(key[0], key in self._slow, priority))
            self._changed.set()
        elif priority < waiting.priority:
            self._move(key, priority)

    def drop(self, key: Key) -> None:
        """Forget a key that is not in work: its object is gone, and needs no look."""
        if key in self._ready:
            self._leave(key)
        self._timers.cancel(key)
        self._failures.pop(key, None)
        self._slow.discard(key)
        if not self._in_work and not self.depth:
            self._resting.set()

    def demote(self) -> None:
        """Count all waiting keys as BACKGROUND: they were added while nobody worked, and none is urgent any more."""
        for key in self._ready:
            self._move(key, Priority.BACKGROUND)

    def _move(self, key: Key, priority: Priority) -> None:
        if (former := self._ready[key]).priority != priority:
            self._enter(key, former._replace(priority=priority))  # first, so that its namespace keeps its turn
            self._remove(key, former)

    def _enter(self, key: Key, flow: Flow) -> None:
        self._ready[key] = flow
        self._urgent[flow.priority].add(flow, key)
        self._all.add(flow, key)

    def _leave(self, key: Key) -> Flow:
        self._remove(key, flow := self._ready.pop(key))
        return flow

    def _remove(self, key: Key, flow: Flow) -> None:
        self._urgent[flow.priority].remove(flow, key)
        self._all.remove(flow, key)

    def add_at(self, key: Key, due: datetime, priority: Priority = Priority.BACKGROUND) -> None:
        """Add `key` at `due` by the wall clock, unless its timer is due earlier."""
        self._timers.at(key, due, partial(self.add, key, priority))

    def add_after(self, key: Key, seconds: float, priority: Priority = Priority.BACKGROUND) -> None:
        """Add `key` in so many seconds, unless its timer is due earlier."""
        self._timers.after(key, seconds, partial(self.add, key, priority))

    def cancel_timer(self, key: Key) -> None:
        """Forget the due time of `key`."""
        self._timers.cancel(key)

    async def get(self) -> Key:
        """Return the next key, once there is one; its timer is cancelled, since it is looked at now."""
        while (key := self._next()) is None:
            self._changed.clear()
            again = (
                self._clock.call_at(self._clock.monotonic() + _ROOM_CHECK, self._changed.set) if self.depth else None
            )
            await self._changed.wait()
            if again is not None:
                again.cancel()
        flow = self._leave(key)
        self._all_next = not self._all_next
        self._in_work[key] = _Working(flow, self._clock.monotonic())
        self._room.enter(key, flow)
        self._timers.cancel(key)
        return key

    def _next(self) -> Key | None:
        self._room.clear()
        turns = (self._all,) if self._all_next else self._urgent
        return next((key for each in turns if (key := each.next(self._room.may)) is not None), None)

    def done(self, key: Key) -> None:
        """Record that the work on `key` has ended, well or not."""
        since = self._in_work.pop(key).since
        self._room.leave(key)
        if self._clock.monotonic() - since < PATIENCE:
            self._slow.discard(key)
        else:
            self._slow.add(key)
        self._changed.set()
        if key in self._again:
            self.add(key, self._again.pop(key))
        elif not self._in_work and not self.depth:
            self._resting.set()

    @property
    def resting(self) -> bool:
        """Return whether no key waits for a worker or is in work."""
        return self._resting.is_set()

    async def at_rest(self) -> None:
        """Return as soon as no key waits for a worker or is in work; what is due later does not count."""
        await self._resting.wait()

    def retry(self, key: Key, at_least: float | None = None) -> float:
        """Requeue `key` after a failure: later with each failure in a row, and behind new changes of users.

        Return the seconds until then, no fewer than `at_least`.
        """
        self._failures[key] = self._failures.get(key, 0) + 1
        delay = self._backoff.delay(self._failures[key], at_least)
        self.add_after(key, delay, max(Priority.NEWS, self._priority(key)))
        return delay

    def retry_now(self, key: Key) -> float:
        """Requeue `key` after a conflict: at once, from the second in a row on as `retry` does."""
        if key in self._failures:
            return self.retry(key)
        self._failures[key] = 1
        self.add(key, self._priority(key))
        return 0.0

    def hasten(self) -> None:
        """Retry all failed keys now, since the cause is gone: their next failures count as the first again."""
        failed, self._failures = self._failures, {}
        for key in failed:
            self.add(key, Priority.NEWS)

    def forget(self, key: Key) -> None:
        """Forget the failures after a success: the next one counts as the first again."""
        if key in self._in_work:
            self._room.ended_well(key[0], self._clock.monotonic() - self._in_work[key].since)
        self._failures.pop(key, None)

    def _priority(self, key: Key) -> Priority:
        return Priority(self._in_work[key].flow.priority) if key in self._in_work else Priority.BACKGROUND

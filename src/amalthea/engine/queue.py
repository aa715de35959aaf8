"""The keys that somebody should look at, each once, in an order that is fair.

Filled by the stores' listeners and by timers, emptied by ``controller.py``. A key says *that* something may have
changed, never what: whoever gets it looks at the whole.

Every other key that is handed out is of the most urgent class. The one after goes to the namespace whose turn it is, to
its key that has waited longest, whatever the class. So a namespace that waits gets half of an equal share at least, no
class starves, and a user's wish waits for one key of others at most.

Work that hangs takes up room. A namespace is handed another key only while it has fewer keys in work than there is room
left (a dynamic threshold, as in network switches): alone it takes half of the room, and however many namespaces hang,
they leave some for the others. Its keys that took long the last time count for themselves, so that they leave room for
their neighbours, too.
"""

import asyncio
import enum
import math
from datetime import datetime
from functools import partial
from typing import NamedTuple

from amalthea.engine.backoff import Backoff
from amalthea.engine.ports import Clock, Key
from amalthea.engine.slots import PATIENCE
from amalthea.engine.timers import Timers
from amalthea.engine.turns import Flow, Turns


class Priority(enum.IntEnum):
    """Who waits, the most urgent first."""

    USER = 0
    """A user has just changed what they want."""
    NEWS = 1
    """Something got on for which a user may wait, or a user's wish is tried again."""
    BACKGROUND = 2


class _Waiting(NamedTuple):
    flow: Flow
    priority: Priority


class _Working(NamedTuple):
    flow: Flow
    priority: Priority
    since: float


class WorkQueue:
    """A deduplicating queue with due times and per-key backoff; for one event loop.

    A key that was handed out is not handed out again before ``done``; added meanwhile, it comes again after.
    """

    def __init__(self, clock: Clock, backoff: Backoff, room: float = math.inf) -> None:
        """Make an empty queue; ``room`` is how many keys may be in work at once."""
        self._clock = clock
        self._backoff = backoff
        self._timers = Timers(clock)
        self._room = room
        self._ready: dict[Key, _Waiting] = {}
        self._urgent = tuple(Turns() for _ in Priority)
        self._all = Turns()
        self._all_next = False  # whether the next key is that of the flow whose turn it is
        self._changed = asyncio.Event()  # something was added or is done since nothing could be handed out
        self._in_work: dict[Key, _Working] = {}
        self._places: dict[Flow, int] = {}  # how many keys of a flow are in work
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
        """Hand out ``key`` as soon as a worker is free; a more urgent reason moves it forward."""
        self._resting.clear()
        waiting = self._ready.get(key)
        if key in self._in_work:
            self._again[key] = min(priority, self._again.get(key, priority))
        elif waiting is None:
            flow = Flow(key[0], key in self._slow)
            self._ready[key] = _Waiting(flow, priority)
            self._urgent[priority].add(flow, key)
            self._all.add(flow, key)
            self._changed.set()
        elif priority < waiting.priority:
            self._move(key, priority)

    def drop(self, key: Key) -> None:
        """Forget a key that is not in work: what it stood for is gone, and nobody has to look."""
        if (waiting := self._ready.pop(key, None)) is not None:
            self._urgent[waiting.priority].remove(waiting.flow, key)
            self._all.remove(waiting.flow, key)
        self._timers.cancel(key)
        self._failures.pop(key, None)
        self._slow.discard(key)
        if not self._in_work and not self.depth:
            self._resting.set()

    def demote(self) -> None:
        """Count all that waits as BACKGROUND: it was added while nobody worked, and who waited for it has waited."""
        for key in self._ready:
            self._move(key, Priority.BACKGROUND)

    def _move(self, key: Key, priority: Priority) -> None:
        flow, former = self._ready[key]
        self._urgent[former].remove(flow, key)
        self._urgent[priority].add(flow, key)
        self._ready[key] = _Waiting(flow, priority)

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
        while (key := self._next()) is None:
            self._changed.clear()
            await self._changed.wait()
        flow, priority = self._ready.pop(key)
        self._urgent[priority].remove(flow, key)
        self._all.remove(flow, key)
        self._all_next = not self._all_next
        self._in_work[key] = _Working(flow, priority, self._clock.monotonic())
        self._places[flow] = self._places.get(flow, 0) + 1
        self._timers.cancel(key)
        return key

    def _next(self) -> Key | None:
        turns = (self._all,) if self._all_next else self._urgent
        return next((key for each in turns if (key := each.next(self._may)) is not None), None)

    def _may(self, flow: Flow) -> bool:
        """Tell whether another key of a flow may be in work."""
        return self._places.get(flow, 0) < self._room - len(self._in_work)

    def done(self, key: Key) -> None:
        """Say that the work on ``key`` has ended, well or not."""
        flow, _, since = self._in_work.pop(key)
        self._places[flow] -= 1
        if not self._places[flow]:
            del self._places[flow]
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
        """Whether no key waits for a worker or is in work."""
        return self._resting.is_set()

    async def at_rest(self) -> None:
        """Return as soon as no key waits for a worker or is in work; what is due later does not count."""
        await self._resting.wait()

    def retry(self, key: Key, at_least: float | None = None) -> float:
        """After a failure: add ``key`` again, later with each failure in a row, and behind fresh wishes of users.

        Return the seconds until then, no fewer than ``at_least``.
        """
        self._failures[key] = self._failures.get(key, 0) + 1
        delay = self._backoff.delay(self._failures[key], at_least)
        self.add_after(key, delay, max(Priority.NEWS, self._priority(key)))
        return delay

    def retry_now(self, key: Key) -> float:
        """After a conflict: add ``key`` at once; from the second in a row on, as ``retry`` does."""
        if key in self._failures:
            return self.retry(key)
        self._failures[key] = 1
        self.add(key, self._priority(key))
        return 0.0

    def forget(self, key: Key) -> None:
        """After a success: the next failure is the first again."""
        self._failures.pop(key, None)

    def _priority(self, key: Key) -> Priority:
        return self._in_work[key].priority if key in self._in_work else Priority.BACKGROUND

"""Works through the queue: a fixed number of keys at a time, no key twice at once, none waiting long for another.

It calls a reconcile function, which looks at one key as a whole. The exception that this raises decides when the key
comes again: `Stale` at once, anything else with backoff, `Unavailable` not before the server asked.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeAlias

from amalthea.engine.clock import time_limit
from amalthea.engine.ports import Clock, Key, Stale, Unavailable
from amalthea.engine.slots import Slot, Slots
from amalthea.engine.work.queue import WorkQueue

SHORTEST_WAIT = timedelta(seconds=1)
"""The least until a wake-up: one that lies in the past, and that looking does not move, must not become a hot loop."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a successful pass over a key: look again at `wake_at`, or only when something changes."""

    wake_at: datetime | None = None


Reconcile: TypeAlias = Callable[[Key], Awaitable[Result]]


class ControllerObserver(Protocol):
    """Notified of the outcome and the seconds of each piece of work, for logs and metrics."""

    def reconciled(self, key: Key, seconds: float) -> None: ...

    def conflicted(self, key: Key, seconds: float, retry_in: float) -> None:
        """The work was based on an old object. Not an error."""
        ...

    def failed(self, key: Key, error: Exception, seconds: float, retry_in: float) -> None: ...


class Controller:
    """Runs `reconcile` on the queue's keys, as many at a time as there are `slots`, not counting what takes long.

    The queue bounds those that are known to take long, and `amalthea.kube.crowd` the requests of all.
    """

    def __init__(
        self, queue: WorkQueue, reconcile: Reconcile, slots: Slots, clock: Clock, observer: ControllerObserver
    ) -> None:
        self._queue = queue
        self._reconcile = reconcile
        self._slots = slots
        self._clock = clock
        self._observer = observer
        self._in_flight: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._grace = 0.0

    async def run(self) -> None:
        """Work until `stop`, or until cancelled: then what was in flight goes back into the queue.

        May be run again after it was cancelled. Leaves no task behind.
        """
        dispatcher = asyncio.create_task(self._dispatch())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({dispatcher, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if dispatcher.done():
                dispatcher.result()  # raises the defect that ended it
            await _end(dispatcher)
            await self._drain()
        finally:
            await _end(dispatcher, stopping, *self._in_flight)

    def stop(self, grace: float) -> None:
        """Take no new key; `run` returns when those in flight have ended, or were cut off after `grace` seconds."""
        self._grace = grace
        self._stopping.set()

    async def _dispatch(self) -> None:
        while True:
            slot = await self._slots.take()
            try:
                key = await self._queue.get()
            except asyncio.CancelledError:
                slot.give_back()
                raise
            slot.begin()
            task = asyncio.create_task(self._handle(key))
            self._in_flight.add(task)
            task.add_done_callback(partial(self._finished, key, slot))

    async def _handle(self, key: Key) -> None:
        started = self._clock.monotonic()
        try:
            result = await self._reconcile(key)
        except Stale:
            seconds = self._clock.monotonic() - started
            self._observer.conflicted(key, seconds, self._queue.retry_now(key))
        except Exception as error:  # noqa: BLE001 one session's trouble must not stop the work on the others
            seconds = self._clock.monotonic() - started
            asked = error.retry_after if isinstance(error, Unavailable) else None
            self._observer.failed(key, error, seconds, self._queue.retry(key, asked))
        else:
            self._queue.forget(key)
            if result.wake_at is not None:
                self._queue.add_at(key, max(result.wake_at, self._clock.now() + SHORTEST_WAIT))
            self._observer.reconciled(key, self._clock.monotonic() - started)

    def _finished(self, key: Key, slot: Slot, task: asyncio.Task[None]) -> None:
        # A callback, not a `finally` in _handle: a task that is cancelled before its first step runs no line of it.
        self._in_flight.discard(task)
        slot.give_back()
        if task.cancelled():
            self._queue.add(key)
        self._queue.done(key)

    async def _drain(self) -> None:
        try:
            async with time_limit(self._clock, self._grace):
                await asyncio.gather(*self._in_flight)
        except TimeoutError:
            return


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

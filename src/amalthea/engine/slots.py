"""Slots for a limited number of tasks: one that takes too long gives its slot away and goes on, so it blocks no other.

Used for passes over sessions (`work/controller.py`) and for requests (`amalthea.kube.transport`): a webhook that
hangs for half a minute must not leave the others without a worker or a connection. `amalthea.kube.crowd` bounds how
many go on, and decides whether all are slow.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from amalthea.engine.ports import Cancellable, Clock

PATIENCE = 1.0
"""Seconds after which a pass gives its place away. One with all its writes takes a tenth of that where all is well."""

AllSlow: TypeAlias = Callable[[], bool]
"""Returns whether everything takes long, not this alone: then more at a time would only make it slower."""


class Slot:
    """A place that was taken."""

    def __init__(self, free: asyncio.Semaphore, clock: Clock, patience: float, all_slow: AllSlow) -> None:
        self._free = free
        self._clock = clock
        self._patience = patience
        self._all_slow = all_slow
        self._held = True
        self._alarm: Cancellable | None = None

    def begin(self) -> None:
        """Start the time after which the place is given away."""
        self._alarm = self._clock.call_at(self._clock.monotonic() + self._patience, self._give_away)

    def _give_away(self) -> None:
        if self._all_slow():
            self.begin()
        else:
            self.give_back()

    def give_back(self) -> None:
        """Give the place back, unless it was given back before."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self._held:
            self._held = False
            self._free.release()


class Slots:
    """A fixed number of places, each for `patience` seconds at most, and for longer while everything is slow."""

    def __init__(self, count: int, clock: Clock, patience: float, all_slow: AllSlow) -> None:
        self._free = asyncio.Semaphore(count)
        self._clock = clock
        self._patience = patience
        self._all_slow = all_slow

    async def take(self) -> Slot:
        """Wait for a place."""
        await self._free.acquire()
        return Slot(self._free, self._clock, self._patience, self._all_slow)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Do the body in a place."""
        slot = await self.take()
        slot.begin()
        try:
            yield
        finally:
            slot.give_back()

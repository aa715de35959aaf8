"""Long work on the one event loop, in slices: other work gets its turn in between."""

from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

from amalthea.engine.ports import Clock

T = TypeVar("T")

LONGEST = 0.005
"""Seconds after which a slice ends, with the item that is in hand then."""


async def in_slices(items: Iterable[T], clock: Clock, share: float) -> AsyncIterator[T]:
    """Yield the items, one after the other, while the work on them takes no more than a `share` (0 to 1) of the time.

    To be used in `async for`: the time between two items is what the work on the first of them takes.
    """
    began = clock.monotonic()
    for item in items:
        yield item
        spent = clock.monotonic() - began
        if spent >= LONGEST:
            await clock.sleep(spent * (1 / share - 1))
            began = clock.monotonic()

"""How fast the machine is at the moment: on a shared or virtual one, the same work takes more CPU time at some times.

A fixed piece of work is done again and again beside whatever is measured. Its CPU time makes two measurements of one
run comparable that lie minutes apart.
"""

import asyncio
import time
from statistics import fmean

_INTERVAL = 0.5
_ROUNDS = 40_000
"""Some three milliseconds: little beside the interval, and much beside the clock's resolution."""


class Pace:
    """Takes samples from its making to `stop()`; to be made and used within an event loop."""

    def __init__(self) -> None:
        self._samples = [_work()]
        self._sampling = asyncio.create_task(self._sample())

    def stop(self) -> float:
        """Return the mean CPU time of the fixed piece of work, in milliseconds."""
        self._sampling.cancel()
        return fmean(self._samples) * 1e3

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            self._samples.append(_work())


def _work() -> float:
    started = time.process_time()
    total = 0
    for number in range(_ROUNDS):
        total += number * number
    return time.process_time() - started

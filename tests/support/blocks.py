"""The longest time for which the event loop was blocked: in CPU seconds, so that a busy machine does not count."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


@asynccontextmanager
async def blocks() -> AsyncIterator[Callable[[], float]]:
    """Watch the loop while the body runs; what is yielded returns the CPU seconds of its longest turn so far."""
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            began = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - began)

    gc.disable()  # its walks through what other tests have left are nobody's work here; the operator calms it, too
    ticking = asyncio.create_task(tick())
    try:
        yield lambda: longest
    finally:
        gc.enable()
        ticking.cancel()
        await asyncio.wait({ticking})

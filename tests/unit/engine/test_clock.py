"""The system's clock keeps its promises, and a time limit obeys whichever clock it is given."""

import asyncio
from datetime import UTC

import pytest

from amalthea.engine.clock import SystemClock, time_limit
from amalthea.testing.clock import FakeClock


async def test_the_system_clock_calls_back_no_earlier_than_asked() -> None:
    clock = SystemClock()
    called = asyncio.Event()
    begun = clock.monotonic()
    clock.call_at(begun + 0.02, called.set)
    await clock.sleep(0)
    assert not called.is_set()
    await called.wait()
    assert clock.monotonic() - begun >= 0.019
    assert clock.now().tzinfo is UTC


async def test_a_cancelled_call_never_comes() -> None:
    clock = FakeClock()
    called: list[str] = []
    clock.call_at(1, lambda: called.append("cancelled")).cancel()
    clock.call_at(1, lambda: called.append("kept"))
    await clock.advance(2)
    assert called == ["kept"]


async def test_a_time_limit_ends_what_hangs_at_its_own_time() -> None:
    clock = FakeClock()

    async def hang() -> None:
        async with time_limit(clock, 5):
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await clock.advance(4.9)
    assert not task.done()
    await clock.advance(0.2)
    with pytest.raises(TimeoutError):
        task.result()


async def test_a_time_limit_leaves_alone_what_ends_in_time() -> None:
    clock = FakeClock()
    async with time_limit(clock, 5):
        pass
    await clock.advance(10)
    assert clock.next_due is None

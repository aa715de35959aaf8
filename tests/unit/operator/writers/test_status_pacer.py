"""Progress must be reported, but a crowd's progress must not stand in the way of the crowd."""

import asyncio
import random
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from amalthea.engine.backoff import Backoff
from amalthea.engine.ports import Key
from amalthea.engine.work.queue import WorkQueue
from amalthea.operator.writers.status_pacer import INTERVAL, PATIENCE, SPACING, StatusPacer
from amalthea.testing.clock import FakeClock

ONE = ("ns", "one")


class Desk:
    """Sessions that ask for their turn whenever they are woken."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.queue = WorkQueue(self.clock, Backoff(random.Random(1)))
        self.status_pacer = StatusPacer(self.clock, self.queue)
        self.written: list[tuple[float, Key]] = []

    async def work(self) -> None:
        """Work through the queue forever."""
        while True:
            key = await self.queue.get()
            self.look(key)
            self.queue.done(key)

    def look(self, key: Key) -> None:
        if self.status_pacer.may(key):
            self.written.append((self.clock.monotonic(), key))


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    working = asyncio.create_task(made.work())
    yield made
    working.cancel()


async def test_a_session_alone_is_written_after_two_seconds_and_not_more_often(desk: Desk) -> None:
    desk.look(ONE)
    desk.look(ONE)
    await desk.clock.advance(SPACING)
    assert desk.written == [(SPACING, ONE)]
    desk.look(ONE)
    await desk.clock.advance(SPACING)
    assert desk.written == [(SPACING, ONE), (2 * SPACING, ONE)]


async def test_a_crowd_takes_turns(desk: Desk) -> None:
    for number in range(20):
        desk.look(("ns", str(number)))
    await desk.clock.advance(SPACING + 20 * INTERVAL)
    assert [key[1] for _, key in desk.written] == [str(number) for number in range(20)]
    times = [time for time, _ in desk.written]
    assert all(later - earlier >= INTERVAL - 1e-9 for earlier, later in pairwise(times))


async def test_progress_that_was_written_with_another_change_is_not_written_again(desk: Desk) -> None:
    desk.look(ONE)
    await desk.clock.advance(1.0)
    desk.status_pacer.had(ONE)
    await desk.clock.advance(10 * SPACING)
    assert desk.written == []


async def test_a_session_that_has_started_is_not_woken_any_more(desk: Desk) -> None:
    desk.look(ONE)
    desk.status_pacer.forget(ONE)
    await desk.clock.advance(10 * SPACING)
    assert desk.written == []


async def test_progress_waits_while_there_is_work_to_do() -> None:
    desk = Desk()
    desk.look(ONE)
    desk.queue.add(("ns", "two"))
    busy = await desk.queue.get()
    await desk.clock.advance(10 * SPACING)
    waiting = list(desk.written)
    desk.queue.done(busy)
    working = asyncio.create_task(desk.work())
    await desk.clock.advance(INTERVAL)
    working.cancel()
    assert waiting == []
    assert [key for _, key in desk.written] == [ONE]


async def test_a_pass_that_is_always_under_way_cannot_silence_the_progress_of_others() -> None:
    desk = Desk()
    for number in range(5):
        desk.look(("ns", str(number)))
    desk.queue.add(("ns", "slow"))
    await desk.queue.get()  # and is never done with: as one of many that take 30 s each
    working = asyncio.create_task(desk.work())
    await desk.clock.advance(PATIENCE)
    too_early = list(desk.written)
    await desk.clock.advance(SPACING + 5 * INTERVAL)
    working.cancel()
    assert too_early == []
    assert [key[1] for _, key in desk.written] == ["0", "1", "2", "3", "4"]

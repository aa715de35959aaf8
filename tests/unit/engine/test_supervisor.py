"""Work that fails must come back, must not hammer what it fails on, and must take nothing with it."""

import asyncio

import pytest

from amalthea.engine.backoff import Backoff
from amalthea.engine.supervisor import SOUND_AFTER, Supervisor
from amalthea.testing.clock import FakeClock
from tests.unit.engine.things import Half


class Work:
    """Lasts a while each time, then raises."""

    def __init__(self, *lasting: float) -> None:
        self.clock = FakeClock()
        self.lasting = list(lasting)
        self.failures: list[tuple[str, str, float]] = []
        self.supervisor = Supervisor(self.clock, Backoff(Half()), self._failed)

    async def __call__(self) -> None:
        if not self.lasting:
            return
        await self.clock.sleep(self.lasting.pop(0))
        raise ZeroDivisionError(len(self.lasting))

    def _failed(self, name: str, error: Exception, retry_in: float) -> None:
        self.failures.append((name, str(error), retry_in))


async def test_work_that_fails_is_reported_and_restarted_ever_more_slowly_until_it_ends() -> None:
    work = Work(1, 1, 1)
    running = asyncio.create_task(work.supervisor.run("work", work))
    await work.clock.advance(3 + 1.2 + 4.8 + 19.1)
    assert not running.done()
    await work.clock.advance(0.2)
    assert running.done()
    assert work.failures == [("work", "2", 1.2), ("work", "1", 4.8), ("work", "0", 19.2)]


async def test_work_that_went_well_for_a_while_is_restarted_soon() -> None:
    work = Work(1, 1, SOUND_AFTER)
    running = asyncio.create_task(work.supervisor.run("work", work))
    await work.clock.advance(2 * SOUND_AFTER)
    await running
    assert [retry_in for _, _, retry_in in work.failures] == [1.2, 4.8, 1.2]


async def test_work_that_is_cancelled_is_not_begun_again() -> None:
    work = Work(10)
    running = asyncio.create_task(work.supervisor.run("work", work))
    await work.clock.advance(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert work.failures == []

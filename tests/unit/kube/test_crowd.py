"""A server that is slow to everybody must not be asked more at once, nor be given up on: that made it slower still."""

import asyncio

import pytest

from amalthea.kube import crowd
from amalthea.kube.crowd import SLOW, Crowd
from amalthea.testing.clock import FakeClock

HOUR = 3600.0


async def answered(crowd: Crowd, clock: FakeClock, seconds: float, times: int) -> None:
    for _ in range(times):
        async with crowd.one(HOUR):
            await clock.advance(seconds)


@pytest.mark.parametrize(
    ("quick", "late", "slow"),
    [(0, 0, False), (0, 10, False), (0, 50, True), (4, 46, True), (10, 40, False), (50, 0, False)],
    ids=["nothing known", "little known", "all are late", "nearly all", "a webhook alone is late", "all is well"],
)
async def test_a_server_is_slow_where_hardly_any_answer_is_quick(quick: int, late: int, slow: bool) -> None:
    clock = FakeClock()
    requests = Crowd(8, clock)
    await answered(requests, clock, SLOW / 10, quick)
    await answered(requests, clock, SLOW * 2, late)
    assert requests.slow() is slow


async def test_a_server_that_has_recovered_is_soon_not_slow_any_more() -> None:
    clock = FakeClock()
    requests = Crowd(8, clock)
    await answered(requests, clock, SLOW * 2, 50)
    await answered(requests, clock, SLOW / 10, 6)
    assert not requests.slow()


@pytest.mark.parametrize(("late", "given_up"), [(SLOW / 10, 2), (SLOW * 2, 0)], ids=["some hang", "all are late"])
async def test_none_is_given_up_where_all_are_late(monkeypatch: pytest.MonkeyPatch, late: float, given_up: int) -> None:
    monkeypatch.setattr(crowd, "MOST", 10)
    clock = FakeClock()
    requests = Crowd(100, clock)
    await answered(requests, clock, late, 50)

    async def hang() -> None:
        async with requests.one(HOUR):
            await asyncio.Event().wait()

    hanging = [asyncio.create_task(hang()) for _ in range(12)]
    await clock.advance(0)
    assert [each.done() for each in hanging] == [True] * given_up + [False] * (12 - given_up)
    for each in hanging:
        each.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)

"""A worker pool that dies, forgets a key or works on after its time leaves sessions alone or harms them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from amalthea.engine.backoff import Backoff
from amalthea.engine.ports import Key, Stale, Unavailable
from amalthea.engine.slots import PATIENCE, Slots
from amalthea.engine.work.controller import Controller, Result
from amalthea.engine.work.queue import WorkQueue
from amalthea.testing.clock import START, FakeClock
from tests.unit.engine.things import Half, WorkReports

A, B, C = ("ns", "a"), ("ns", "b"), ("ns", "c")


@dataclass
class Bench:
    """A controller whose work is done by `work`, which a test controls."""

    work: Callable[[Key], Awaitable[Result]]
    workers: int = 2
    clock: FakeClock = field(default_factory=FakeClock)
    reports: WorkReports = field(default_factory=WorkReports)

    def __post_init__(self) -> None:
        self.queue = WorkQueue(self.clock, Backoff(Half(), base=1.0, factor=2.0, cap=8.0))
        slots = Slots(self.workers, self.clock, PATIENCE, lambda: False)
        self.controller = Controller(self.queue, self.work, slots, self.clock, self.reports)

    async def ends(self, running: asyncio.Task[None]) -> None:
        self.controller.stop(grace=0)
        await running
        assert asyncio.all_tasks() == {asyncio.current_task()}


def raising(*errors: Exception | None) -> Callable[[Key], Awaitable[Result]]:
    """Return work that fails in these ways, one after the other, and then succeeds."""
    left = list(errors)

    async def work(_: Key) -> Result:
        if left and (error := left.pop(0)):
            raise error
        return Result()

    return work


class Busy(Unavailable):
    retry_after = 20.0


async def test_one_failing_session_does_not_stop_the_others() -> None:
    async def work(key: Key) -> Result:
        if key == A:
            raise RuntimeError("broken")
        return Result()

    bench = Bench(work, workers=1)
    running = asyncio.create_task(bench.controller.run())
    for key in (A, B, C):
        bench.queue.add(key)
    await bench.clock.advance(0.5)
    assert (bench.reports.done, bench.reports.errors) == ([B, C], ["a: broken"])
    await bench.ends(running)


@pytest.mark.parametrize(
    ("errors", "delays", "seconds"),
    [
        ([RuntimeError(), RuntimeError()], [1, 2], 3),
        ([Busy(), None], [20], 20),
        ([Stale()], [0], 0),
        ([Stale(), Stale(), Stale()], [0, 2, 4], 6),
    ],
    ids=[
        "errors back off",
        "Retry-After is obeyed",
        "a conflict is looked at again at once",
        "but never in a hot loop",
    ],
)
async def test_the_error_decides_when_the_key_comes_again(
    errors: list[Exception | None], delays: list[float], seconds: float
) -> None:
    bench = Bench(raising(*errors))
    running = asyncio.create_task(bench.controller.run())
    bench.queue.add(A)
    await bench.clock.advance(max(0, seconds - 0.1))
    assert bench.reports.delays == delays
    assert bench.reports.done == ([] if seconds else [A])
    await bench.clock.advance(0.2)
    assert bench.reports.done == [A]
    await bench.ends(running)


@pytest.mark.parametrize("error", [RuntimeError(), Busy(), Stale(), None], ids=repr)
async def test_the_time_that_work_took_is_reported_however_it_ended(error: Exception | None) -> None:
    fail = raising(error)

    async def work(key: Key) -> Result:
        await bench.clock.sleep(7)
        return await fail(key)

    bench = Bench(work)
    running = asyncio.create_task(bench.controller.run())
    bench.queue.add(A)
    await bench.clock.advance(7)
    assert bench.reports.seconds == [7]
    running.cancel()
    await asyncio.wait({running})


async def test_a_success_makes_the_next_failure_the_first_again() -> None:
    bench = Bench(raising(RuntimeError(), None, RuntimeError()))
    running = asyncio.create_task(bench.controller.run())
    bench.queue.add(A)
    await bench.clock.advance(1.5)
    bench.queue.add(A)
    await bench.clock.advance(0)
    assert bench.reports.delays == [1, 1]
    await bench.ends(running)


async def test_a_wake_up_time_brings_the_key_back_then_and_not_before() -> None:
    async def work(_: Key) -> Result:
        return Result(wake_at=None if bench.reports.done else START + timedelta(seconds=100))

    bench = Bench(work)
    running = asyncio.create_task(bench.controller.run())
    bench.queue.add(A)
    await bench.clock.advance(99)
    assert bench.reports.done == [A]
    await bench.clock.advance(1)
    assert bench.reports.done == [A, A]
    await bench.ends(running)


async def test_a_wake_up_time_that_has_passed_does_not_cause_a_hot_loop() -> None:
    async def work(_: Key) -> Result:
        return Result(wake_at=START)

    bench = Bench(work)
    running = asyncio.create_task(bench.controller.run())
    bench.queue.add(A)
    await bench.clock.advance(10.5)
    assert len(bench.reports.done) == 11
    await bench.ends(running)


async def test_no_more_keys_are_in_work_than_there_are_workers_and_none_twice() -> None:
    gate = asyncio.Event()
    in_work: list[Key] = []
    most = 0

    async def work(key: Key) -> Result:
        nonlocal most
        assert key not in in_work
        in_work.append(key)
        most = max(most, len(in_work))
        await gate.wait()
        in_work.remove(key)
        return Result()

    bench = Bench(work, workers=2)
    running = asyncio.create_task(bench.controller.run())
    for key in (A, B, C):
        bench.queue.add(key)
    await bench.clock.advance(0)
    bench.queue.add(A)
    gate.set()
    await bench.clock.advance(0)
    assert most == 2
    assert sorted(bench.reports.done) == [A, A, B, C]
    await bench.ends(running)


async def test_stopping_lets_work_in_flight_end_and_takes_up_no_more() -> None:
    gate = asyncio.Event()

    async def work(_: Key) -> Result:
        await gate.wait()
        return Result()

    bench = Bench(work, workers=1)
    running = asyncio.create_task(bench.controller.run())
    bench.queue.add(A)
    bench.queue.add(B)
    await bench.clock.advance(0)
    bench.controller.stop(grace=10)
    await bench.clock.advance(5)
    assert not running.done()
    gate.set()
    await running
    assert (bench.reports.done, bench.queue.depth) == ([A], 1)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_stopping_cuts_off_what_hangs_after_the_grace() -> None:
    async def work(_: Key) -> Result:
        await asyncio.Event().wait()
        return Result()

    bench = Bench(work)
    running = asyncio.create_task(bench.controller.run())
    bench.queue.add(A)
    await bench.clock.advance(0)
    bench.controller.stop(grace=10)
    await bench.clock.advance(10)
    await running
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_losing_the_lease_puts_the_work_in_flight_back_into_the_queue() -> None:
    hang = asyncio.Event()

    async def work(_: Key) -> Result:
        await hang.wait()
        return Result()

    bench = Bench(work, workers=1)
    running = asyncio.create_task(bench.controller.run())
    bench.queue.add(A)
    bench.queue.add(B)
    await bench.clock.advance(0)
    running.cancel()
    await asyncio.wait({running})
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert bench.queue.depth == 2

    hang.set()
    again = asyncio.create_task(bench.controller.run())
    await bench.clock.advance(0)
    assert sorted(bench.reports.done) == [A, B]
    await bench.ends(again)

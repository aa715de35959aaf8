"""Two workers on one session undo each other's writes; a key that is lost is a session that nobody looks at."""

import asyncio
from datetime import timedelta

import pytest

from amalthea.engine.backoff import Backoff
from amalthea.engine.work.queue import Priority, WorkQueue
from amalthea.testing.clock import START, FakeClock
from tests.unit.engine.things import Half

A, B, C = ("ns", "a"), ("ns", "b"), ("ns", "c")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def queue(clock: FakeClock) -> WorkQueue:
    return WorkQueue(clock, Backoff(Half(), base=1.0, factor=2.0, cap=8.0))


def later(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


async def taken(queue: WorkQueue) -> list[str]:
    """Take all that is ready, as so many workers."""
    return [(await queue.get())[1] for _ in range(queue.depth)]


async def test_a_key_added_twice_is_handed_out_once(queue: WorkQueue) -> None:
    queue.add(A)
    queue.add(B)
    queue.add(A)
    assert await taken(queue) == ["a", "b"]


async def test_a_key_that_is_dropped_is_not_handed_out(queue: WorkQueue, clock: FakeClock) -> None:
    for key in (A, B):
        queue.add_after(key, 5)
        queue.add(key)
    queue.drop(A)
    assert await taken(queue) == ["b"]
    queue.done(B)
    await clock.advance(5)
    assert queue.resting


async def test_a_key_in_work_is_not_given_to_a_second_worker(queue: WorkQueue) -> None:
    queue.add(A)
    await queue.get()
    queue.add(A)
    queue.add(A)
    assert queue.depth == 0
    queue.done(A)
    assert await taken(queue) == ["a"]
    queue.done(A)
    assert queue.depth == 0


async def test_a_key_that_a_user_waits_for_goes_first(queue: WorkQueue) -> None:
    queue.add(A)
    queue.add(B)
    queue.add(B, Priority.USER)
    queue.add(B, Priority.BACKGROUND)
    queue.add(C, Priority.NEWS)
    assert await taken(queue) == ["b", "a", "c"]


async def test_urgency_is_kept_for_a_key_that_is_in_work(queue: WorkQueue) -> None:
    queue.add(A)
    await queue.get()
    queue.add(B)
    queue.add(C)
    queue.add(A, Priority.BACKGROUND)
    queue.add(A, Priority.USER)
    queue.add(A, Priority.BACKGROUND)
    queue.done(A)
    assert await taken(queue) == ["b", "a", "c"]  # B has waited longest, and each other turn goes by that


async def test_every_waiting_worker_gets_a_key_of_its_own(queue: WorkQueue) -> None:
    workers = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    for key in (A, B, C):
        queue.add(key)
    assert sorted(await asyncio.gather(*workers)) == [A, B, C]


async def test_a_worker_that_gives_up_waiting_takes_no_key_with_it(queue: WorkQueue) -> None:
    impatient, patient = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add(A)
    impatient.cancel()
    assert await patient == A


async def test_the_earliest_due_time_wins(queue: WorkQueue, clock: FakeClock) -> None:
    queue.add_at(A, START + later(30))
    queue.add_at(A, START + later(10))
    queue.add_at(A, START + later(20))
    await clock.advance(9.9)
    assert queue.depth == 0
    await clock.advance(0.2)
    assert await taken(queue) == ["a"]
    queue.done(A)
    await clock.advance(3600)
    assert queue.depth == 0


async def test_a_due_time_in_the_past_is_due_now(queue: WorkQueue, clock: FakeClock) -> None:
    queue.add_at(A, START - later(1))
    await clock.advance(0)
    assert await taken(queue) == ["a"]


async def test_a_look_at_a_key_settles_its_due_time(queue: WorkQueue, clock: FakeClock) -> None:
    queue.add_at(A, START + later(10))
    queue.add(A)
    await taken(queue)
    queue.done(A)
    assert clock.next_due is None


async def test_a_cancelled_timer_never_wakes(queue: WorkQueue, clock: FakeClock) -> None:
    queue.add_after(A, 10)
    queue.cancel_timer(A)
    queue.cancel_timer(A)
    await clock.advance(20)
    assert queue.depth == 0


async def test_a_deadline_is_kept_when_the_machine_was_suspended(queue: WorkQueue, clock: FakeClock) -> None:
    queue.add_at(A, START + later(7200))
    clock.set_wall_clock(7000)
    await clock.advance(601)
    assert await taken(queue) == ["a"]


async def test_a_deadline_does_not_come_early_when_the_clock_is_set_back(queue: WorkQueue, clock: FakeClock) -> None:
    queue.add_at(A, START + later(60))
    clock.set_wall_clock(-100)
    await clock.advance(100)
    assert queue.depth == 0
    await clock.advance(61)
    assert await taken(queue) == ["a"]


async def test_an_idle_queue_asks_nothing_of_the_clock(queue: WorkQueue, clock: FakeClock) -> None:
    worker = asyncio.create_task(queue.get())
    await clock.advance(3600)
    assert clock.next_due is None
    worker.cancel()


async def test_failures_in_a_row_wait_longer_each_time(queue: WorkQueue, clock: FakeClock) -> None:
    delays = []
    for _ in range(5):
        queue.add(A)
        await queue.get()
        delays.append(queue.retry(A))
        queue.done(A)
    queue.forget(A)
    delays += [queue.retry(A), queue.retry(B, at_least=50)]
    assert delays == [1, 2, 4, 8, 8, 1, 50]
    await clock.advance(1.1)
    assert await taken(queue) == ["a"]


async def test_keys_that_failed_while_the_server_was_away_are_tried_as_soon_as_it_is_back(
    queue: WorkQueue, clock: FakeClock
) -> None:
    for _ in range(5):
        for key in (A, B):
            queue.add(key)
            queue.retry(await queue.get())
            queue.done(key)
    queue.add(B)
    queue.add(C)
    assert queue.depth == 2
    assert await queue.get() == B
    queue.hasten()
    assert await taken(queue) == ["c", "a"]  # and B again, once it is done
    queue.done(B)
    assert await taken(queue) == ["b"]
    assert queue.retry(B) == 1.0
    await clock.advance(0.5)
    assert queue.depth == 0


async def test_a_conflict_comes_back_at_once_and_then_more_slowly(queue: WorkQueue) -> None:
    queue.add(A, Priority.USER)
    queue.add(B, Priority.USER)
    await queue.get()
    assert queue.retry_now(A) == 0
    queue.done(A)
    assert await taken(queue) == ["b", "a"]
    assert queue.retry_now(A) > 0

"""Two operators that act at once fight over every session; none that acts leaves them all alone."""

import asyncio
import random
from dataclasses import replace

import pytest

from amalthea.engine.lease.elector import Candidate, Elector
from amalthea.engine.lease.lease_store import LeaseRecord
from amalthea.testing.clock import FakeClock
from tests.unit.engine.lease.lease_fakes import Lease, Network, Process
from tests.unit.engine.things import Half, LeaseReports


async def test_the_first_leads_and_the_second_waits(clock: FakeClock, lease: Lease) -> None:
    first = Process("first", lease, clock)
    await clock.advance(1)
    second = Process("second", lease, clock)
    await clock.advance(600)
    assert (first.working, second.working) == (1, 0)
    assert (first.elector.leading, second.elector.leading) == (True, False)
    assert lease.record is not None
    assert (lease.record.holder, lease.record.duration, lease.record.transitions) == ("first", 15, 0)
    assert lease.record.renewed is not None
    assert (clock.now() - lease.record.renewed).total_seconds() <= 2
    await first.stop()
    await second.stop()


@pytest.mark.parametrize("mood", ["down", "hang", "late"])
async def test_the_leader_stops_before_another_may_begin(clock: FakeClock, lease: Lease, mood: str) -> None:
    first = Process("first", lease, clock)
    await clock.advance(5)
    second = Process("second", lease, clock)
    await clock.advance(5)
    first.network.mood = mood
    stopped = begun = 0.0
    while not begun:
        await clock.advance(0.25)
        assert first.working + second.working <= 1
        stopped = stopped or (0.0 if first.working else clock.monotonic())
        begun = clock.monotonic() if second.working else 0.0
    assert begun - stopped >= 4
    assert begun <= 40
    await second.stop()
    await first.stop()


@pytest.mark.parametrize("seed", range(8))
async def test_never_two_at_once_whatever_the_network_and_the_clocks_do(
    clock: FakeClock, lease: Lease, seed: int
) -> None:
    chance = random.Random(seed)
    processes = [Process(name, lease, clock, skew) for name, skew in (("a", -3600), ("b", 0), ("c", 7200))]
    led = set()
    for _ in range(60):
        for process in processes:
            process.network.mood = chance.choice(["ok", "ok", "ok", "down", "hang", "late"])
        for _ in range(chance.randrange(1, 40)):
            await clock.advance(0.5)
            assert sum(process.working for process in processes) <= 1
            assert sum(process.elector.leading for process in processes) <= 1
            led |= {process.identity for process in processes if process.working}
    assert len(led) > 1
    for process in processes:
        await process.stop()


async def test_a_restarted_container_takes_its_own_lease_back_at_once(clock: FakeClock, lease: Lease) -> None:
    first = Process("operator-0", lease, clock)
    await clock.advance(1)
    first.kill()
    await clock.advance(0)
    again = Process("operator-0", lease, clock)
    await clock.advance(0)
    assert again.working == 1
    assert lease.record is not None
    assert lease.record.transitions == 0
    await again.stop()


async def test_a_lease_that_was_edited_to_last_for_decades_is_taken_in_the_end(clock: FakeClock, lease: Lease) -> None:
    lease.write(LeaseRecord("gone", 2**31 - 1, None, None, 0))
    second = Process("second", lease, clock)
    await clock.advance(299)
    assert second.working == 0
    await clock.advance(6)
    assert second.working == 1
    await second.stop()


async def test_a_stopped_leader_releases_the_lease_for_the_next(clock: FakeClock, lease: Lease) -> None:
    first, second = Process("first", lease, clock), Process("second", lease, clock)
    await clock.advance(5)
    leader, follower = (first, second) if first.working else (second, first)
    await leader.stop()
    assert [record.duration for _, record in lease.history if record and not record.holder] == [1]
    await clock.advance(2.5)
    assert follower.working == 1
    assert lease.record is not None
    assert lease.record.transitions == 1
    assert (leader.reports.leads, follower.reports.leads) == ([True, False], [True])
    await follower.stop()


async def test_the_lease_is_not_released_before_the_work_has_ended(clock: FakeClock, lease: Lease) -> None:
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await clock.sleep(1)
            seen.append(lease.record.holder if lease.record else "nobody")

    elector = Elector(Network(lease, clock), Candidate("me"), clock, Half(), LeaseReports())
    running = asyncio.create_task(elector.run(work))
    await clock.advance(1)
    running.cancel()
    await clock.advance(2)
    assert running.cancelled()
    assert seen == ["me"]
    assert lease.record is not None
    assert lease.record.holder == ""


async def test_the_leader_survives_an_outage_shorter_than_the_deadline(clock: FakeClock, lease: Lease) -> None:
    process = Process("only", lease, clock)
    await clock.advance(5)
    process.network.mood = "down"
    await clock.advance(6)
    process.network.mood = "ok"
    await clock.advance(60)
    assert (process.working, process.starts) == (1, 1)
    assert process.reports.errors
    await process.stop()


async def test_a_server_that_does_not_answer_is_named_as_the_reason(clock: FakeClock, lease: Lease) -> None:
    process = Process("only", lease, clock)
    process.network.mood = "hang"
    await clock.advance(6)
    assert process.reports.errors == ["TimeoutError('no answer within 5.0 s')"]
    await process.stop()


async def test_after_a_long_outage_the_work_begins_again(clock: FakeClock, lease: Lease) -> None:
    process = Process("only", lease, clock)
    await clock.advance(5)
    process.network.mood = "down"
    await clock.advance(3600)
    assert (process.working, process.elector.leading) == (0, False)
    process.network.mood = "ok"
    await clock.advance(3)
    assert (process.working, process.starts) == (1, 2)
    await process.stop()


async def test_a_candidate_keeps_trying_while_there_is_no_server(clock: FakeClock, lease: Lease) -> None:
    process = Process("only", lease, clock)
    process.network.mood = "down"
    await clock.advance(600)
    assert 200 <= len(process.reports.errors) <= 301
    process.network.mood = "ok"
    await clock.advance(3)
    assert process.working == 1
    await process.stop()


async def test_a_leader_whose_lease_was_taken_by_force_stops_at_its_next_look(clock: FakeClock, lease: Lease) -> None:
    process = Process("first", lease, clock)
    await clock.advance(5)
    assert lease.record is not None
    lease.write(replace(lease.record, holder="somebody"))
    await clock.advance(2)
    assert process.working == 0
    await process.stop()
    assert lease.record.holder == "somebody"


async def test_a_deleted_lease_is_made_anew_by_its_leader(clock: FakeClock, lease: Lease) -> None:
    process = Process("first", lease, clock)
    await clock.advance(5)
    lease.remove()
    await clock.advance(2)
    assert (process.working, process.starts) == (1, 1)
    assert lease.record is not None
    await process.stop()


async def test_a_leader_that_has_resigned_and_loses_the_lease_does_not_take_it_again(
    clock: FakeClock, lease: Lease
) -> None:
    process = Process("first", lease, clock)
    await clock.advance(5)
    process.elector.resign()
    await clock.advance(60)
    assert process.working == 1
    process.network.mood = "down"
    await clock.advance(11)
    process.network.mood = "ok"
    await clock.advance(60)
    assert (process.working, process.starts, process.task.done()) == (0, 1, True)


@pytest.mark.parametrize("defect", [None, RuntimeError("broken")])
async def test_when_the_work_ends_the_lease_is_released(
    clock: FakeClock, lease: Lease, defect: Exception | None
) -> None:
    async def work() -> None:
        if defect:
            raise defect

    elector = Elector(Network(lease, clock), Candidate("me"), clock, Half(), LeaseReports())
    running = asyncio.create_task(elector.run(work))
    await clock.advance(1)
    assert running.exception() is defect
    assert lease.record is not None
    assert lease.record.holder == ""


@pytest.mark.parametrize(
    ("identity", "duration", "renew_deadline", "retry"),
    [("", 15, 10, 2), ("me", 10, 10, 2), ("me", 15, 2, 2), ("me", 15, 10, 0)],
)
def test_times_that_cannot_keep_two_leaders_apart_are_refused(
    identity: str, duration: float, renew_deadline: float, retry: float
) -> None:
    with pytest.raises(ValueError, match="needs"):
        Candidate(identity, duration, renew_deadline, retry)

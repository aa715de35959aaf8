"""A standby that waits for its next look leaves all sessions alone that long; one that cannot watch must look still."""

import asyncio
from dataclasses import replace

import pytest

from amalthea.engine.lease.elector import Candidate, Elector
from amalthea.engine.lease.lease_store import LeaseRecord
from amalthea.testing.clock import FakeClock
from tests.unit.engine.lease.lease_fakes import Lease, Network, Process
from tests.unit.engine.things import Half, LeaseReports

MINUTE = 60.0


async def two(lease: Lease, clock: FakeClock, watches: str = "ok") -> tuple[Process, Process]:
    """Return a leader and one that stands by."""
    leader = Process("leader", lease, clock)
    await clock.advance(1)
    standby = Process("standby", lease, clock)
    standby.network.watches = watches
    await clock.advance(11)
    assert (leader.working, standby.working) == (1, 0)
    return leader, standby


async def seconds_until_it_leads(standby: Process, clock: FakeClock, within: float = 60.0) -> float:
    begun = clock.monotonic()
    while not standby.working and clock.monotonic() - begun < within:
        await clock.advance(0.1)
    return clock.monotonic() - begun


async def test_a_released_lease_is_taken_at_once(clock: FakeClock, lease: Lease) -> None:
    leader, standby = await two(lease, clock)
    await leader.stop()
    assert await seconds_until_it_leads(standby, clock) < 0.2
    await standby.stop()


async def test_a_deleted_lease_is_not_taken_while_its_holder_may_still_act(clock: FakeClock, lease: Lease) -> None:
    leader, standby = await two(lease, clock)
    leader.network.mood = "hang"
    await clock.advance(4)
    lease.remove()
    while leader.working:
        assert standby.working == 0
        await clock.advance(0.2)
    assert standby.working == 0
    await clock.advance(15)
    assert (leader.working, standby.working) == (0, 1)
    await standby.stop()


async def test_the_lease_of_a_killed_leader_is_taken_when_it_has_run_out(clock: FakeClock, lease: Lease) -> None:
    leader, standby = await two(lease, clock)
    leader.kill()
    assert 13 <= await seconds_until_it_leads(standby, clock) <= 16
    await standby.stop()


@pytest.mark.parametrize(
    ("watches", "within"), [("refused", 2.5), ("ended", 2.5), ("hang", 4.9), ("silent", 4.9)], ids=str
)
async def test_without_a_watch_a_release_is_found_by_looking(
    clock: FakeClock, lease: Lease, watches: str, within: float
) -> None:
    leader, standby = await two(lease, clock, watches)
    await leader.stop()
    assert await seconds_until_it_leads(standby, clock) <= within
    await standby.stop()


@pytest.mark.parametrize("watches", ["refused", "ended", "hang", "silent"])
async def test_without_a_watch_a_killed_leader_is_followed_not_much_later(
    clock: FakeClock, lease: Lease, watches: str
) -> None:
    leader, standby = await two(lease, clock, watches)
    leader.kill()
    assert 13 <= await seconds_until_it_leads(standby, clock) <= 15 + 4.9
    await standby.stop()


async def test_a_watch_that_falls_silent_is_made_anew(clock: FakeClock, lease: Lease) -> None:
    leader, standby = await two(lease, clock)
    standby.network.watches = "silent"
    await clock.advance(5)
    standby.network.watches = "ok"
    await clock.advance(5)
    await leader.stop()
    assert await seconds_until_it_leads(standby, clock) < 0.2
    await standby.stop()


async def test_a_quiet_standby_asks_for_nothing(clock: FakeClock, lease: Lease) -> None:
    leader, standby = await two(lease, clock)
    standby.network.asked.clear()
    await clock.advance(10 * MINUTE)
    assert standby.network.asked == []
    await standby.stop()
    await leader.stop()


async def test_a_standby_that_may_not_watch_asks_little_more_than_its_looks(clock: FakeClock, lease: Lease) -> None:
    leader, standby = await two(lease, clock, "refused")
    await clock.advance(5 * MINUTE)
    standby.network.asked.clear()
    await clock.advance(10 * MINUTE)
    assert standby.network.asked.count("watch") <= 15
    assert 240 <= standby.network.asked.count("get") <= 301
    assert len(standby.reports.unwatched_errors) >= 10
    await standby.stop()
    await leader.stop()


async def test_a_release_that_may_not_be_taken_does_not_lead_to_a_storm(clock: FakeClock, lease: Lease) -> None:
    leader, standby = await two(lease, clock)

    async def refused(record: LeaseRecord) -> LeaseRecord:
        raise PermissionError(record.holder)

    standby.network.update = refused  # type: ignore[method-assign]
    await leader.stop()
    standby.network.asked.clear()
    await clock.advance(MINUTE)
    assert 25 <= len(standby.network.asked) <= 35
    await standby.stop()


async def test_news_that_come_late_never_make_two_leaders(clock: FakeClock, lease: Lease) -> None:
    """A watch that repeats an old record, one of nobody's, must not make a standby take what is held."""
    leader, standby = await two(lease, clock)
    assert lease.record is not None
    lease.history.append((lease.version + 1, replace(lease.record, holder="")))
    lease.moved.set()
    standby.network.asked.clear()
    await clock.advance(MINUTE)
    assert (leader.working, standby.working) == (1, 0)
    assert len(standby.network.asked) <= 10
    await standby.stop()
    await leader.stop()


async def test_a_standby_that_is_stopped_while_it_takes_the_lease_gives_it_back(clock: FakeClock, lease: Lease) -> None:
    network = Network(lease, clock)
    elector = Elector(network, Candidate("me"), clock, Half(), LeaseReports())
    written = asyncio.Event()
    update = network.update

    async def without_an_answer(record: LeaseRecord) -> LeaseRecord:
        await update(record)
        written.set()
        network.update = update  # type: ignore[method-assign]
        await asyncio.Event().wait()
        raise AssertionError

    network.update = without_an_answer  # type: ignore[method-assign]
    running = asyncio.create_task(elector.run(asyncio.Event().wait))  # type: ignore[arg-type]
    await written.wait()
    running.cancel()
    await asyncio.wait({running})
    assert lease.record is not None
    assert lease.record.holder == ""

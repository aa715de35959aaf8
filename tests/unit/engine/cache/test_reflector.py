"""A reflector that dies, or holds on to what is gone, leaves the operator blind. Faults over HTTP: tests/unit/kube."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from amalthea.engine.backoff import Backoff
from amalthea.engine.cache.reflector import Reflector
from amalthea.engine.cache.store import Store
from amalthea.engine.ports import EventType, Expired, Listed, Refused, WatchEvent
from amalthea.operator.inputs.cache import BLIND_AFTER
from amalthea.testing.clock import FakeClock
from tests.unit.engine.things import Half, Thing, WatchReports, changed, deleted, listed, thing


@dataclass
class Script:
    """A source that gives its lists and watches one after the other, then hangs.

    An exception is raised, and a number is a time in seconds in which nothing comes.
    """

    lists: list[Listed[Thing] | Exception]
    watches: list[list[WatchEvent[Thing] | Exception | float]]
    clock: FakeClock = field(default_factory=FakeClock)
    asked: list[str] = field(default_factory=list)
    name: str = "things"
    away_from: float = math.inf
    away_until: float = math.inf

    def _connect(self, request: str) -> None:
        self.asked.append(request)
        if self.away_from <= self.clock.monotonic() < self.away_until:
            raise Refused("refused")

    async def list(self) -> Listed[Thing]:
        self._connect("list")
        answer = self.lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @asynccontextmanager
    async def watch(self, resource_version: str) -> AsyncIterator[AsyncIterator[WatchEvent[Thing]]]:
        self._connect(f"watch {resource_version}")
        yield self._events()

    async def _events(self) -> AsyncIterator[WatchEvent[Thing]]:
        if not self.watches:
            await asyncio.Event().wait()
        for event in self.watches.pop(0):
            if isinstance(event, Exception):
                raise event
            if isinstance(event, float):
                await self.clock.sleep(event)
            else:
                yield event


@dataclass
class Run:
    script: Script
    store: Store[Thing] = field(default_factory=Store)
    reports: WatchReports = field(default_factory=WatchReports)

    @property
    def clock(self) -> FakeClock:
        return self.script.clock

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Reflector[Thing]]:
        reflector = Reflector(self.script, self.store, self.clock, Backoff(Half()), self.reports)
        task = asyncio.create_task(reflector.run())
        try:
            yield reflector
        finally:
            assert not task.done()
            task.cancel()
            await asyncio.wait({task})


async def test_nothing_is_ready_before_the_first_list() -> None:
    run = Run(Script([RuntimeError("down"), listed(10, thing("a", 5))], []))
    async with run.running() as reflector:
        await run.clock.advance(0.5)
        assert not reflector.synced.is_set()
        await run.clock.advance(1)
        assert reflector.synced.is_set()
        assert (len(run.store), run.reports.counts, run.reports.errors) == (1, [1], ["things: down"])


async def test_who_needs_to_know_now_does_not_wait_for_a_backoff() -> None:
    run = Run(Script([*[RuntimeError("down")] * 5, listed(10, thing("a", 5))], []))
    async with run.running() as reflector:
        while len(run.script.asked) < 5:
            await run.clock.advance(0.1)
        await run.clock.advance(1)
        assert not reflector.synced.is_set()
        reflector.renew()
        await run.clock.advance(0)
        assert reflector.synced.is_set()


async def test_a_watch_goes_on_from_the_last_version_it_saw() -> None:
    run = Run(Script([listed(10)], [[changed("a", 11), deleted("a", 12)], [changed("b", 15)]]))
    async with run.running():
        await run.clock.advance(10)
        assert run.script.asked == ["list", "watch 10", "watch 12", "watch 15"]
        assert run.reports.events == 3


async def test_how_long_a_server_has_been_silent_is_known() -> None:
    down = [RuntimeError("down")] * 100
    run = Run(Script([listed(10)], [[changed("a", 11), 20.0, changed("a", 12), 50.0]]))
    async with run.running() as reflector:
        assert reflector.silent_for == math.inf
        await run.clock.advance(0)
        assert reflector.silent_for == 0
        await run.clock.advance(19)
        assert reflector.silent_for == 19
        await run.clock.advance(11)
        assert reflector.silent_for == 10  # since the second event
    run = Run(Script([listed(10), *down], [[Expired()]]))
    async with run.running() as reflector:
        await run.clock.advance(200)
        assert reflector.silent_for == 200


async def test_a_server_whose_data_were_restored_is_listed_again_though_its_bookmarks_come() -> None:
    """It takes the watch, sends bookmarks, and tells no change until its versions have passed the one of the watch."""
    older: WatchEvent[Thing] = WatchEvent(EventType.BOOKMARK, "8")
    run = Run(Script([listed(10, thing("gone", 9)), listed(8)], [[60.0, older, 600.0]]))
    async with run.running():
        await run.clock.advance(65)
        assert run.script.asked == ["list", "watch 10", "list", "watch 8"]
        assert len(run.store) == 0


async def test_a_server_that_expires_every_watch_is_not_listed_without_pause() -> None:
    run = Run(Script([listed(10)] * 100, [[Expired()]] * 100))
    async with run.running():
        await run.clock.advance(60)
        assert run.script.asked.count("list") <= 8


async def test_a_server_that_ends_each_watch_after_an_event_is_not_asked_without_pause() -> None:
    run = Run(Script([listed(10)], [[changed("a", version)] for version in range(11, 200)]))
    async with run.running():
        await run.clock.advance(60)
        assert len(run.script.asked) <= 62
        assert run.reports.errors == []


async def test_quiet_watches_are_not_failures_and_leave_the_next_error_the_first() -> None:
    quiet: list[WatchEvent[Thing] | Exception | float] = [90.0]
    run = Run(Script([listed(10)] * 21, [quiet] * 20 + [[RuntimeError("down")]]))
    async with run.running():
        await run.clock.advance(90 * 20 + 2)
        assert run.script.asked == ["list", "watch 10"] * 21 + ["watch 10"]
        assert run.reports.delays == [pytest.approx(1.2)]


async def test_a_watch_that_only_begins_does_not_make_the_store_look_fresh() -> None:
    run = Run(Script([listed(10), RuntimeError("down")], [[40.0], [40.0], [40.0]]))
    async with run.running() as reflector:
        await run.clock.advance(60)
        assert run.script.asked == ["list", "watch 10", "watch 10"]
        assert reflector.silent_for == 60


async def test_a_server_that_sends_nothing_on_its_watches_is_listed_again_before_the_store_is_too_old() -> None:
    quiet: list[WatchEvent[Thing] | Exception | float] = [90.0]
    run = Run(Script([listed(10)] * 20, [quiet] * 20))
    async with run.running() as reflector:
        for _ in range(60):
            await run.clock.advance(10)
            assert reflector.silent_for < BLIND_AFTER


async def test_a_server_that_was_away_is_followed_again_within_two_seconds() -> None:
    """However long it was away: nobody takes the connection, so trying costs nobody anything."""
    for seconds in (3.0, 20.0, 60.0, 600.0):
        run = Run(Script([listed(10)], [[changed("a", 11)]]))
        run.script.away_from, run.script.away_until = 0.5, seconds
        async with run.running():
            await run.clock.advance(seconds)
            tries = len(run.script.asked)
            assert run.reports.returns == 0
            await run.clock.advance(2)
            assert run.script.asked[-1] == "watch 11"
            assert run.reports.returns == 1
        assert tries <= 3 + seconds
        assert run.reports.errors == ["things: refused"]  # a line, not thousands


async def test_an_error_of_a_server_that_has_come_back_is_the_first_one() -> None:
    run = Run(Script([listed(10)], [[RuntimeError("starting")], [RuntimeError("starting")]]))
    run.script.away_from, run.script.away_until = 0.0, 60.0
    run.script.lists = [listed(10)]
    async with run.running():
        await run.clock.advance(61)
        assert run.reports.delays == [1.5, 1.2]
        await run.clock.advance(1)
        assert run.reports.delays == [1.5, 1.2, 4.8]


async def test_a_defect_in_a_listener_does_not_blind_the_operator(caplog: pytest.LogCaptureFixture) -> None:
    run = Run(Script([listed(10)], [[changed("bad", 11)], [changed("good", 12)]]))

    def listen(_: Thing | None, new: Thing | None) -> None:
        if new is not None and new.metadata.name == "bad":
            raise KeyError("defect")

    run.store.on_change(listen)
    async with run.running():
        await run.clock.advance(10)
        assert run.store.get(("ns", "good")) is not None
        assert len(run.reports.errors) == 1
    assert caplog.records == []


async def test_a_watch_that_may_be_dead_is_opened_anew_from_where_it_was() -> None:
    run = Run(Script([listed(10)], [[changed("a", 11), 600.0], [changed("b", 12), 600.0], [600.0]]))
    async with run.running() as reflector:
        live = [reflector.live]
        await run.clock.advance(30)
        live.append(reflector.live)
        reflector.renew()
        live.append(reflector.live)
        await run.clock.advance(0)
        live.append(reflector.live)
        assert live == [False, True, False, True]
        assert run.script.asked == ["list", "watch 10", "watch 11"]
        assert len(run.store) == 2
    assert run.reports.errors == []


async def test_a_watch_that_is_expired_is_not_live_before_the_next_one() -> None:
    run = Run(Script([listed(10), listed(20)], [[Expired()], [600.0]]))
    async with run.running() as reflector:
        live = []
        for seconds in (0, 30):
            await run.clock.advance(seconds)
            live.append(reflector.live)
        assert live == [False, True]

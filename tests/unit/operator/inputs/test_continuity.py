"""Time in which nobody looked must never count as idle: a computation that ended a minute ago would be paused."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

import msgspec
import pytest

from amalthea.kube.client import Client
from amalthea.model.times import rfc3339
from amalthea.model.views import decoding
from amalthea.model.views.objects import SessionView
from amalthea.model.views.usage import VALID
from amalthea.operator.inputs.continuity import Continuity
from amalthea.testing.api_server import faults
from amalthea.testing.api_server.api import FakeApi
from tests.unit.operator.inputs.test_usage_poller import LIMIT, ONE, Desk
from tests.unit.operator.test_reconcile_door import START, Life

MINUTE, HOUR, BETWEEN = timedelta(minutes=1), timedelta(hours=1), VALID * 5 / 6
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
Until: TypeAlias = datetime | None


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


def idle(since: datetime | None) -> SessionView:
    status = {"idle": since is not None, "idleSince": rfc3339(since) if since is not None else None}
    metadata = {"name": "one", "namespace": "ns", "uid": "u", "resourceVersion": "1"}
    return decoding.session(msgspec.json.encode({"metadata": metadata, "spec": {}, "status": status}))


@pytest.mark.parametrize(
    ("watched_until", "idle_from"),
    [
        (NOW - 15 * timedelta(seconds=1), NOW - HOUR + timedelta(seconds=15)),
        (NOW + MINUTE, NOW - HOUR),
        (NOW + HOUR, NOW),
        (NOW - VALID, NOW),
        (NOW - 3 * HOUR, NOW),
        (None, NOW),
    ],
    ids=["a fail-over", "a clock ahead", "a clock far ahead", "minutes", "hours", "unknown"],
)
def test_a_short_gap_is_left_out_and_a_long_one_begins_anew(watched_until: Until, idle_from: datetime) -> None:
    continuity = Continuity()
    continuity.begin_term([idle(NOW - HOUR)], NOW, watched_until)
    assert continuity.idle_from(ONE) == idle_from


def test_an_idle_time_at_the_end_of_all_years_does_not_end_the_term() -> None:
    continuity = Continuity()
    continuity.begin_term([idle(datetime.max.replace(tzinfo=UTC))], NOW, NOW - MINUTE)
    assert continuity.idle_from(ONE) == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_a_session_that_was_not_idle_is_not_restricted() -> None:
    continuity = Continuity()
    continuity.begin_term([idle(None)], NOW, None)
    assert continuity.idle_from(ONE) is None


def test_a_gap_in_the_measurements_begins_anew_and_a_late_one_does_not() -> None:
    continuity = Continuity()
    for at in (NOW, NOW + VALID - MINUTE, NOW + VALID - 2 * MINUTE, NOW + VALID + MINUTE):
        continuity.measured(ONE, at)
    assert continuity.idle_from(ONE) is None
    continuity.measured(ONE, NOW + 2 * HOUR)
    assert continuity.idle_from(ONE) == NOW + 2 * HOUR
    continuity.forget(ONE)
    assert continuity.idle_from(ONE) is None


async def test_an_outage_of_the_metrics_begins_the_idle_time_anew(api: FakeApi) -> None:
    async with Client(api.config) as client:
        desk = Desk(client)
        desk.poller.follow(ONE, LIMIT)
        desk.measure(api, "10m")
        await desk.poller.poll()
        await desk.clock.advance(HOUR.total_seconds())
        desk.measure(api, "10m")
        await desk.poller.poll()
        assert desk.poller.continuity.idle_from(ONE) == desk.clock.now()


async def test_a_session_is_not_paused_for_what_happened_while_no_operator_looked(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Life(api, client)
        await life.begin()
        await life.until(START + HOUR)
        await life.clock.advance(3 * HOUR.total_seconds())
        life.worked_at = lambda: START
        life.restart()
        await life.loop.begin_term(watched_until=START + HOUR)
        await life.until(START + 4 * HOUR + MINUTE)
        assert not life.paused
        assert life.session["status"]["idleSince"] == rfc3339(START + 4 * HOUR)
        await life.until(START + 6 * HOUR + MINUTE)
        assert life.paused


async def test_a_fail_over_costs_no_session_its_idle_time(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Life(api, client)
        await life.begin()
        await life.until(START + HOUR)
        await life.clock.advance(15)
        life.restart()
        await life.loop.begin_term(watched_until=START + HOUR)
        await life.until(START + HOUR + MINUTE)
        assert life.session["status"]["idleSince"] == rfc3339(START + timedelta(seconds=15))


class Outage(Life):
    """A session of which nothing can be reported or known for a while."""

    async def begin(self) -> None:
        await super().begin()
        await self.polled_for(HOUR)
        assert self.session["status"]["idleSince"] == rfc3339(START)

    async def polled_for(self, span: timedelta) -> None:
        """Let time pass, with a poll of the metrics API as often as it takes for nothing to be unknown."""
        for _ in range(round(span / BETWEEN)):
            self.loop.poll()
            await self.until(self.clock.now() + BETWEEN)


@pytest.mark.parametrize("poll_first", [True, False], ids=["the poll comes first", "the pass comes first"])
async def test_an_outage_of_all_signals_is_not_idle_time(api: FakeApi, *, poll_first: bool) -> None:
    async with Client(api.config) as client:
        life = Outage(api, client)
        await life.begin()
        life.loop.cpu = None
        await life.clock.advance(3 * HOUR.total_seconds())  # whatever is asked hangs
        if poll_first:
            life.loop.cpu = Decimal(0)
            life.loop.poll()
            await life.until(life.clock.now() + MINUTE)
        else:
            life.loop.wake()
            await life.until(life.clock.now() + MINUTE)
            life.loop.cpu = Decimal(0)
        back = life.clock.now()
        await life.polled_for(30 * MINUTE)
        assert not life.paused
        assert datetime.fromisoformat(life.session["status"]["idleSince"]) >= back - MINUTE


async def test_work_that_was_seen_and_could_not_be_recorded_is_not_idle_time(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Outage(api, client)
        await life.begin()
        api.fail("patch", faults.refuse(503, "ServiceUnavailable"))
        life.loop.cpu = Decimal(1)
        await life.polled_for(10 * MINUTE)
        life.loop.cpu = Decimal(0)
        stopped = life.clock.now()
        life.loop.poll()
        await life.until(life.clock.now() + timedelta(seconds=1))
        api.heal()
        await life.polled_for(55 * MINUTE)
        assert not life.paused
        assert not life.warned
        assert datetime.fromisoformat(life.session["status"]["idleSince"]) >= stopped - BETWEEN
        await life.until(stopped + 2 * HOUR + MINUTE)
        assert life.paused

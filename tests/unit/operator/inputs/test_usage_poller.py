"""The metrics API must be asked rarely, only where needed, and its silence must be reported as what it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from aiohttp import web

from amalthea.api import names
from amalthea.engine.ports import Key
from amalthea.kube.client import Client
from amalthea.kube.resource import Selection
from amalthea.model.times import rfc3339
from amalthea.model.views.usage import VALID
from amalthea.operator.inputs.usage_poller import UsagePoller
from amalthea.testing.api_server import faults
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Refusal
from amalthea.testing.clock import FakeClock
from amalthea.testing.waiting import eventually

KIND, ONE = "metrics.k8s.io/v1beta1/pods", ("ns", "one")
LIMIT = Decimal("0.3")
INTERVAL = 30.0


class Desk:
    """A poller, and what it reported."""

    def __init__(self, client: Client) -> None:
        self.clock = FakeClock()
        self.polled: list[datetime] = []
        self.woken: list[Key] = []
        self.poller = UsagePoller(client, Selection(None), self.clock, INTERVAL, self.polled.append)
        self.poller.wake = self.woken.append

    def measure(self, api: FakeApi, cpu: str, container: str = names.CONTAINER_SESSION, **other: object) -> None:
        metadata = {"name": "one-0", "labels": {names.LABEL_INSTANCE: "one"}}
        usage = [{"name": "authproxy", "usage": {"cpu": "7"}}, {"name": container, "usage": {"cpu": cpu}}]
        body = {"metadata": metadata, "timestamp": rfc3339(self.clock.now()), "containers": usage}
        with suppress(Refusal):
            api.objects.delete(KIND, ("ns", "one-0"), {})
        api.objects.create(KIND, "ns", body | other)

    async def look(self) -> list[Key]:
        """Poll, as `run` does once; return who was woken."""
        self.woken.clear()
        await self.poller.look()
        return list(self.woken)


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


@pytest.fixture
async def desk(api: FakeApi) -> AsyncIterator[Desk]:
    async with Client(api.config) as client:
        yield Desk(client)


async def test_a_session_is_woken_when_its_use_crosses_the_threshold_only(api: FakeApi, desk: Desk) -> None:
    desk.poller.follow(ONE, LIMIT)
    for cpu, woken in (("10m", [ONE]), ("250m", []), ("300m", [ONE]), ("4", []), ("0", [ONE])):
        desk.measure(api, cpu)
        assert await desk.look() == woken, cpu
    usage = desk.poller.of(ONE)
    assert usage is not None
    assert usage.cpu == 0


async def test_a_pod_that_one_answer_leaves_out_does_not_lose_its_idle_time(api: FakeApi, desk: Desk) -> None:
    desk.poller.follow(ONE, LIMIT)
    desk.measure(api, "10m")
    await desk.look()
    api.objects.delete(KIND, ("ns", "one-0"), {})
    assert await desk.look() == []
    assert desk.poller.of(ONE) is not None


async def test_a_session_is_woken_when_its_use_is_not_known_any_more(api: FakeApi, desk: Desk) -> None:
    desk.poller.follow(ONE, LIMIT)
    desk.measure(api, "10m")
    await desk.look()
    api.fail("list", faults.refuse(503))
    assert await desk.look() == []
    await desk.clock.advance(VALID.total_seconds())
    assert await desk.look() == [ONE]
    assert len(desk.polled) == 1


async def test_a_measurement_from_a_clock_that_is_ahead_grows_old_like_any_other(api: FakeApi, desk: Desk) -> None:
    desk.poller.follow(ONE, LIMIT)
    desk.measure(api, "10m", timestamp=rfc3339(desk.clock.now() + timedelta(days=365)))
    await desk.look()
    usage = desk.poller.of(ONE)
    assert usage is not None
    assert usage.at == desk.clock.now()
    assert not usage.valid(desk.clock.now() + VALID)


async def test_other_containers_do_not_count(api: FakeApi, desk: Desk) -> None:
    desk.poller.follow(ONE, LIMIT)
    desk.measure(api, "10m", container="amalthea-session-helper")
    await desk.look()
    assert desk.poller.of(ONE) is None


@pytest.mark.parametrize("code", [403, 404, 503])
async def test_a_missing_metrics_api_is_neither_an_error_nor_a_measurement(api: FakeApi, desk: Desk, code: int) -> None:
    api.fail("list", faults.refuse(code))
    desk.poller.follow(ONE, LIMIT)
    await desk.look()
    assert desk.poller.of(ONE) is None
    assert desk.polled == []


@pytest.mark.parametrize(
    "spoilt",
    [
        {"containers": None},
        {"containers": [{"name": names.CONTAINER_SESSION, "usage": None}]},
        {"containers": [{"name": names.CONTAINER_SESSION, "usage": {"cpu": "much"}}]},
        {"containers": [{"name": names.CONTAINER_SESSION, "usage": {"cpu": "NaN"}}]},
        {"containers": [{"name": names.CONTAINER_SESSION, "usage": {"cpu": "1e" + "9" * 300}}]},
        {"containers": [{"name": names.CONTAINER_SESSION, "usage": {"cpu": "9" * 5000}}]},
        {"containers": [{"name": names.CONTAINER_SESSION, "usage": {"cpu": 7}}]},
        {"timestamp": "0000-01-01T00:00:00Z"},
        {"metadata": {"name": "one-0", "labels": None}},
        {"timestamp": ""},
        {"timestamp": "2026-01-01T00:00:00"},
        {"timestamp": None},
    ],
    ids=lambda spoilt: str(spoilt)[:90],
)
async def test_an_unreadable_measurement_is_left_out_and_hides_no_other(
    api: FakeApi, desk: Desk, spoilt: dict[str, object]
) -> None:
    other = {"metadata": {"name": "other-0", "labels": {names.LABEL_INSTANCE: "other"}}}
    desk.measure(api, "0")
    api.objects.create(KIND, "ns", api.objects.get(KIND, ("ns", "one-0")) | other)
    desk.measure(api, "0", names.CONTAINER_SESSION, **spoilt)
    desk.poller.follow(ONE, LIMIT)
    desk.poller.follow(("ns", "other"), LIMIT)
    assert await desk.look() == [("ns", "other")]
    assert desk.poller.of(ONE) is None


@pytest.mark.parametrize("answer", ["", "no JSON", '{"items": {}}', "[]", '{"items": [7]}'])
async def test_no_answer_of_the_metrics_api_ends_the_operator(api: FakeApi, desk: Desk, answer: str) -> None:
    async def say(_: web.Request) -> web.StreamResponse:
        return web.Response(text=answer)

    desk.poller.follow(ONE, LIMIT)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(desk.poller.run())
        api.fail("list", say)
        await eventually(lambda: desk.clock.next_due is not None)
        api.heal()
        desk.measure(api, "10m")
        await desk.clock.advance(INTERVAL)
        await eventually(lambda: desk.woken == [ONE])
        running.cancel()


async def test_a_measurement_of_any_time_can_be_judged(api: FakeApi, desk: Desk) -> None:
    desk.poller.follow(ONE, LIMIT)
    for timestamp in ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"):
        desk.measure(api, "10m", timestamp=timestamp)
        await desk.look()
    assert desk.polled


async def test_nobody_is_asked_for_who_is_not_followed(api: FakeApi, desk: Desk) -> None:
    wanted = [desk.poller.wanted]
    desk.poller.follow(ONE, LIMIT)
    wanted.append(desk.poller.wanted)
    desk.poller.leave(ONE)
    wanted.append(desk.poller.wanted)
    assert wanted == [False, True, False]
    assert api.count("list") == 0


@pytest.mark.parametrize("first", ["0", "900m"])
async def test_the_busier_of_two_pods_of_a_session_counts(api: FakeApi, desk: Desk, first: str) -> None:
    desk.poller.follow(ONE, LIMIT)
    desk.measure(api, "900m" if first == "0" else "0", metadata=_pod("b"))
    desk.measure(api, first, metadata=_pod("a"))
    await desk.look()
    usage = desk.poller.of(ONE)
    assert usage is not None
    assert usage.cpu == Decimal("0.9")


async def test_a_pod_that_was_busy_long_ago_counts_for_no_other(api: FakeApi, desk: Desk) -> None:
    old = rfc3339(desk.clock.now() - VALID)
    desk.measure(api, "900m", metadata=_pod("b"), timestamp=old)
    desk.measure(api, "0", metadata=_pod("a"))
    await desk.look()
    usage = desk.poller.of(ONE)
    assert usage is not None
    assert usage.cpu == 0


def _pod(name: str) -> dict[str, object]:
    return {"name": name, "labels": {names.LABEL_INSTANCE: "one"}}


async def test_what_the_pod_before_used_says_nothing_of_the_next_one_and_the_first_measurement_wakes_it(
    api: FakeApi, desk: Desk
) -> None:
    desk.measure(api, "10m")
    desk.poller.follow(ONE, LIMIT)
    await desk.look()
    await desk.clock.advance(10)
    desk.poller.follow(ONE, LIMIT, since=desk.clock.now())
    assert await desk.look() == []
    desk.measure(api, "10m")
    assert await desk.look() == [ONE]

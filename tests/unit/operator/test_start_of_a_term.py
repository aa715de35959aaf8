"""A leader that takes over ten thousand sessions must not make one user wait for what concerns all the others."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.engine.clock import SystemClock
from amalthea.engine.ports import Key
from amalthea.engine.work.controller import Result
from amalthea.kube.client import Client
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.inputs.first_poll import PATIENCE, FirstPoll
from amalthea.operator.instance import Operator
from amalthea.operator.telemetry.metrics import OperatorMetrics
from amalthea.settings import Settings
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Refusal
from amalthea.testing.builders import session
from amalthea.testing.waiting import eventually
from tests.support.loop import PATHS
from tests.unit.operator.inputs.test_cache import LEAVING, raw
from tests.unit.operator.inputs.test_usage_poller import Desk

TEAM = "team"
IDLE: Manifest = {"state": "Running", "idle": True, "idleSince": "2026-01-01T10:00:00Z"}
ONE: Key = (TEAM, "one")


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


def made(api: FakeApi, kind: str, name: str) -> bool:
    try:
        return bool(api.objects.get(PATHS[kind], (TEAM, name)))
    except Refusal:
        return False


async def test_a_user_is_served_while_the_search_for_drift_and_the_metrics_api_hang(api: FakeApi) -> None:
    gate = asyncio.Event()

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if "limit" in request.query or "metrics.k8s.io" in request.path:
            await gate.wait()
        return None

    api.objects.create(PATHS[names.KIND], TEAM, session("idle").manifest() | {"status": IDLE})
    api.fail("list", fault)
    async with Client(api.config) as client:
        operator, stop = (
            Operator(client, Settings(namespace=None), OperatorMetrics(CollectorRegistry()), SystemClock()),
            asyncio.Event(),
        )
        running = asyncio.create_task(operator.run(stop, None))
        await eventually(lambda: any("limit" in asked.query for asked in api.asked))
        await eventually(lambda: any("metrics.k8s.io" in asked.path for asked in api.asked))
        api.objects.create(PATHS[names.KIND], TEAM, session("new").manifest())
        await eventually(lambda: made(api, "StatefulSet", "new"))
        assert not made(api, "StatefulSet", "idle")  # it is looked at when it is known what it uses
        gate.set()
        await eventually(lambda: made(api, "StatefulSet", "idle"))
        stop.set()
        await running


class Start:
    """The start of a term with one session."""

    def __init__(self, desk: Desk, **fields: object) -> None:
        self.woken: list[Key] = []
        self.looked_at: list[Key] = []
        caches = Caches(lambda *_: None)
        metadata = {"namespace": TEAM, "name": "one", "uid": "u", "resourceVersion": "1"}
        extra = fields.pop("metadata", {})
        body = {"metadata": metadata | extra, "spec": {"hibernated": False}, "status": IDLE} | fields  # type: ignore[operator]
        caches.observe(names.KIND, raw(**body))
        self.first_poll = FirstPoll(desk.poller, caches, desk.clock, lambda key, _: self.woken.append(key))
        self.first_poll.begin_term()
        self.look = self.first_poll.before(self._look)

    async def _look(self, key: Key) -> Result:
        self.looked_at.append(key)
        return Result()


@pytest.fixture
async def desk(api: FakeApi) -> AsyncIterator[Desk]:
    async with Client(api.config) as client:
        yield Desk(client)


async def test_an_idle_session_is_looked_at_once_it_is_known_what_it_uses(desk: Desk) -> None:
    start = Start(desk)
    await start.look(ONE)
    assert start.looked_at == []
    await start.first_poll.run()
    assert start.woken == [ONE]
    assert len(desk.polled) == 1
    await start.look(ONE)
    assert start.looked_at == [ONE]


@pytest.mark.parametrize(
    "fields",
    [
        {"spec": {"hibernated": True}},
        {"metadata": LEAVING},
        {"status": {"state": "Running", "idle": False}},
        {"status": {"state": "NotReady"}},
    ],
    ids=["is to be paused", "is to go", "is in use", "starts"],
)
async def test_a_session_that_needs_no_measurement_does_not_wait_for_the_poll(desk: Desk, fields: Manifest) -> None:
    start = Start(desk, **fields)
    await start.look(ONE)
    assert start.looked_at == [ONE]


async def test_a_metrics_api_that_hangs_holds_looks_back_for_seconds_only(api: FakeApi, desk: Desk) -> None:
    async def fault(_: web.Request) -> None:
        await asyncio.Event().wait()

    api.fail("list", fault)
    start = Start(desk)
    polling = asyncio.create_task(start.first_poll.run())
    await eventually(lambda: api.asked)
    await start.look(ONE)
    await desk.clock.advance(PATIENCE)
    await polling
    assert start.woken == [ONE]
    await start.look(ONE)
    assert start.looked_at == [ONE]


async def test_nobody_is_polled_for_where_nobody_is_idle(api: FakeApi, desk: Desk) -> None:
    start = Start(desk, status={"state": "Running"})
    await start.first_poll.run()
    assert api.asked == []

"""An API server that was away must find its sessions served at once, and no storm of requests."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from amalthea.api import names
from amalthea.kube.auth.config import Config
from amalthea.kube.client import Client
from amalthea.operator import process
from amalthea.operator.instance import Operator
from amalthea.operator.kinds import WATCHED
from amalthea.operator.telemetry.metrics import OperatorMetrics
from amalthea.settings import Settings
from amalthea.testing.api_server.objects import Choice, Objects
from amalthea.testing.builders import session
from amalthea.testing.clock import FakeClock
from tests.support.controllers import KINDS
from tests.support.wire import Answer, Wire, at_rest

SESSIONS, CHANGED = 200, 50
OUTAGE, BACK = 60.0, 2.5


class World:
    """Sessions, and an API server that comes and goes."""

    def __init__(self) -> None:
        self.clock = FakeClock(datetime(2026, 11, 22, 14, 0, tzinfo=UTC), at_rest)
        self.objects = Objects(self.clock.now)
        self.wire = Wire(self.objects, self.clock)
        client = Client(Config(server="http://in-this-process"))
        client.transport = self.wire
        metrics = OperatorMetrics(CollectorRegistry())
        self.operator = Operator(client, Settings(namespace=None), metrics, clock=self.clock)
        for number in range(SESSIONS):
            self.objects.create(KINDS[names.KIND], "team", session(f"s{number}").manifest())

    def pause(self, number: int) -> None:
        held = self.objects.get(KINDS[names.KIND], ("team", f"s{number}"))
        self.objects.update(
            KINDS[names.KIND], ("team", f"s{number}"), {**held, "spec": {**held["spec"], "hibernated": True}}
        )

    @property
    def stopped(self) -> int:
        found = self.objects.select(Choice(KINDS["StatefulSet"]))
        return sum(each["spec"]["replicas"] == 0 for each in found)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(process, "calm_the_garbage_collector", lambda: None)
    made, stop = World(), asyncio.Event()
    running = asyncio.create_task(made.operator.run(stop, None))
    yield made
    stop.set()
    await made.clock.advance(10)
    await running


async def test_a_request_made_while_the_api_server_went_is_done_as_soon_as_it_is_back(world: World) -> None:
    await world.clock.advance(30)
    assert world.stopped == 0
    world.wire.fault = lambda *_: Answer(0, refused=True)
    for number in range(CHANGED):
        world.pause(number)
    world.wire.hang_up()
    began = len(world.wire.sent)
    await world.clock.advance(OUTAGE)
    tried = Counter(each.request.verb for each in world.wire.sent[began:])
    assert tried["watch"] + tried["list"] <= len(WATCHED) * OUTAGE  # a connection that is refused costs nobody anything
    assert CHANGED <= tried["patch"] <= CHANGED * 2 * 5
    world.wire.fault = lambda *_: None
    await world.clock.advance(BACK)
    assert world.stopped == CHANGED
    conditions = world.objects.get(KINDS[names.KIND], ("team", "s0"))["status"]["conditions"]
    assert {each["reason"] for each in conditions if each["type"] == "ChildrenInPlace"} <= {"AllInPlace"}

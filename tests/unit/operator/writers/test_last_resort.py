"""A session on which the operator fails must be ended by its surest limits, and by no other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.kube.auth.config import Config
from amalthea.kube.client import Client
from amalthea.operator import process, reconcile
from amalthea.operator.instance import Operator
from amalthea.operator.telemetry.metrics import OperatorMetrics
from amalthea.settings import Settings
from amalthea.testing.api_server.objects import Choice, Objects
from amalthea.testing.builders import SessionBuilder, session
from amalthea.testing.clock import FakeClock
from tests.support.controllers import KINDS, Controllers
from tests.support.wire import Wire, at_rest

MINUTE, HOUR = 60.0, 3600.0
CULLING = {"maxAge": "3h", "maxHibernatedDuration": "3h", "maxIdleDuration": "10m", "maxFailedDuration": "10m"}
LIMITED = session("demo").with_spec(culling=CULLING)


class World:
    """An operator that fails on its session from some moment on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = FakeClock(datetime(2026, 11, 22, 14, 0, tzinfo=UTC), at_rest)
        self.objects = Objects(self.clock.now)
        self.controllers = Controllers(self.objects, self.clock)
        self.wire = Wire(self.objects, self.clock)
        self._monkeypatch = monkeypatch
        client = Client(Config(server="http://in-this-process"))
        client.transport = self.wire
        settings = Settings(namespace=None)
        self.operator = Operator(client, settings, OperatorMetrics(CollectorRegistry()), clock=self.clock)

    def create(self, builder: SessionBuilder) -> None:
        self.objects.create(KINDS[names.KIND], builder.namespace, builder.manifest())

    def fail_at(self, step: str) -> None:
        def defective(*_: object) -> None:
            raise ZeroDivisionError

        self._monkeypatch.setattr(reconcile, step, defective)

    @property
    def session(self) -> Manifest | None:
        return next(iter(self.objects.select(Choice(KINDS[names.KIND]))), None)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(process, "calm_the_garbage_collector", lambda: None)
    made, stop = World(monkeypatch), asyncio.Event()
    running = asyncio.create_task(made.operator.run(stop, None))
    yield made
    stop.set()
    await made.clock.advance(10)
    await running


def paused(world: World) -> bool:
    return world.session is not None and bool(world.session["spec"]["hibernated"])


@pytest.mark.parametrize("step", ["gather", "decide", "report"])
async def test_it_is_paused_for_its_age_an_hour_late_and_for_nothing_else(world: World, step: str) -> None:
    world.create(LIMITED)
    await world.clock.advance(MINUTE)
    world.fail_at(step)
    await world.clock.advance(4 * HOUR - 2 * MINUTE)
    assert not paused(world)
    await world.clock.advance(3 * MINUTE)
    assert paused(world)


@pytest.mark.parametrize("step", ["gather", "decide", "report"])
async def test_it_is_deleted_an_hour_late(world: World, step: str) -> None:
    world.create(LIMITED.paused_by("renku", "2026-11-22T14:00:00Z"))
    await world.clock.advance(MINUTE)
    world.fail_at(step)
    await world.clock.advance(4 * HOUR - 2 * MINUTE)
    assert world.session is not None
    await world.clock.advance(3 * MINUTE)
    assert world.session is None


def no_trust(world: World) -> None:
    world.clock.trusted = False


def no_sight(world: World) -> None:
    world.operator.caches.silent_for = lambda _: HOUR


@pytest.mark.parametrize("doubt", [no_trust, no_sight])
async def test_a_doubt_about_the_time_or_of_what_is_there_ends_nothing(
    world: World, doubt: Callable[[World], None]
) -> None:
    world.create(LIMITED)
    await world.clock.advance(MINUTE)
    world.fail_at("report")
    doubt(world)
    await world.clock.advance(6 * HOUR)
    assert not paused(world)

"""A replica that stands by must hear SIGTERM; one that takes over must not act on what it saw before its term."""

import asyncio
import math
from collections.abc import AsyncIterator
from copy import deepcopy

import pytest
from prometheus_client import CollectorRegistry

from amalthea.api import names
from amalthea.engine.clock import SystemClock
from amalthea.engine.work.controller import Result
from amalthea.kube.client import Client
from amalthea.operator import instance
from amalthea.operator.instance import Operator
from amalthea.operator.telemetry.metrics import OperatorMetrics
from amalthea.settings import Settings
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Choice
from amalthea.testing.builders import session
from amalthea.testing.clock import FakeClock
from amalthea.testing.waiting import eventually
from tests.support.loop import PATHS

KEY = ("team", "demo")
LEASES = "coordination.k8s.io/v1/leases"


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


class Replica:
    """An operator that stands for election."""

    def __init__(self, client: Client, identity: str) -> None:
        self.stop = asyncio.Event()
        self.operator = Operator(
            client, Settings(namespace=None, identity=identity), OperatorMetrics(CollectorRegistry()), SystemClock()
        )
        self.running = asyncio.create_task(self.operator.run(self.stop, self.operator.elector(client)))

    async def ends_within(self, seconds: float) -> None:
        self.stop.set()
        async with asyncio.timeout(seconds):
            await self.running


def holder(api: FakeApi) -> str:
    leases = api.objects.select(Choice(LEASES))
    return str(leases[0]["spec"]["holderIdentity"]) if leases else ""


def followed(api: FakeApi) -> bool:
    return any(each.verb == "watch" and "leases" in each.path for each in api.asked)


async def test_a_replica_that_stands_by_ends_within_a_second_and_takes_no_lease(api: FakeApi) -> None:
    async with Client(api.config) as one, Client(api.config) as two:
        leader = Replica(one, "a")
        await eventually(lambda: holder(api) == "a")
        standby = Replica(two, "b")
        await eventually(lambda: standby.operator.missing() == "")
        await standby.ends_within(1)
        assert holder(api) == "a"
        await leader.ends_within(5)
        assert holder(api) == ""


async def test_the_next_leader_acts_within_a_second_after_the_end_of_the_last(api: FakeApi) -> None:
    async with Client(api.config) as one, Client(api.config) as two:
        leader = Replica(one, "a")
        await eventually(lambda: holder(api) == "a")
        standby = Replica(two, "b")
        await eventually(lambda: followed(api))
        await leader.ends_within(5)
        async with asyncio.timeout(1):
            await eventually(lambda: standby.operator._at_work)
        await standby.ends_within(5)


async def test_a_leader_that_is_told_to_stop_and_loses_the_lease_meanwhile_does_not_take_it_again(
    api: FakeApi,
) -> None:
    async with Client(api.config) as client:
        replica = Replica(client, "a")
        await eventually(lambda: replica.operator._at_work)
        slow = asyncio.Event()

        async def reconcile(_: tuple[str, str]) -> None:
            slow.set()
            await asyncio.Event().wait()

        replica.operator._controller._reconcile = reconcile  # type: ignore[assignment]
        replica.operator.queue.add(("team", "slow"))
        await slow.wait()
        replica.stop.set()
        stored = api.objects.select(Choice(LEASES))[0]
        key = (stored["metadata"]["namespace"], stored["metadata"]["name"])
        stored = stored | {"spec": stored["spec"] | {"holderIdentity": "b", "leaseDurationSeconds": 1}}
        api.objects.update(LEASES, key, stored)
        async with asyncio.timeout(10):
            await replica.running
        assert holder(api) == "b"


async def test_a_leader_that_still_looks_for_drift_ends_within_a_second_and_leaves_the_lease(api: FakeApi) -> None:
    async with Client(api.config) as client:
        replica = Replica(client, "a")
        held = asyncio.Event()

        async def audit() -> None:
            held.set()
            await asyncio.Event().wait()

        replica.operator._audit.run = audit  # type: ignore[method-assign]
        await held.wait()
        await replica.ends_within(1)
        assert holder(api) == ""


async def test_a_term_begins_with_what_is_there_and_no_memory(api: FakeApi) -> None:
    async with Client(api.config) as client:
        replica = Replica(client, "a")
        replica.operator.caches._written["a child"] = "of an earlier term"
        await eventually(lambda: replica.operator.caches._written == {})
        await replica.ends_within(5)


async def test_a_standby_keeps_nothing_of_sessions_that_are_gone(api: FakeApi) -> None:
    async with Client(api.config) as one, Client(api.config) as two:
        leader = Replica(one, "a")
        await eventually(lambda: holder(api) == "a")
        standby = Replica(two, "b")
        await eventually(lambda: standby.operator.missing() == "")
        api.objects.create(PATHS[names.KIND], KEY[0], session("demo").manifest())
        await eventually(lambda: standby.operator.queue.depth == 1)
        api.objects.delete(PATHS[names.KIND], KEY, {})
        await eventually(lambda: not standby.operator.caches.sessions() and standby.operator.queue.depth == 0)
        await standby.ends_within(5)
        await leader.ends_within(5)


async def test_changes_that_a_dead_watch_missed_are_known_when_a_term_begins(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session whose pause the next leader has not heard of must not get its Ingress back."""
    monkeypatch.setattr(instance, "RECENT", 0.0)

    async def rests(_: tuple[str, str]) -> Result:
        return Result()

    async with Client(api.config) as one, Client(api.config) as two:
        leader = Replica(one, "a")
        api.objects.create(PATHS[names.KIND], KEY[0], session("demo").with_ingress().manifest())
        await eventually(lambda: len(api.objects.select(Choice(PATHS["Ingress"]))) == 1)
        await leader.operator.queue.at_rest()
        leader.operator._controller._reconcile = rests
        standby = Replica(two, "b")
        await eventually(lambda: standby.operator.missing() == "" and followed(api))
        api.deaden("amaltheasessions")
        paused = deepcopy(api.objects.get(PATHS[names.KIND], KEY))
        paused["spec"]["hibernated"] = True
        api.objects.update(PATHS[names.KIND], KEY, paused)
        api.objects.delete(PATHS["Ingress"], KEY, {})
        await eventually(lambda: standby.operator.caches.child("Ingress", KEY) is None)
        await leader.ends_within(5)
        await eventually(lambda: api.objects.get(PATHS["StatefulSet"], KEY)["spec"]["replicas"] == 0)
        assert [each.verb for each in api.asked if "/ingresses" in each.path].count("create") == 1
        await standby.ends_within(5)


class Watch:
    """A watch that has been silent for 14 s, is open `opens` seconds after it is renewed, and brings a message then."""

    def __init__(self, clock: FakeClock, opens: float, brings: float) -> None:
        self._clock, self._opens, self._brings = clock, opens, brings
        self._renewed = clock.monotonic()

    def renew(self) -> None:
        self._renewed = self._clock.monotonic()

    @property
    def live(self) -> bool:
        return self._since_renewal >= self._opens

    @property
    def silent_for(self) -> float:
        brought = self._opens + self._brings
        return self._since_renewal - brought if self._since_renewal >= brought else 14 + self._since_renewal

    @property
    def _since_renewal(self) -> float:
        return self._clock.monotonic() - self._renewed


async def test_a_watch_that_has_just_been_opened_is_given_time_to_bring_what_was_missed(api: FakeApi) -> None:
    clock = FakeClock()
    async with Client(api.config) as client:
        operator = Operator(client, Settings(namespace=None), OperatorMetrics(CollectorRegistry()), clock)
        operator._reflectors = [Watch(clock, 0.01, math.inf), Watch(clock, 0.24, 0.1)]  # type: ignore[list-item]
        renewing = asyncio.create_task(operator._renew_watches())
        await clock.advance(0.34)
        assert not renewing.done()
        while not renewing.done():
            await clock.advance(0.01)
        assert 0.34 + instance.QUIET <= clock.monotonic() < 1

"""What a deletion or a pause took must not come back while the watch of sessions is behind those of their children."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from amalthea.api import names
from amalthea.engine.ports import Stale
from amalthea.engine.work.controller import Result
from amalthea.kube.client import Client
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Choice
from amalthea.testing.builders import SessionBuilder, session
from amalthea.testing.clock import FakeClock
from tests.support.loop import PATHS, Loop, nobody

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
LATER = START + timedelta(minutes=5)
KEY = ("team", "demo")
ADOPTS = {"enabled": True, "type": "token", "secretRef": {"name": "door", "key": "auth", "adopt": True}}


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


def begin(api: FakeApi, client: Client, builder: SessionBuilder) -> Loop:
    api.objects.create(PATHS[names.KIND], KEY[0], builder.manifest())
    return Loop(api, client, FakeClock(START), KEY, nobody)


def remove_everything(api: FakeApi, loop: Loop) -> None:
    """Delete the session, unseen, and its children as the garbage collector does, seen."""
    loop.hear_nothing_of(*PATHS)
    for path in PATHS.values():
        for found in api.objects.select(Choice(path)):
            key = (found["metadata"]["namespace"], found["metadata"]["name"])
            api.objects.update(path, key, {**found, "metadata": {**found["metadata"], "finalizers": []}})
            api.objects.delete(path, key, {})
    loop.hear_nothing_of(names.KIND)


async def test_lost_children_of_a_session_that_is_gone_are_not_made_again(api: FakeApi) -> None:
    async with Client(api.config) as client:
        loop = begin(api, client, session("demo"))
        await loop.run(LATER)
        made = api.count("create")
        assert made > 0
        remove_everything(api, loop)
        with pytest.raises(Stale, match="demo is gone"):
            await loop._reconciler.reconcile(KEY)
        assert api.count("create") == made


async def test_a_session_that_is_gone_before_it_had_its_finalizer_gets_no_children(api: FakeApi) -> None:
    async with Client(api.config) as client:
        loop = begin(api, client, session("demo").with_spec(authentication=ADOPTS))
        remove_everything(api, loop)
        with pytest.raises(Stale):
            await loop._reconciler.reconcile(KEY)
        assert api.count("create") == 0


@pytest.mark.parametrize("spec", [{"authentication": ADOPTS}, {}], ids=["with a finalizer to set", "without"])
async def test_a_session_that_is_gone_unseen_is_not_made_children_over_and_over(
    api: FakeApi, spec: dict[str, object]
) -> None:
    async with Client(api.config) as client:
        loop = begin(api, client, session("demo").with_spec(**spec))
        remove_everything(api, loop)
        with suppress(Stale):
            await loop._reconciler.reconcile(KEY)
        made = api.count("create")
        remove_everything(api, loop)
        assert await loop._reconciler.reconcile(KEY) == Result()
        assert api.count("create") == made


async def test_lost_children_of_a_session_that_is_there_are_made_again(api: FakeApi) -> None:
    async with Client(api.config) as client:
        loop = begin(api, client, session("demo"))
        await loop.run(LATER)
        loop.hear_nothing_of("Service")
        api.objects.delete(PATHS["Service"], KEY, {})
        loop.hear_nothing_of()
        await loop.run(LATER)
        assert [found["metadata"]["name"] for found in api.objects.select(Choice(PATHS["Service"]))] == ["demo"]


def writes_to_children(api: FakeApi) -> list[tuple[str, str]]:
    written = [(each.verb, each.path) for each in api.asked if each.verb in ("create", "patch", "delete")]
    return [(verb, path) for verb, path in written if names.PLURAL not in path and "/events" not in path]


@pytest.mark.parametrize("builder", [session("demo").with_ingress(), session("demo").as_job()], ids=["session", "job"])
async def test_a_session_that_another_leader_has_paused_unseen_is_not_started_again(
    api: FakeApi, builder: SessionBuilder
) -> None:
    async with Client(api.config) as client:
        clock, path = FakeClock(START), PATHS[names.KIND]
        api.objects.create(path, KEY[0], builder.manifest())
        former, new = (Loop(api, client, clock, KEY, nobody) for _ in range(2))
        await former.run(LATER)
        started = writes_to_children(api)
        new.hear_nothing_of(names.KIND)
        [found] = api.objects.select(Choice(path))
        api.objects.update(path, KEY, {**found, "spec": {**found["spec"], "hibernated": True}})
        await former.run(LATER + timedelta(seconds=1))
        paused = writes_to_children(api)
        assert len(paused) > len(started)

        new.wake()
        await new.run(LATER + timedelta(seconds=2))
        assert writes_to_children(api) == paused

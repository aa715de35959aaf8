"""A search for drift that stops at an error, or takes a pass's own write for an edit, mends too little or too much."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from aiohttp import web
from msgspec import Raw

from amalthea.api.schema import Manifest
from amalthea.engine.backoff import Backoff
from amalthea.engine.clock import SystemClock
from amalthea.engine.ports import Clock, Key
from amalthea.kube.client import Client, Page
from amalthea.operator.drift import SHARE, DriftSearch
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.kinds import CHILD_KINDS, WATCHED
from amalthea.settings import Settings
from amalthea.testing.api_server import faults
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.faults import Fault
from amalthea.testing.api_server.objects import Choice
from amalthea.testing.builders import session
from amalthea.testing.clock import FakeClock
from amalthea.testing.waiting import eventually
from tests.support.blocks import blocks
from tests.support.loop import PATHS
from tests.support.work_clock import WorkClock
from tests.unit.operator.test_defects import began

TEAM = "team"


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


class Search:
    """A search for drift among what the API server has when it begins."""

    def __init__(self, api: FakeApi, client: Client, clock: Clock) -> None:
        self.woken: set[Key] = set()
        self.caches = Caches(lambda session, _: self.woken.add(session))
        for kind, path in PATHS.items():
            for found in api.objects.select(Choice(path)):
                self.caches.stores[kind].observe(WATCHED[kind].decode(msgspec.json.encode(found)))
        self.woken.clear()
        self.audit = DriftSearch(client, self.caches, Settings(namespace=None), clock, Backoff(random.Random(1)))


def edit(api: FakeApi, kind: str, name: str, change: Callable[[Manifest], Manifest]) -> None:
    found = api.objects.get(PATHS[kind], (TEAM, name))
    api.objects.update(PATHS[kind], (TEAM, name), change(found))


def without_ports(service: Manifest) -> Manifest:
    return {**service, "spec": {**service["spec"], "ports": []}}


def fails_at(plural: str, times: int, code: int) -> Fault:
    """Return a fault of the second and later pages of a kind, so many times."""
    left = times

    async def fault(request: web.Request) -> web.StreamResponse | None:
        nonlocal left
        if not request.path.endswith(f"/{plural}") or "continue" not in request.query or not left:
            return None
        left -= 1
        return await faults.refuse(code)(request)

    return fault


@pytest.mark.parametrize("code", [503, 429, 410, 403])
async def test_a_page_that_fails_is_asked_for_again_and_ends_nothing(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Once the token of the next page has expired, the kind is listed from the beginning."""
    monkeypatch.setattr("amalthea.operator.drift.PAGE", 1)
    clock = FakeClock()
    async with Client(api.config) as client:
        await began(api, client, session("one"), session("two"), session("three"))
        for name in ("one", "three"):
            edit(api, "Service", name, without_ports)
        search = Search(api, client, clock)
        api.fail("list", fails_at("services", 3, code))
        searching = asyncio.create_task(search.audit.run())
        while not searching.done():
            await eventually(lambda: searching.done() or clock.next_due is not None)
            await clock.advance(clock.next_due or 0)
        assert search.woken == {(TEAM, "one"), (TEAM, "three")}
        assert 1 < clock.monotonic() < 60


async def test_a_kind_that_may_not_be_listed_keeps_no_other_from_being_looked_at(api: FakeApi) -> None:
    clock = FakeClock()

    async def fault(request: web.Request) -> web.StreamResponse | None:
        return await faults.refuse(403)(request) if request.path.endswith("/statefulsets") else None

    async with Client(api.config) as client:
        await began(api, client, session("one"))
        edit(api, "Service", "one", without_ports)
        search = Search(api, client, clock)
        api.fail("list", fault)
        searching = asyncio.create_task(search.audit.run())
        for _ in range(5):
            await eventually(lambda: clock.next_due is not None)
            await clock.advance(clock.next_due or 0)
        assert search.woken == {(TEAM, "one")}
        assert not searching.done()
        searching.cancel()
        await asyncio.wait({searching})


async def test_a_write_since_the_list_is_not_taken_for_drift(api: FakeApi) -> None:
    """Passes go on while drift is looked for: an old page must not speak against what is there now."""
    async with Client(api.config) as client:
        await began(api, client, session("one"))
        good = api.objects.get(PATHS["Service"], (TEAM, "one"))
        edit(api, "Service", "one", without_ports)
        search = Search(api, client, FakeClock())
        edited = search.caches.child("Service", (TEAM, "one"))
        edit(api, "Service", "one", lambda now: {**good, "metadata": now["metadata"]})
        mended = msgspec.json.encode(api.objects.get(PATHS["Service"], (TEAM, "one")))
        listing = client.list

        async def list_then_mend(*args: object, **more: object) -> Page[Raw]:
            page: Page[Raw] = await listing(*args, **more)  # type: ignore[arg-type]
            search.caches.observe("Service", Raw(mended))
            return page

        edit(api, "Service", "one", without_ports)  # what the page will show
        client.list = list_then_mend  # type: ignore[assignment, method-assign]
        await search.audit.run()
        assert search.woken == set()
        assert edited != search.caches.child("Service", (TEAM, "one"))
        assert not search.caches.edited(search.caches.child("Service", (TEAM, "one")))


class Pages(Client):
    """Hands out one session's children again and again, as pages of many."""

    def __init__(self, bodies: dict[str, bytes]) -> None:
        self._bodies = bodies

    async def list(self, resource: object, *_: object, **__: object) -> Page[Raw]:  # type: ignore[override]
        kind = next(kind for kind, each in CHILD_KINDS.items() if each.resource == resource)
        copies = 50 if kind in self._bodies else 0
        return Page(tuple(Raw(self._bodies[kind]) for _ in range(copies)), "1", "")


async def among_many(api: FakeApi, client: Client, clock: Clock) -> Search:
    """Return a search among fifty copies of each child of a session."""
    await began(api, client, session("one").with_ingress().with_token())
    found = {kind: api.objects.select(Choice(PATHS[kind])) for kind in CHILD_KINDS}
    bodies = {kind: msgspec.json.encode(all_[0]) for kind, all_ in found.items() if all_}
    assert {"StatefulSet", "Service", "Ingress", "Secret"} <= bodies.keys()
    return Search(api, Pages(bodies), clock)


async def test_users_get_the_loop_at_least_every_twenty_milliseconds(api: FakeApi) -> None:
    async with Client(api.config) as client:
        search = await among_many(api, client, SystemClock())
        async with blocks() as longest:
            await search.audit.run()
        assert longest() < 0.02
        assert search.woken == set()


async def test_users_get_most_of_the_time(api: FakeApi) -> None:
    async with Client(api.config) as client:
        clock = WorkClock()
        search, looks = await among_many(api, client, clock), 0
        looked_at = search.audit._look_at

        def two_milliseconds(kind: str, body: Raw) -> None:
            nonlocal looks
            looks += 1
            clock.time += 0.002
            looked_at(kind, body)

        search.audit._look_at = two_milliseconds  # type: ignore[method-assign]
        await search.audit.run()
        assert looks >= 200
        assert looks * 0.002 < 1.1 * SHARE * clock.time

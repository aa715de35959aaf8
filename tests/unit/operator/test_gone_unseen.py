"""What a deletion or a pause took must not come back while the watch of sessions is behind those of their children."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from amalthea.api import names
from amalthea.engine.ports import Stale
from amalthea.engine.work.controller import Result
from amalthea.kube.client import Client
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.faults import describe
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


SECOND = timedelta(seconds=1)
BUILDERS = {"session": session("demo").with_ingress(), "job": session("demo").as_job()}


class Succession:
    """Two operators, the second of which has heard nothing of the session since `blind` and takes over in the end."""

    def __init__(self, api: FakeApi, client: Client, builder: SessionBuilder) -> None:
        clock = FakeClock(START)
        self._api, self._now = api, START
        api.objects.create(PATHS[names.KIND], KEY[0], builder.manifest())
        self.former, self.new = (Loop(api, client, clock, KEY, nobody) for _ in range(2))

    def blind(self) -> None:
        self.new.hear_nothing_of(names.KIND)

    async def user_wants(self, *, paused: bool) -> None:
        self.update(names.KIND, "spec", hibernated=paused)
        await self.former_works()

    async def job_ends_and_its_job_is_deleted(self) -> None:
        ended = {"type": "Complete", "status": "True", "lastTransitionTime": "2026-11-22T14:04:00Z"}
        self.update("Job", "status", succeeded=1, completionTime="2026-11-22T14:04:00Z", conditions=[ended])
        await self.former_works()
        self._api.objects.delete(PATHS["Job"], KEY, {})
        await self.former_works()

    async def former_works(self) -> None:
        self._now += 10 * SECOND
        await self.former.run(self._now)

    async def new_takes_over(self) -> list[tuple[str, str]]:
        """Return what the new operator writes to children."""
        before = len(self._api.asked)
        self.new.wake()
        await self.new.run(self._now + SECOND)
        asked = [
            (each.verb, each.path) for each in self._api.asked[before:] if each.verb in ("create", "patch", "delete")
        ]
        return [(verb, path) for verb, path in asked if names.PLURAL not in path and "/events" not in path]

    def update(self, kind: str, part: str, **changes: object) -> None:
        [found] = self._api.objects.select(Choice(PATHS[kind]))
        subresource = ("status",) if part == "status" else ()
        changed = {**found, part: {**found.get(part, {}), **changes}}
        self._api.objects.update(PATHS[kind], KEY, changed, *subresource)


async def pause(two: Succession) -> None:
    await two.former_works()
    two.blind()
    await two.user_wants(paused=True)


async def start_and_pause(two: Succession) -> None:
    two.blind()
    await two.former_works()
    await two.user_wants(paused=True)


async def second_pause(two: Succession) -> None:
    await two.former_works()
    await two.user_wants(paused=True)
    two.update(names.KIND, "spec", hibernated=False)
    two.blind()
    await two.former_works()
    await two.user_wants(paused=True)


async def resume(two: Succession) -> None:
    await two.former_works()
    await two.user_wants(paused=True)
    two.blind()
    await two.user_wants(paused=False)


Missed = Callable[[Succession], Awaitable[None]]


@pytest.mark.parametrize("builder", BUILDERS.values(), ids=BUILDERS)
@pytest.mark.parametrize("missed", [pause, start_and_pause, second_pause, resume], ids=lambda each: each.__name__)
async def test_what_a_former_leader_has_done_unseen_is_not_undone(
    api: FakeApi, builder: SessionBuilder, missed: Missed
) -> None:
    async with Client(api.config) as client:
        two = Succession(api, client, builder)
        await missed(two)
        assert await two.new_takes_over() == []


async def test_a_job_that_has_ended_unseen_does_not_run_again(api: FakeApi) -> None:
    async with Client(api.config) as client:
        two = Succession(api, client, BUILDERS["job"])
        await two.former_works()
        two.blind()
        await two.job_ends_and_its_job_is_deleted()
        assert await two.new_takes_over() == []


@pytest.mark.parametrize("code", [403, 404, 429, 503])
@pytest.mark.parametrize("builder", BUILDERS.values(), ids=BUILDERS)
async def test_nothing_is_written_while_the_api_server_does_not_tell_how_the_session_is(
    api: FakeApi, builder: SessionBuilder, code: int
) -> None:
    async def sessions_fail(request: web.Request) -> web.Response | None:
        failed = names.PLURAL in request.path
        return web.json_response(describe(code, "", "not served yet"), status=code) if failed else None

    async with Client(api.config) as client:
        two = Succession(api, client, builder)
        await pause(two)
        api.fail("list", sessions_fail)
        assert await two.new_takes_over() == []


async def test_in_one_term_a_pause_and_a_resume_ask_for_no_session(api: FakeApi) -> None:
    async with Client(api.config) as client:
        two = Succession(api, client, BUILDERS["session"])
        await two.former_works()
        await two.user_wants(paused=True)
        await two.user_wants(paused=False)
        assert [each.path for each in api.asked if each.verb == "list"] == []

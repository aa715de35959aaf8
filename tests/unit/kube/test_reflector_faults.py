"""Whatever the server does wrong: it is not hammered, and afterwards the store is right, deletions included."""

import asyncio
import itertools
from collections.abc import Callable

import msgspec
import pytest
from aiohttp import web

from amalthea.kube import watch
from amalthea.testing.api_server import faults
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.faults import Fault
from amalthea.testing.waiting import eventually
from tests.unit.kube.parts import KIND, Following, config_map, following

FAULTS: dict[str, tuple[str, Callable[[], Fault]]] = {
    "410 as status": ("watch", lambda: faults.refuse(410, "Expired")),
    "410 in the stream": ("watch", lambda: faults.error_in_stream(410, "Expired")),
    "500 on watch": ("watch", lambda: faults.refuse(500)),
    "500 on list": ("list", lambda: faults.refuse(500)),
    "500 in the stream": ("watch", lambda: faults.error_in_stream(500, "InternalError")),
    "429 on watch": ("watch", lambda: faults.refuse(429, retry_after=20)),
    "429 on list": ("list", lambda: faults.refuse(429, retry_after=20)),
    "401 on watch": ("watch", lambda: faults.refuse(401, "Unauthorized")),
    "a proxy's page": ("watch", lambda: faults.refuse(502)),
    "clean close at once": ("watch", faults.close_at_once),
    "broken connections": ("watch", faults.reset),
    "silence before the headers": ("watch", lambda: faults.silence(after_headers=False)),
    "silence after the headers": ("watch", lambda: faults.silence(after_headers=True)),
}


def make(api: FakeApi, *names: str) -> None:
    for name in names:
        api.objects.create(KIND, "ns", config_map(name, at="first"))


def change_in_the_gap(api: FakeApi) -> None:
    """Delete one, change one, create one, while nobody looks."""
    api.objects.delete(KIND, ("ns", "a"), {})
    api.objects.update(KIND, ("ns", "b"), config_map("b", at="second"))
    make(api, "new")


async def synced(run: Following) -> None:
    await eventually(lambda: run.api.watching and run.equal)


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_is_outlived_without_hammering_the_server(
    name: str, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    verb, fault = FAULTS[name]
    monkeypatch.setattr(watch, "SILENCE", 0.1 if "silence" in name else 90)
    make(api, "a", "b", "same")
    async with following(api) as run:
        await synced(run)
        api.fail(verb, fault())
        api.hang_up()
        if verb == "list":
            api.objects.forget()
        await eventually(lambda: not api.watching)
        asked = len(api.asked)
        change_in_the_gap(api)
        if "410" in name:
            api.objects.forget()
        await run.pass_time(60)
        assert 2 <= len(api.asked) - asked <= (5 if "429" in name else 20)

        api.heal()
        await run.pass_time(40)
        await synced(run)
        assert ("gone", "a") in run.changes


async def test_a_server_that_is_down_for_a_while_is_found_again_and_nothing_is_missed(api: FakeApi) -> None:
    make(api, "a", "b")
    async with following(api) as run:
        await synced(run)
        await api.down()
        await eventually(lambda: run.reports.errors)
        change_in_the_gap(api)
        await run.clock.advance(1)
        await api.up()
        await eventually(lambda: run.clock.next_due is not None)
        await run.pass_time(40)
        await synced(run)
        assert api.count("list") == 1
        assert ("gone", "a") in run.changes


async def test_a_slow_server_is_waited_for_and_not_asked_again(api: FakeApi) -> None:
    make(api, "a")
    gate = asyncio.Event()
    api.fail("list", faults.wait_for(gate))
    async with following(api) as run:
        await eventually(lambda: api.asked)
        await run.clock.advance(20)
        assert (len(api.asked), run.reports.errors) == (1, [])
        gate.set()
        await synced(run)


async def test_a_half_open_watch_is_noticed_and_goes_on_where_it_was(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SILENCE", 0.1)
    make(api, "a")
    api.fail("watch", faults.silence(after_headers=True), times=1)
    async with following(api) as run:
        await eventually(lambda: api.count("watch") == 1)
        make(api, "b")
        await eventually(lambda: run.clock.next_due is not None)
        assert not run.equal
        await run.pass_time(5)
        await eventually(lambda: run.equal)
        assert (api.count("list"), run.reports.errors) == (1, [])


async def test_bookmarks_spare_a_list_when_old_changes_are_forgotten(api: FakeApi) -> None:
    make(api, "a")
    async with following(api) as run:
        await synced(run)
        api.objects.forget()
        api.bookmark()
        await eventually(lambda: run.reports.events)
        api.hang_up()
        await run.pass_time(5)
        make(api, "b")
        await synced(run)
        assert api.count("list") == 1


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_large_list_arrives_whole(api: FakeApi, *, streamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PAGE", 10)
    make(api, *(f"m{number}" for number in range(35)))
    if not streamed:
        api.fail("list", faults.no_streamed_lists())
    async with following(api) as run:
        await synced(run)
        assert api.count("list") == (1 if streamed else 5)


async def test_an_object_deleted_while_a_list_is_streamed_is_not_listed(api: FakeApi) -> None:
    async def fault(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for type_, name in (("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "a")):
            obj = {"metadata": {"name": name, "namespace": "ns", "resourceVersion": "1001"}}
            await response.write(msgspec.json.encode({"type": type_, "object": obj}) + b"\n")
        last = {"resourceVersion": "1002", "annotations": {"k8s.io/initial-events-end": "true"}}
        await response.write(msgspec.json.encode({"type": "BOOKMARK", "object": {"metadata": last}}) + b"\n")
        return response

    api.fail("list", fault)
    async with following(api) as run:
        await eventually(lambda: api.watching)
        assert run.changes == [("there", "b")]


async def test_streamed_lists_that_never_end_are_given_up_for_pages(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LIST_SILENCE", 0.1)
    make(api, "a")
    api.fail("list", faults.silence(after_headers=True), times=1)
    async with following(api) as run:
        await synced(run)
        assert [bool(asked.query.get("sendInitialEvents")) for asked in api.asked] == [True, False, False]


async def test_a_streamed_list_that_a_busy_kind_never_lets_end_is_given_up_for_pages(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LIST_LIMIT", 0.5)
    make(api, "a")

    async def takes_it_for_a_watch(request: web.Request) -> web.StreamResponse | None:
        if "sendInitialEvents" not in request.query:
            return None
        response = web.StreamResponse()
        await response.prepare(request)
        for number in itertools.count(1):
            obj = config_map("a", at=str(number))
            await response.write(msgspec.json.encode({"type": "MODIFIED", "object": obj}) + b"\n")
            await asyncio.sleep(0.05)
        raise AssertionError("the client has gone and this was cancelled")

    api.fail("list", takes_it_for_a_watch)
    async with following(api) as run:
        await synced(run)
        assert [bool(asked.query.get("sendInitialEvents")) for asked in api.asked] == [True, False, False]


async def test_an_object_of_megabytes_arrives(api: FakeApi) -> None:
    async with following(api) as run:
        await eventually(lambda: api.watching)
        api.objects.create(KIND, "ns", config_map("large", text="x" * 5_000_000))
        make(api, "small")
        await synced(run)


async def test_an_object_that_cannot_be_read_hides_no_other_and_is_not_gone(api: FakeApi) -> None:
    make(api, "a", "odd")
    async with following(api) as run:
        await synced(run)
        api.objects.update(KIND, ("ns", "odd"), config_map("odd", number=5))
        make(api, "b")
        await eventually(lambda: run.store.get(("ns", "b")))
        api.objects.forget()
        api.hang_up()
        await run.pass_time(5)
        await eventually(lambda: api.count("list") == 2 and api.watching)
        assert run.store.get(("ns", "odd")) is not None
        assert set(run.unread) == {("ns", "odd")}
        api.objects.delete(KIND, ("ns", "odd"), {})
        await synced(run)

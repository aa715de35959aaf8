"""One session that the operator fails on must report it, and must not take the others with it."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec import Raw

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.engine.backoff import Backoff
from amalthea.kube.client import Client
from amalthea.model import spans
from amalthea.operator import reconcile
from amalthea.operator.defects import DefectError, identify
from amalthea.operator.drift import DriftSearch
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.kinds import WATCHED
from amalthea.operator.telemetry import gauges
from amalthea.settings import Settings
from amalthea.testing.api_server import faults
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Choice
from amalthea.testing.builders import SessionBuilder, session
from amalthea.testing.clock import FakeClock
from tests.support.loop import PATHS, Loop, nobody

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
KEY = ("team", "demo")


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


def loop(api: FakeApi, client: Client, clock: FakeClock) -> Loop:
    return Loop(api, client, clock, KEY, nobody)


def conditions(api: FakeApi) -> dict[str, Manifest]:
    found = api.objects.get(PATHS[names.KIND], KEY)["status"]["conditions"]
    return {condition["type"]: condition for condition in found}


async def test_a_defect_is_reported_with_its_id_once_and_forgotten_when_it_is_gone(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(*_: object) -> None:
        raise ZeroDivisionError("a secret value")

    clock = FakeClock(START)
    async with Client(api.config) as client:
        api.objects.create(PATHS[names.KIND], KEY[0], session("demo").manifest())
        operator = loop(api, client, clock)
        await operator.run(START)
        with monkeypatch.context() as broken:
            broken.setattr(reconcile, "report", defective)
            for _ in range(2):
                operator.wake()
                with pytest.raises(DefectError) as raised:
                    await operator.run(START)
        healthy = conditions(api)["Healthy"]
        assert (healthy["status"], healthy["reason"]) == ("False", "InternalError")
        assert identify(ZeroDivisionError()) not in healthy["message"]  # of another place
        assert str(raised.value).split()[2].rstrip(":") in healthy["message"]
        assert "a secret value" not in healthy["message"] + str(raised.value)
        assert {"Ready", "RoutingReady", "Healthy"} <= conditions(api).keys()
        assert status_writes(api) == 2  # the first status, and the defect
        operator.wake()
        await operator.run(START + timedelta(seconds=1))
        assert "Healthy" not in conditions(api)


async def test_a_defect_is_logged_also_where_it_cannot_be_reported(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(*_: object) -> None:
        raise ZeroDivisionError

    async with Client(api.config) as client:
        api.objects.create(PATHS[names.KIND], KEY[0], session("demo").manifest())
        operator = loop(api, client, FakeClock(START))
        monkeypatch.setattr(reconcile, "report", defective)
        api.fail("patch", faults.refuse(500))
        with pytest.raises(DefectError):
            await operator.run(START)


def status_writes(api: FakeApi) -> int:
    return sum(asked.verb == "patch" and asked.path.endswith("/status") for asked in api.asked)


BAD: dict[str, tuple[SessionBuilder, Manifest]] = {
    "a duration of a job": (session("demo").as_job(), {"culling": {"maxAge": "2 days"}}),
    "a quantity of a remote session": (
        session("demo").remote(),
        {"session": {"image": "x", "resources": {"requests": {"cpu": "1e1.5"}}}},
    ),
    "a malformed path": (session("demo"), {"session": {"image": "x", "urlPath": "//elsewhere"}}),
}


async def drifted(api: FakeApi, client: Client) -> set[tuple[str, str]]:
    """Look for drift as an operator does that has just started."""
    woken: set[tuple[str, str]] = set()
    caches = Caches(lambda session, _: woken.add(session))
    for kind, path in PATHS.items():
        for found in api.objects.select(Choice(path)):
            caches.stores[kind].observe(WATCHED[kind].decode(msgspec.json.encode(found)))
    woken.clear()
    await DriftSearch(client, caches, Settings(namespace=None), FakeClock(START), Backoff(random.Random(1))).run()
    return woken


async def began(api: FakeApi, client: Client, *builders: SessionBuilder) -> None:
    for builder in builders:
        api.objects.create(PATHS[names.KIND], KEY[0], builder.manifest())
        await Loop(api, client, FakeClock(START), (KEY[0], builder.name), nobody).run(START)


@pytest.mark.parametrize(("builder", "bad"), BAD.values(), ids=BAD)
async def test_a_new_leader_starts_whatever_a_spec_has_become(
    api: FakeApi, builder: SessionBuilder, bad: Manifest
) -> None:
    async with Client(api.config) as client:
        await began(api, client, builder, session("other"))
        spoilt = api.objects.get(PATHS[names.KIND], KEY)
        api.objects.update(PATHS[names.KIND], KEY, {**spoilt, "spec": {**spoilt["spec"], **bad}})
        edit_a_service(api, "other")
        assert await drifted(api, client) == {("team", "other")}


async def test_a_child_that_cannot_be_read_hides_no_other(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Client(api.config) as client:
        await began(api, client, session("demo"), session("other"))
        edit_a_service(api, "other")
        read = WATCHED["Service"].decode

        def decode(body: bytes | Raw) -> object:
            view = read(body)
            if view.metadata.name == "demo":
                raise msgspec.ValidationError("odd")
            return view

        caches_know = drifted(api, client)
        monkeypatch.setattr("amalthea.operator.drift.CHILD_KINDS", {"Service": WithDecoder(decode)})
        assert await caches_know == {("team", "other")}


class WithDecoder:
    """The kind of Services, read in another way."""

    def __init__(self, decode: object) -> None:
        self.resource, self.decode = WATCHED["Service"].resource, decode


def edit_a_service(api: FakeApi, name: str) -> None:
    service = api.objects.get(PATHS["Service"], (KEY[0], name))
    api.objects.update(PATHS["Service"], (KEY[0], name), {**service, "spec": {**service["spec"], "ports": []}})


@pytest.mark.parametrize("odd", ["0000-01-01T00:00:00Z", "2026-01-01t00:00:00z", "9999-12-31T23:59:59.9Z", "soon"])
def test_a_time_that_no_calendar_has_does_not_end_a_scrape(odd: str) -> None:
    caches = Caches(lambda *_: None)
    for name, since in (("one", odd), ("two", "2026-11-22T13:00:00Z")):
        body = {
            "metadata": {"name": name, "namespace": "ns", "uid": name, "resourceVersion": "1"},
            "spec": {},
            "status": {"idleSince": since},
        }
        caches.observe(names.KIND, Raw(msgspec.json.encode(body)))

    rows = list(gauges.rows(caches, FakeClock(START)))

    assert [row.name for row in rows] == ["one", "two"]
    assert rows[1].idle_seconds == 3600


def test_a_session_that_cannot_be_reckoned_is_left_out_of_a_scrape_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    caches = Caches(lambda *_: None)
    for name in ("one", "two"):
        body = {
            "metadata": {"name": name, "namespace": "ns", "uid": name, "resourceVersion": "1"},
            "spec": {},
            "status": {"idleSince": name},
        }
        caches.observe(names.KIND, Raw(msgspec.json.encode(body)))

    def moment(text: str | None) -> None:
        if text == "one":
            raise OverflowError

    monkeypatch.setattr(spans, "moment", moment)
    assert [row.name for row in gauges.rows(caches, FakeClock(START))] == ["two"]

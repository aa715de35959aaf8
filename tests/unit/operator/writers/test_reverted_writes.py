"""An opponent that undoes the operator's writes must not be answered a hundred times a second, nor without a word."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from amalthea.api import names
from amalthea.api.reasons import ConditionType, Reason
from amalthea.api.schema import Manifest
from amalthea.children.changes.contested import detail
from amalthea.children.changes.writes import Create, Delete, Patch, Write
from amalthea.kube.auth.config import Config
from amalthea.kube.client import Client
from amalthea.operator.instance import Operator
from amalthea.operator.telemetry.metrics import OperatorMetrics
from amalthea.operator.writers.reverted_writes import SETTLED_AFTER, WAITS, RevertedWrites
from amalthea.settings import Settings
from amalthea.testing.api_server import faults
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Choice, Happened
from amalthea.testing.builders import session
from amalthea.testing.clock import FakeClock
from tests.support.loop import PATHS, Loop, nobody

KEY, UID = ("team", "demo"), "uid-of-demo"
SERVICE, INGRESS = ("Service", "demo"), ("Ingress", "demo")
START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
RECORD = f"/metadata/annotations/{names.ANNOTATION_APPLIED.replace('/', '~1')}"


def patch(value: object = 80, version: str = "7", record: str = "1") -> Patch:
    return Patch(
        SERVICE,
        (
            {"op": "test", "path": "/metadata/resourceVersion", "value": version},
            {"op": "add", "path": RECORD, "value": record},
            {"op": "add", "path": "/spec/ports", "value": value},
        ),
    )


@dataclass
class Pass:
    """The outcome of writes that an operator wants to make whenever it looks."""

    clock: FakeClock = field(default_factory=FakeClock)
    made: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reverted_writes = RevertedWrites(self.clock)

    def want(self, *writes: Write) -> bool:
        """Return whether all of them were made."""
        free, held = self.reverted_writes.part(UID, writes)
        self.reverted_writes.made(UID, free)
        self.made += [self.clock.monotonic()] * len(free)
        for write in held:
            if self.reverted_writes.unreported(UID, write):
                self.reverted_writes.report(UID, write, " (spec.ports)")
        return not held

    async def last(self, seconds: float, *writes: Write) -> None:
        """Undo each write at once, for so long."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            if self.want(*writes):
                continue
            again = self.reverted_writes.contests(UID).again
            assert again is not None
            await self.clock.advance((again - self.clock.now()).total_seconds())


@pytest.mark.parametrize("write", [patch(), Create(SERVICE, {}), Delete(SERVICE, "uid")], ids=["change", "new", "away"])
async def test_the_same_is_written_four_times_in_a_minute_and_then_once_a_minute(write: Write) -> None:
    contest = Pass()
    await contest.last(300, write)
    assert contest.made == [0, 1, 3, 7, 67, 127, 187, 247]


async def test_a_write_is_the_same_whatever_version_of_the_child_it_was_decided_on() -> None:
    contest = Pass()
    assert contest.want(patch())
    assert not contest.want(patch(version="8", record="2"))
    assert not contest.want(Patch(SERVICE, tuple(each for each in patch().operations if each["op"] != "test")))


OTHERS: dict[str, Write] = {
    "another wish": patch(443),
    "another child": Patch(INGRESS, patch().operations),
    "a deletion": Delete(SERVICE, "uid"),
    "a new child": Create(SERVICE, {}),
}


@pytest.mark.parametrize("write", OTHERS.values(), ids=OTHERS)
async def test_a_change_by_the_user_meanwhile_is_written_at_once(write: Write) -> None:
    contest = Pass()
    await contest.last(30, patch())
    assert contest.want(write)


async def test_a_child_that_is_left_alone_for_two_minutes_is_put_back_at_once_again() -> None:
    contest = Pass()
    await contest.last(30, patch())
    last = contest.made[-1]
    await contest.clock.advance(last + SETTLED_AFTER.total_seconds() - contest.clock.monotonic())
    assert contest.want(patch())
    await contest.clock.advance(WAITS[0])
    assert contest.want(patch())


async def test_only_a_contest_that_lasts_is_reported_and_only_until_it_is_over() -> None:
    contest = Pass()
    await contest.last(WAITS[0] + WAITS[1] + WAITS[2], patch())
    assert contest.reverted_writes.contests(UID).findings == ()
    assert contest.reverted_writes.sessions == 0
    contest.want(patch())
    contest.want(patch())
    assert contest.reverted_writes.sessions == 1
    (finding,) = contest.reverted_writes.contests(UID).findings
    assert (finding.condition, finding.reason, finding.fatal) == (
        ConditionType.CHILDREN_IN_PLACE,
        Reason.CONTESTED,
        False,
    )
    assert "Somebody else changes the Service demo again and again (spec.ports)." in finding.message
    contest.want()
    assert contest.reverted_writes.contests(UID).again == contest.clock.now() + SETTLED_AFTER
    await contest.clock.advance(SETTLED_AFTER.total_seconds())
    assert contest.reverted_writes.contests(UID).findings == ()
    assert contest.reverted_writes.contests(UID).again is None
    assert contest.reverted_writes.sessions == 0


def test_contested_sessions_are_a_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RevertedWrites, "sessions", 3)
    client, registry = Client(Config(server="http://nowhere")), CollectorRegistry()
    Operator(client, Settings(), OperatorMetrics(registry), FakeClock())
    assert registry.get_sample_value("amalthea_contested_sessions") == 3


async def test_old_writes_are_not_kept_in_memory() -> None:
    contest = Pass()
    for number in range(100):
        contest.reverted_writes.made(str(number), (patch(),))
    await contest.clock.advance(SETTLED_AFTER.total_seconds())
    contest.reverted_writes.made(UID, (patch(),))
    assert len(contest.reverted_writes._known) == 1


LIVE = {
    "metadata": {
        "labels": {"a": "b"},
        "managedFields": [
            {"manager": "amalthea", "time": "2026-11-22T14:00:03Z"},
            {"manager": "policies", "time": "2026-11-22T14:00:02Z"},
            {"manager": "kubectl", "time": "2026-11-22T14:00:01Z"},
            {"manager": "controller", "time": "2026-11-22T14:00:04Z", "subresource": "status"},
        ],
    },
    "spec": {"ports": [{"port": 8080, "protocol": "TCP"}], "selector": {"a": "b"}},
}


def test_fields_and_culprit_are_named_and_no_value() -> None:
    wanted: dict[str, object] = {
        "/metadata/labels/a": "b",
        "/metadata/labels/x~1y": "z",
        "/spec/ports": [{"port": 80}],
        "/spec/selector": {"a": "b"},
        "/spec/publishNotReadyAddresses": None,
    }
    write = Patch(SERVICE, tuple({"op": "add", "path": path, "value": value} for path, value in wanted.items()))
    assert detail(LIVE, write) == " (metadata.labels.x/y, spec.ports; the last to write it was policies)"
    assert detail({"metadata": {}}, Patch(SERVICE, ())) == ""


class Life:
    """A session before an operator on a clock that the test moves, and somebody who undoes what it writes."""

    def __init__(self, api: FakeApi, client: Client) -> None:
        self.api = api
        self.clock = FakeClock(START)
        self.undo: Callable[[Manifest], None] | None = None
        api.objects.create(PATHS[names.KIND], KEY[0], session("demo").with_ingress().manifest())
        self.loop = Loop(api, client, self.clock, KEY, nobody)
        api.objects.listeners.append(self._look)

    def _look(self, change: Happened) -> None:
        if self.undo is not None and change.type != "DELETED" and change.kind == PATHS["Service"]:
            asyncio.get_running_loop().call_soon(self.undo, change.object)

    def set_port(self, service: Manifest) -> None:
        ports = [{**port, "port": 8080} for port in service["spec"]["ports"]]
        if service["spec"]["ports"] != ports:
            self.api.objects.update(PATHS["Service"], KEY, {**service, "spec": {**service["spec"], "ports": ports}})

    def delete(self, _: Manifest) -> None:
        self.api.objects.delete(PATHS["Service"], KEY, {})

    def place(self) -> Manifest | None:
        conditions = self.api.objects.get(PATHS[names.KIND], KEY)["status"]["conditions"]
        return next((each for each in conditions if each["type"] == "ChildrenInPlace"), None)

    def writes(self, verb: str) -> int:
        return sum(each.verb == verb and "/services" in each.path for each in self.api.asked)


@pytest.fixture
async def life() -> AsyncIterator[Life]:
    async with FakeApi() as api, Client(api.config) as client:
        made = Life(api, client)
        await made.loop.run(START + SECOND)
        await made.clock.advance(SETTLED_AFTER.total_seconds())
        yield made


async def test_a_contest_over_a_service_costs_few_writes_and_is_reported_until_it_ends(life: Life) -> None:
    life.undo = life.set_port
    life.set_port(life.api.objects.get(PATHS["Service"], KEY))
    began = life.clock.now()
    await life.loop.run(began + MINUTE)
    assert life.writes("patch") == len(WAITS)
    condition = life.place()
    assert condition is not None
    assert (condition["status"], condition["reason"]) == ("False", "Contested")
    assert "(spec.ports)" in condition["message"]
    await life.loop.run(began + 10 * MINUTE)
    assert life.writes("patch") <= len(WAITS) + 10
    assert life.place() == condition
    statuses = sum(each.path.endswith("/status") for each in life.api.asked)
    assert statuses <= 3, "of the session, of the contest, and perhaps one of its start"

    life.undo = None
    await life.loop.run(began + 14 * MINUTE)
    assert life.place() is None
    assert life.api.objects.get(PATHS["Service"], KEY)["spec"]["ports"][0]["port"] == 80


async def test_a_child_that_is_always_deleted_is_made_once_a_minute(life: Life) -> None:
    made = life.writes("create")
    life.undo = life.delete
    life.delete({})
    await life.loop.run(life.clock.now() + MINUTE)
    assert life.writes("create") - made == len(WAITS)
    condition = life.place()
    assert condition is not None
    assert "Somebody else deletes the Service demo again and again." in condition["message"]


async def test_a_session_made_again_and_again_with_one_name_waits_for_nothing(life: Life) -> None:
    for _ in range(2 * len(WAITS)):
        life.api.objects.delete(PATHS[names.KIND], KEY, {})
        life.api.objects.delete(PATHS["Service"], KEY, {})  # as the garbage collector does
        life.api.objects.create(PATHS[names.KIND], KEY[0], session("demo").with_ingress().manifest())
        life.loop.wake()
        await life.loop.run(life.clock.now() + 20 * SECOND)
        assert "Contested" not in str(life.place())
        assert any(each["metadata"]["name"] == "demo" for each in life.api.objects.select(Choice(PATHS["Service"])))


async def test_in_a_namespace_that_is_being_deleted_nobody_is_blamed() -> None:
    async def goes(_: web.Request) -> web.StreamResponse:
        said = "unable to create new content in namespace team because it is being terminated"
        return web.json_response(faults.describe(403, "Forbidden", said), status=403)

    async with FakeApi() as api, Client(api.config) as client:
        api.fail("create", goes)
        life = Life(api, client)
        for _ in range(20):
            life.loop.wake()
            await life.loop.run(life.clock.now() + 5 * SECOND)
        assert "Contested" not in str(api.objects.get(PATHS[names.KIND], KEY)["status"])

"""A session that is created under the name of one deleted in the same second must inherit nothing from that one.

Nobody need have seen that the first one was gone: the next pass finds the second one in its place.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

import amalthea.operator
from amalthea.api import names
from amalthea.api.types import Status
from amalthea.kube.auth.config import Config
from amalthea.kube.client import Client
from amalthea.model.diagnosis.which_events import NODES, Inquiry
from amalthea.model.views import decoding
from amalthea.model.views.door import Reported
from amalthea.model.views.remote_job import Word
from amalthea.model.views.usage import Usage
from amalthea.operator import process
from amalthea.operator.inputs import pod_poller
from amalthea.operator.instance import Operator
from amalthea.operator.telemetry.metrics import OperatorMetrics
from amalthea.settings import Settings
from amalthea.testing import observations
from amalthea.testing.api_server.objects import Objects
from amalthea.testing.api_server.verbs import Wanted
from amalthea.testing.builders import SessionBuilder, session
from amalthea.testing.clock import FakeClock
from tests.support.controllers import Controllers
from tests.support.loop import PATHS
from tests.support.wire import Answer, Wire, at_rest

START = datetime(2026, 11, 29, 14, 0, tzinfo=UTC)
KEY = ("team", "demo")
SESSIONS = PATHS[names.KIND]
BUILDER = session("demo").with_spec(imagePullSecrets=[{"name": "pull", "adopt": True}])
BY_UID = {
    "deletion_counter._there": "its values are UIDs",
    "deletion_counter._ours": "its values are UIDs",
    "confirmation._confirmed": "its values are UIDs",
    "given_claims._leaving": "its values are UIDs",
    "first_poll._held": "it is only woken",
    "reconcile._uids": "it tells the two apart",
}
"""What is kept by name, and needs not be forgotten."""


class Life:
    """An operator before an API server that lives in this process."""

    def __init__(self) -> None:
        self.clock = FakeClock(START, at_rest)
        self.objects = Objects(self.clock.now)
        Controllers(self.objects, self.clock)
        self.wire = Wire(self.objects, self.clock)
        client = Client(Config(server="http://in-this-process"))
        client.transport = self.wire
        self.registry = CollectorRegistry()
        self.operator = Operator(client, Settings(namespace=None), OperatorMetrics(self.registry), self.clock)
        self.stop = asyncio.Event()
        self.running = asyncio.create_task(self.operator.run(self.stop, None))

    def create(self, builder: SessionBuilder = BUILDER) -> str:
        """Create the session; return its UID."""
        uid: str = self.objects.create(SESSIONS, KEY[0], builder.manifest())["metadata"]["uid"]
        return uid

    def take_over_the_name(self) -> str:
        """Delete the session, whatever holds it, and create one of its name at once."""
        held = self.objects.get(SESSIONS, KEY)
        self.objects.update(SESSIONS, KEY, {**held, "metadata": {**held["metadata"], "finalizers": []}})
        self.objects.delete(SESSIONS, KEY, {})
        return self.create()

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.objects.get(SESSIONS, KEY).get("status", {})
        return status


@pytest.fixture
async def life(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Life]:
    monkeypatch.setattr(process, "calm_the_garbage_collector", lambda: None)
    life = Life()
    yield life
    life.stop.set()
    await life.clock.advance(10)
    await life.running


def memories(operator: Operator) -> Iterator[tuple[str, Any, object]]:
    """Yield all memories that go by the name of a session, each with what it may hold of a former one."""
    reconciler, usage, writer = operator._reconciler, operator._usage, operator._reconciler._actors.status_writer
    yield (
        "reconcile._unreported",
        reconciler._unreported,
        Status(state="Hibernated", hibernated_since="2020-01-01T00:00:00Z"),
    )
    yield "usage_poller._known", usage._known, Usage(Decimal(0), START)
    yield "usage_poller._thresholds", usage._thresholds, Decimal(7)
    yield "usage_poller._since", usage._since, START
    yield "usage_poller._was_busy", usage._was_busy, "told"
    yield "continuity._idle_from", usage.continuity._idle_from, START
    yield "continuity._measured", usage.continuity._measured, START
    yield "pod_poller._looks", operator._door_poller._looks, Reported(START, START)
    yield "pod_poller._looks", operator._job_poller._looks, Word(START, "Failed", error="that of the former one")
    yield "pod_poller._asked", operator._job_poller._asked, pod_poller._Question("192.0.2.1", waits=False)
    question = operator._event_lookup._open(KEY, Inquiry(NODES, ("a former pod",), timedelta(seconds=1)))
    yield "event_lookup._questions", operator._event_lookup._questions, question
    yield "status_pacer._waiting", writer._status_pacer._waiting, 1e9
    yield "status_pacer._last", writer._status_pacer._last, 1e9
    yield "status_pacer._turns", writer._status_pacer._turns, None
    evicted = observations.pod(phase="Failed", reason="Evicted")
    evicted["metadata"] = {"name": "demo-0", "annotations": {names.ANNOTATION_SESSION_UID: "uid of the former one"}}
    yield "cache._stopped", operator.caches._stopped, decoding.pod(msgspec.json.encode(evicted))


def kept_by_name() -> set[str]:
    """Return the memories of the operator that go by the names of sessions, from its sources."""
    found = set()
    for path in Path(amalthea.operator.__file__).parent.rglob("*.py"):
        for attribute in re.findall(r"self\.(\w+): (?:dict|set)\[Key\b", path.read_text()):
            found.add(f"{path.stem}.{attribute}")
    return found


async def test_no_memory_of_a_former_session_of_its_name_is_held_against_a_session(life: Life) -> None:
    await life.clock.advance(1)
    life.create()
    await life.clock.advance(30)
    filled = list(memories(life.operator))
    for _, memory, value in filled:
        if isinstance(memory, set):
            memory.add(KEY)
        else:
            memory[KEY] = value
    life.operator.queue._failures[KEY] = 5
    life.take_over_the_name()
    await life.clock.advance(0)

    inherited = {name for name, memory, value in filled if isinstance(memory, dict) and memory.get(KEY) is value}
    inherited |= {name for name, memory, _ in filled if isinstance(memory, set) and KEY in memory}
    assert inherited - {"cache._stopped"} == set()
    assert life.operator.caches.former_pod(KEY) is None
    assert KEY not in life.operator.queue._failures
    assert {name for name, *_ in filled} | BY_UID.keys() == kept_by_name()


REFUSED = {
    "its status": lambda asked: asked.subresource == "status",
    "its finalizer": lambda asked: asked.verb == "patch" and asked.kind == SESSIONS and not asked.subresource,
    "its claim": lambda asked: asked.verb == "create" and asked.kind == PATHS["PersistentVolumeClaim"],
    "its workload": lambda asked: asked.verb == "create" and asked.kind == PATHS["StatefulSet"],
}
"""What was refused to the former session, again and again."""
ANSWERS = {
    "the server was away": Answer(503, "ServiceUnavailable", "come back"),
    "a webhook denied it": Answer(403, "Forbidden", 'admission webhook "policy.example.org" denied the request: no'),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
async def test_what_was_refused_to_a_former_session_of_its_name_makes_no_session_wait(
    life: Life, refused: Callable[[Wanted], bool], answer: Answer
) -> None:
    life.wire.fault = lambda asked, _: answer if refused(asked) else None
    await life.clock.advance(1)
    life.create()
    await life.clock.advance(300)
    life.wire.fault = lambda *_: None
    uid = life.take_over_the_name()
    await life.clock.advance(3)  # the garbage collector needs one second

    assert life.objects.get(SESSIONS, KEY)["metadata"]["finalizers"] == [names.FINALIZER]
    assert life.status["runID"]
    for kind in ("StatefulSet", "PersistentVolumeClaim"):
        owner = life.objects.get(PATHS[kind], KEY)["metadata"]["ownerReferences"][0]
        assert owner["uid"] == uid


async def test_the_first_failure_of_a_session_is_not_counted_as_another_one_of_a_former_session(life: Life) -> None:
    away = Answer(503, "ServiceUnavailable", "come back")
    life.wire.fault = lambda asked, _: away if asked.verb == "create" else None
    await life.clock.advance(1)
    life.create()
    await life.clock.advance(300)
    life.take_over_the_name()
    began = life.clock.monotonic()
    await life.clock.advance(3)
    tried = [
        sent.at - began
        for sent in life.wire.sent
        if sent.at >= began and sent.request.verb == "create" and sent.request.kind == PATHS["Service"]
    ]
    assert len(tried) == 2


async def test_a_session_that_is_replaced_within_a_second_is_counted_as_deleted_once(life: Life) -> None:
    await life.clock.advance(1)
    life.create()
    await life.clock.advance(30)
    life.take_over_the_name()
    await life.clock.advance(30)
    counted = life.registry.get_sample_value("amalthea_session_deletions_total", {"cause": "User"})
    assert counted == 1


async def test_no_session_gets_the_status_of_one_that_had_its_name_a_moment_ago(life: Life) -> None:
    """Its limits count from the run in its status: a former run's would end it hours early."""
    replaced: list[str] = []

    def replace_at_the_last_moment(asked: Wanted, _: bytes) -> None:
        if asked.subresource == "status" and not replaced:
            replaced.append(life.take_over_the_name())

    reported: list[tuple[str, str]] = []
    life.objects.listeners.append(
        lambda change: reported.append(
            (change.object["metadata"]["uid"], change.object.get("status", {}).get("runID", ""))
        )
    )
    await life.clock.advance(1)
    life.create()
    await life.clock.advance(3600)
    life.wire.fault = replace_at_the_last_moment
    held = life.objects.get(SESSIONS, KEY)
    life.objects.update(SESSIONS, KEY, {**held, "spec": {**held["spec"], "hibernated": True}})
    await life.clock.advance(60)

    assert replaced
    runs = {run: {uid for uid, each in reported if each == run} for _, run in reported if run}
    assert all(len(sessions) == 1 for sessions in runs.values())
    assert life.status["state"] == "Running"
    assert all(condition["lastTransitionTime"] >= "2026-11-29T15" for condition in life.status["conditions"])


async def test_no_object_of_somebody_else_is_marked_as_a_sessions_child(life: Life) -> None:
    """A child that lost its labels is given them again; it may be gone, and a stranger's be in its place, by then."""
    path = PATHS["Service"]
    life.wire.fault = lambda asked, _: Answer(503, "Unavailable") if asked.kind == path else None
    await life.clock.advance(1)
    uid = life.create()
    await life.clock.advance(60)
    owner = {"kind": names.KIND, "name": "demo", "uid": uid, "controller": True}
    life.objects.create(path, KEY[0], {"metadata": {"name": "demo", "ownerReferences": [owner]}})

    def replace_at_the_last_moment(asked: Wanted, _: bytes) -> None:
        if asked.kind == path and asked.verb == "patch":
            life.objects.delete(path, KEY, {})
            life.objects.create(path, KEY[0], {"metadata": {"name": "demo", "labels": {"of": "a stranger"}}})
            life.wire.fault = lambda *_: None

    life.wire.fault = replace_at_the_last_moment
    await life.clock.advance(120)
    assert life.objects.get(path, KEY)["metadata"]["labels"] == {"of": "a stranger"}
    assert "NameTaken" in {condition["reason"] for condition in life.status["conditions"]}

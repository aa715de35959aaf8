"""A user who reports work at the last moment must win against a pause that was decided before."""

import random
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from amalthea.api import names
from amalthea.api.reasons import Cause
from amalthea.engine.backoff import Backoff
from amalthea.engine.ports import Stale
from amalthea.engine.work.queue import WorkQueue
from amalthea.kube.client import Client
from amalthea.kube.errors import Forbidden
from amalthea.model.deadlines import End
from amalthea.model.views import decoding
from amalthea.model.views.objects import SessionView
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.inputs.given_claims import GivenClaims
from amalthea.operator.telemetry.deletion_counter import DeletionCounter
from amalthea.operator.writers.culler import Culler
from amalthea.operator.writers.event_recorder import EventRecorder
from amalthea.telemetry.logs import JsonFormatter
from amalthea.testing.api_server import faults
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.clock import FakeClock
from bench.chaos import ended_by_itself

KIND, KEY = f"{names.API_VERSION}/{names.PLURAL}", ("ns", "one")
PAUSE, DELETION = End(False, Cause.IDLE, timedelta(hours=1)), End(True, Cause.IDLE, timedelta(hours=1))


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        spec = {"hibernated": False, "session": {"image": "x"}}
        started.objects.create(KIND, KEY[0], {"metadata": {"name": KEY[1]}, "spec": spec})
        yield started


@pytest.fixture
def deleted() -> list[str]:
    """The causes of deletions that were reported."""
    return []


@pytest.fixture
async def culler(api: FakeApi, deleted: list[str]) -> AsyncIterator[Culler]:
    clock = FakeClock()
    async with Client(api.config) as client:
        recorder = EventRecorder(client, WorkQueue(clock, Backoff(random.Random(1))), clock, "operator")
        caches = Caches(lambda *_: None)
        yield Culler(client, caches, recorder, DeletionCounter(deleted.append), GivenClaims(client, caches))


def known(api: FakeApi) -> SessionView:
    return decoding.session(msgspec.json.encode(api.objects.get(KIND, KEY)))


async def test_a_session_whose_time_has_come_is_paused(api: FakeApi, culler: Culler) -> None:
    await culler.end(known(api), PAUSE)
    assert api.objects.get(KIND, KEY)["spec"]["hibernated"]


@pytest.mark.parametrize("due", [PAUSE, DELETION], ids=["pause", "deletion"])
async def test_a_change_at_the_last_moment_wins(api: FakeApi, culler: Culler, due: End) -> None:
    session = known(api)
    changed = api.objects.get(KIND, KEY)
    api.objects.update(KIND, KEY, {**changed, "spec": {**changed["spec"], "culling": {"lastInteraction": "now"}}})

    with pytest.raises(Stale):
        await culler.end(session, due)
    assert not api.objects.get(KIND, KEY)["spec"]["hibernated"]


async def test_a_deletion_takes_this_very_session(api: FakeApi, culler: Culler, deleted: list[str]) -> None:
    await culler.end(known(api), DELETION)

    assert api.count("delete") == 1
    assert deleted == ["Idle"]
    assert KIND not in [change.kind for change in api.objects.history if change.type == "ADDED"][1:]


@pytest.mark.parametrize(("due", "message"), [(PAUSE, "paused"), (DELETION, "deleted")])
async def test_each_end_is_one_line_with_the_words_of_all_decisions(
    api: FakeApi, culler: Culler, caplog: pytest.LogCaptureFixture, due: End, message: str
) -> None:
    caplog.set_level("INFO")
    await culler.end(known(api), due)
    (record,) = [each for each in caplog.records if each.name.startswith("amalthea")]
    line = vars(record)
    assert (line["message"], line["session"], line["run_id"], line["reason"]) == (message, "ns/one", "", "Idle")
    assert ended_by_itself(JsonFormatter().format(record)) == [f"the operator has {message} ns/one: Idle"]


async def test_a_deletion_that_is_refused_is_not_counted(api: FakeApi, culler: Culler, deleted: list[str]) -> None:
    api.fail("delete", faults.refuse(403, "Forbidden"))

    with pytest.raises(Forbidden):
        await culler.end(known(api), DELETION)
    assert api.objects.get(KIND, KEY)
    assert deleted == []


async def test_a_session_that_is_gone_is_not_an_error(api: FakeApi, culler: Culler) -> None:
    session = known(api)
    api.objects.delete(KIND, KEY, {})

    await culler.end(session, PAUSE)

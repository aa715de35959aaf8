"""Events must not delay what people wait for, and must not be lost because there is always something to do."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from amalthea.api.event_reasons import EventReason
from amalthea.engine.backoff import Backoff
from amalthea.engine.work.queue import WorkQueue
from amalthea.kube.client import Client
from amalthea.model.status.transitions import Transition
from amalthea.model.views.objects import Metadata
from amalthea.operator.writers.event_recorder import AT_ONCE, CALM, FORBIDDEN_FOR, LONGEST, PATIENCE, EventRecorder
from amalthea.testing.api_server import faults
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.clock import FakeClock
from amalthea.testing.waiting import eventually

SESSION = Metadata(name="one", namespace="ns", uid="u1")
OTHER = Metadata(name="one", namespace="other", uid="u2")
RUNNING = Transition(EventReason.RUNNING, "The session is ready.")
PAUSED = Transition(EventReason.HIBERNATED, "The session is paused.")
FAILED = Transition(EventReason.FAILED, "The session cannot run.", "Warning")


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def queue(clock: FakeClock) -> WorkQueue:
    return WorkQueue(clock, Backoff(random.Random(1)))


@pytest.fixture
async def recorder(api: FakeApi, queue: WorkQueue, clock: FakeClock) -> AsyncIterator[EventRecorder]:
    async with Client(api.config) as client:
        made = EventRecorder(client, queue, clock, "operator-1")
        running = asyncio.create_task(made.run())
        yield made
        running.cancel()


def written(api: FakeApi) -> list[str]:
    return [change.object["reason"] for change in api.objects.history]


def exactly(api: FakeApi, *reasons: str) -> Callable[[], bool]:
    return lambda: written(api) == list(reasons)


async def test_an_event_is_written_soon_where_nothing_else_is_to_be_done(
    api: FakeApi, recorder: EventRecorder, clock: FakeClock
) -> None:
    recorder.record(SESSION, RUNNING)
    await clock.advance(CALM)
    await eventually(exactly(api, "Running"))


async def test_events_wait_until_no_session_is_worked_on_and_keep_their_order(
    api: FakeApi, recorder: EventRecorder, queue: WorkQueue, clock: FakeClock
) -> None:
    queue.add(("ns", "two"))
    recorder.record(SESSION, RUNNING)
    recorder.record(SESSION, PAUSED)
    key = await queue.get()
    await clock.advance(PATIENCE - 1)
    assert written(api) == []
    queue.done(key)
    await clock.advance(CALM)
    await eventually(exactly(api, "Running", "Hibernated"))


async def test_an_event_does_not_wait_for_ever(
    api: FakeApi, recorder: EventRecorder, queue: WorkQueue, clock: FakeClock
) -> None:
    queue.add(("ns", "two"))
    recorder.record(SESSION, RUNNING)
    await clock.advance(PATIENCE)
    await eventually(exactly(api, "Running"))


async def test_an_event_that_cannot_be_written_is_let_go_and_the_next_is_written(
    api: FakeApi, recorder: EventRecorder, clock: FakeClock
) -> None:
    api.fail("create", faults.refuse(500), times=1)
    recorder.record(SESSION, RUNNING)
    recorder.record(SESSION, PAUSED)
    await clock.advance(CALM)
    await eventually(exactly(api, "Hibernated"))


async def test_an_event_that_cannot_even_be_encoded_holds_up_no_other(
    api: FakeApi, recorder: EventRecorder, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.record(SESSION, Transition(EventReason.FAILED, "half a letter: \ud800", "Warning"))
    recorder.record(OTHER, PAUSED)
    await clock.advance(CALM)
    await eventually(exactly(api, "Hibernated"))
    recorder.record(SESSION, Transition(EventReason.FAILED, "half a letter: \ud800", "Warning"))
    recorder.record(OTHER, RUNNING)
    await recorder.flush(1.0)
    assert written(api) == ["Hibernated", "Running"]
    assert [vars(record)["reason"] for record in caplog.records] == ["Failed", "Failed"]


async def test_an_operator_that_may_not_write_events_asks_once(
    api: FakeApi, recorder: EventRecorder, clock: FakeClock
) -> None:
    api.fail("create", faults.refuse(403, "Forbidden"))
    recorder.record(SESSION, RUNNING)
    recorder.record(SESSION, PAUSED)
    await clock.advance(CALM)
    await eventually(lambda: api.count("create") == 1)
    api.heal()
    recorder.record(SESSION, FAILED)
    await recorder.flush(1.0)
    assert written(api) == []


async def test_one_namespace_that_takes_no_events_silences_no_other_and_not_for_ever(
    api: FakeApi, recorder: EventRecorder, clock: FakeClock
) -> None:
    api.fail("create", faults.refuse(403, "Forbidden"), times=1)
    recorder.record(SESSION, RUNNING)
    recorder.record(SESSION, PAUSED)
    recorder.record(OTHER, FAILED)
    await clock.advance(CALM)
    await eventually(lambda: written(api) == ["Failed"])
    await clock.advance(FORBIDDEN_FOR)
    recorder.record(SESSION, RUNNING)
    await recorder.flush(1.0)
    assert written(api) == ["Failed", "Running"]


async def test_a_quota_on_events_is_not_a_missing_right(api: FakeApi, recorder: EventRecorder) -> None:
    answer = faults.describe(
        403, "Forbidden", 'events "x" is forbidden: exceeded quota: few, requested: count/events=1'
    )

    async def full(_: web.Request) -> web.StreamResponse:
        return web.json_response(answer, status=403)

    api.fail("create", full, times=1)
    recorder.record(SESSION, RUNNING)
    recorder.record(SESSION, PAUSED)
    await recorder.flush(1.0)
    assert written(api) == ["Hibernated"]


async def test_events_that_wait_at_the_end_are_written(api: FakeApi, recorder: EventRecorder, queue: WorkQueue) -> None:
    queue.add(("ns", "two"))
    recorder.record(SESSION, RUNNING)
    recorder.record(SESSION, FAILED)
    await recorder.flush(1.0)
    assert written(api) == ["Running", "Failed"]


async def test_a_term_that_ends_while_an_event_is_written_leaves_the_next_one_sound(
    api: FakeApi, queue: WorkQueue, clock: FakeClock
) -> None:
    api.fail("create", faults.silence(after_headers=False), times=1)
    async with Client(api.config) as client:
        recorder = EventRecorder(client, queue, clock, "operator-1")
        first = asyncio.create_task(recorder.run())
        recorder.record(SESSION, RUNNING)
        await clock.advance(CALM)
        await eventually(lambda: bool(api.asked))
        first.cancel()
        recorder.begin_term()
        second = asyncio.create_task(recorder.run())
        await clock.advance(CALM)
        assert not second.done()
        second.cancel()


async def test_a_term_writes_no_event_that_an_earlier_one_owed_for_long(
    api: FakeApi, queue: WorkQueue, clock: FakeClock
) -> None:
    async with Client(api.config) as client:
        recorder = EventRecorder(client, queue, clock, "operator-1")
        recorder.record(SESSION, PAUSED)
        await clock.advance(PATIENCE)
        recorder.record(SESSION, RUNNING)
        recorder.begin_term()
        await recorder.flush(1.0)
        assert written(api) == ["Running"]


def hang_in(namespaces: int, api: FakeApi, recorder: EventRecorder) -> None:
    """Let a webhook hang on all Events of so many namespaces, each of which has a hundred to write."""

    async def hang(request: web.Request) -> None:
        if "/namespaces/hangs-" in request.path:
            await asyncio.Event().wait()

    api.fail("create", hang)
    for number in range(namespaces):
        for _ in range(100):
            recorder.record(Metadata(name="one", namespace=f"hangs-{number}", uid="u3"), RUNNING)


async def test_a_webhook_that_hangs_in_some_namespaces_holds_up_no_events_of_others(
    api: FakeApi, recorder: EventRecorder, clock: FakeClock
) -> None:
    hang_in(AT_ONCE // 2, api, recorder)
    recorder.record(OTHER, RUNNING)
    recorder.record(OTHER, PAUSED)
    await clock.advance(CALM)
    await eventually(exactly(api, "Running", "Hibernated"))
    recorder.record(OTHER, FAILED)
    flushing = asyncio.create_task(recorder.flush(1.0))
    await eventually(exactly(api, "Running", "Hibernated", "Failed"))
    assert api.count("create") == AT_ONCE // 2 + 3
    await clock.advance(1)
    await flushing


async def test_more_namespaces_that_hang_than_are_written_in_at_once_hold_up_others_for_seconds(
    api: FakeApi, recorder: EventRecorder, clock: FakeClock
) -> None:
    hang_in(2 * AT_ONCE, api, recorder)
    recorder.record(OTHER, RUNNING)
    await clock.advance(CALM)
    for round_ in range(2):
        await eventually(lambda: api.count("create") == (round_ + 1) * AT_ONCE)  # noqa: B023 (called at once)
        await clock.advance(LONGEST)
    await eventually(exactly(api, "Running"))
    assert api.count("create") == 2 * AT_ONCE + 1


async def test_an_event_that_a_webhook_denies_silences_no_other_of_its_namespace(
    api: FakeApi, recorder: EventRecorder, clock: FakeClock
) -> None:
    denial = faults.describe(403, "Forbidden", 'admission webhook "policy.example.org" denied the request: no')

    async def deny(_: web.Request) -> web.StreamResponse:
        return web.json_response(denial, status=403)

    api.fail("create", deny, times=1)
    recorder.record(SESSION, RUNNING)
    recorder.record(SESSION, PAUSED)
    await clock.advance(CALM)
    await eventually(exactly(api, "Hibernated"))

"""What nobody tells must be asked for, and a cluster full of starting sessions must not be asked without end."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from amalthea.engine.backoff import Backoff
from amalthea.engine.queue import WorkQueue
from amalthea.kube.client import Client
from amalthea.model.inquiry import NO_POD
from amalthea.model.observed import Observed
from amalthea.operator.inquirer import FORBIDDEN_FOR, PAUSES, Inquirer
from amalthea.operator.pacer import QUESTIONS, Pacer
from amalthea.testing import faults
from amalthea.testing.api import FakeApi
from amalthea.testing.clock import FakeClock
from amalthea.testing.observations import (
    POD_UID,
    WORKLOAD_UID,
    condition,
    container,
    event,
    observed,
    pod,
    statefulset,
    unscheduled_pod,
)

SESSION = ("team", "demo")
WITHOUT_POD = observed(None, statefulset())
UNSCHEDULED = observed(None, statefulset(), unscheduled_pod("no room"))
READY = observed(None, statefulset(ready=1), pod(container(ready=True), conditions=[condition("Ready", "True")]))


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        for name, uid in (("a", WORKLOAD_UID), ("b", POD_UID), ("c", "somebody-else")):
            body = event(uid, "FailedCreate", f"about {uid}")
            started.objects.create("v1/events", "team", {**body, "metadata": {"name": name}})
        yield started


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def queue(clock: FakeClock) -> WorkQueue:
    return WorkQueue(clock, Backoff(random.Random(1)))


@pytest.fixture
async def inquirer(api: FakeApi, clock: FakeClock, queue: WorkQueue) -> AsyncIterator[Inquirer]:
    """An inquirer whose sessions get their turns as soon as they wait for them."""
    async with Client(api.config) as client:
        working = asyncio.create_task(_work(queue))
        yield Inquirer(client, clock, Pacer(clock, queue, QUESTIONS))
        working.cancel()


async def _work(queue: WorkQueue) -> None:
    while True:
        queue.done(await queue.get())


def learned(inquirer: Inquirer) -> list[str] | None:
    known = inquirer.known(SESSION)
    return None if known is None else [each.message for each in known]


async def ask_when_due(inquirer: Inquirer, clock: FakeClock, seen: Observed) -> timedelta | None:
    """Ask until the question was put; return how long to wait until it is put again."""
    due = await inquirer.ask(seen)
    assert due is not None
    await clock.advance((due - clock.now()).total_seconds())
    assert await inquirer.ask(seen) is None, "it waits for its turn"
    await clock.advance(QUESTIONS.of_any)
    again = await inquirer.ask(seen)
    return again - clock.now() if again is not None else None


async def test_an_event_that_cannot_be_read_hides_no_other(api: FakeApi, inquirer: Inquirer, clock: FakeClock) -> None:
    odd = {**event(WORKLOAD_UID, "FailedCreate", "odd"), "lastTimestamp": "0000-01-01T00:00:00Z"}
    api.objects.create("v1/events", "team", {**odd, "metadata": {"name": "odd"}})
    await ask_when_due(inquirer, clock, WITHOUT_POD)
    assert learned(inquirer) == [f"about {WORKLOAD_UID}"]


async def test_a_start_that_explains_itself_in_time_costs_no_request(
    api: FakeApi, inquirer: Inquirer, clock: FakeClock
) -> None:
    assert await inquirer.ask(WITHOUT_POD) == clock.now() + NO_POD
    await clock.advance(NO_POD.total_seconds() - 1)
    await inquirer.ask(WITHOUT_POD)
    assert await inquirer.ask(READY) is None
    assert api.count("list") == 0
    assert learned(inquirer) is None


async def test_only_the_events_of_the_very_object_are_asked_for(
    api: FakeApi, inquirer: Inquirer, clock: FakeClock
) -> None:
    await ask_when_due(inquirer, clock, WITHOUT_POD)

    assert learned(inquirer) == [f"about {WORKLOAD_UID}"]
    assert [asked.query for asked in api.asked] == [{"fieldSelector": f"involvedObject.uid={WORKLOAD_UID}"}]


async def test_a_question_is_put_more_and_more_rarely(inquirer: Inquirer, clock: FakeClock) -> None:
    pauses = [await ask_when_due(inquirer, clock, WITHOUT_POD) for _ in range(len(PAUSES) + 2)]

    assert pauses == [*PAUSES, PAUSES[-1], PAUSES[-1]]


async def test_another_question_begins_anew_and_the_old_answer_is_not_taken_for_its_own(
    inquirer: Inquirer, clock: FakeClock
) -> None:
    await ask_when_due(inquirer, clock, WITHOUT_POD)
    await inquirer.ask(UNSCHEDULED)
    assert learned(inquirer) is None
    await ask_when_due(inquirer, clock, UNSCHEDULED)
    assert learned(inquirer) == [f"about {POD_UID}"]


async def test_what_was_learned_goes_when_the_session_is_ready_or_gone(inquirer: Inquirer, clock: FakeClock) -> None:
    await ask_when_due(inquirer, clock, WITHOUT_POD)
    await inquirer.ask(READY)
    assert learned(inquirer) is None
    await ask_when_due(inquirer, clock, WITHOUT_POD)
    inquirer.forget(SESSION)
    assert learned(inquirer) is None


async def test_silence_is_no_answer(api: FakeApi, inquirer: Inquirer, clock: FakeClock) -> None:
    api.fail("list", faults.refuse(503))
    await ask_when_due(inquirer, clock, WITHOUT_POD)
    assert learned(inquirer) is None
    api.heal()
    await ask_when_due(inquirer, clock, WITHOUT_POD)
    api.fail("list", faults.refuse(503))
    await ask_when_due(inquirer, clock, WITHOUT_POD)
    assert learned(inquirer) == [f"about {WORKLOAD_UID}"]


async def test_an_operator_that_may_not_list_events_says_so_once_and_asks_again_in_ten_minutes(
    api: FakeApi, inquirer: Inquirer, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    api.fail("list", faults.refuse(403, "Forbidden"))
    await ask_when_due(inquirer, clock, WITHOUT_POD)
    assert await inquirer.ask(UNSCHEDULED) == clock.now() + FORBIDDEN_FOR
    assert learned(inquirer) == []
    assert api.count("list") == 1
    assert inquirer.known(("another", "demo")) is None
    assert [record.levelno for record in caplog.records if record.levelno >= logging.WARNING] == [logging.WARNING]


async def test_a_right_that_is_back_is_used_again(api: FakeApi, inquirer: Inquirer, clock: FakeClock) -> None:
    api.fail("list", faults.refuse(403, "Forbidden"), times=1)
    await ask_when_due(inquirer, clock, WITHOUT_POD)
    assert await inquirer.ask(WITHOUT_POD) == clock.now() + FORBIDDEN_FOR
    await clock.advance(FORBIDDEN_FOR.total_seconds())
    await ask_when_due(inquirer, clock, WITHOUT_POD)
    assert api.count("list") == 2


async def test_while_there_is_other_work_no_question_is_put(api: FakeApi, clock: FakeClock, queue: WorkQueue) -> None:
    async with Client(api.config) as client:
        inquirer = Inquirer(client, clock, Pacer(clock, queue, QUESTIONS))
        await inquirer.ask(WITHOUT_POD)
        queue.add(("team", "another"))
        busy = await queue.get()
        await clock.advance(NO_POD.total_seconds())
        for _ in range(5):
            await inquirer.ask(WITHOUT_POD)
            await clock.advance(QUESTIONS.of_any)
        assert api.count("list") == 0
        queue.done(busy)
        await clock.advance(QUESTIONS.of_any)
        assert await queue.get() == SESSION
        await inquirer.ask(WITHOUT_POD)
    assert api.count("list") == 1

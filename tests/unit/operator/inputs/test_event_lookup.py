"""Unexplained states must be asked about, and a cluster full of starting sessions must not be asked without end."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from amalthea.engine.backoff import Backoff
from amalthea.engine.ports import Key
from amalthea.engine.work.queue import WorkQueue
from amalthea.kube.client import Client
from amalthea.model.diagnosis.which_events import NO_NODE, NO_POD
from amalthea.model.views.observed import Observed
from amalthea.operator.inputs import event_lookup as module
from amalthea.operator.inputs.event_lookup import (
    FORBIDDEN_FOR,
    PATIENCE,
    PAUSES,
    UNANSWERED_FOR,
    UNANSWERED_PAUSES,
    EventLookup,
)
from amalthea.testing.api_server import faults
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.faults import Fault
from amalthea.testing.builders import session
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
from amalthea.testing.waiting import eventually

SESSION = ("team", "demo")
WITHOUT_POD = observed(None, statefulset())
UNSCHEDULED = observed(None, statefulset(), unscheduled_pod("no room"))
READY = observed(None, statefulset(ready=1), pod(container(ready=True), conditions=[condition("Ready", "True")]))
WAIT = NO_POD.total_seconds()
HOUR = 3600.0


class Desk:
    """An event lookup at work, on a clock that is moved by hand, and the sessions that it woke."""

    def __init__(self, client: Client, clock: FakeClock) -> None:
        self.clock = clock
        self.queue = WorkQueue(clock, Backoff(random.Random(1)))
        self.event_lookup = EventLookup(client, clock, self.queue)
        self.woken: list[Key] = []
        self.event_lookup.wake = self.woken.append

    async def pass_time(self, seconds: float) -> None:
        """Let time pass while a question is open, and give requests the real time that they need."""
        end = self.clock.monotonic() + seconds
        while (left := end - self.clock.monotonic()) > 0:
            await eventually(lambda: self.clock.next_due is not None)
            await self.clock.advance(min(left, self.clock.next_due or left))
        await eventually(lambda: self.clock.next_due is not None)

    def learned(self) -> list[str] | None:
        known = self.event_lookup.known(SESSION)
        return None if known is None else [each.message for each in known]


def make_event(api: FakeApi, name: str, kind: str, uid: str, reason: str, namespace: str = "team") -> None:
    body = event(uid, reason, f"{reason} of {uid}")
    body["involvedObject"] |= {"kind": kind}
    api.objects.create("v1/events", namespace, {**body, "metadata": {"name": name}})


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        make_event(started, "a", "StatefulSet", WORKLOAD_UID, "FailedCreate")
        make_event(started, "b", "Pod", POD_UID, "TriggeredScaleUp")
        make_event(started, "c", "Pod", "somebody-else", "TriggeredScaleUp")
        make_event(started, "d", "Pod", POD_UID, "PolicyViolation")
        yield started


@pytest.fixture
async def desk(api: FakeApi) -> AsyncIterator[Desk]:
    async with Client(api.config) as client:
        made = Desk(client, FakeClock())
        working = asyncio.create_task(made.event_lookup.run())
        yield made
        assert not working.done()
        working.cancel()


async def test_a_start_that_explains_itself_in_time_costs_no_request(api: FakeApi, desk: Desk) -> None:
    desk.event_lookup.follow(WITHOUT_POD)
    await desk.clock.advance(WAIT - 1)
    desk.event_lookup.follow(WITHOUT_POD)
    assert desk.event_lookup.follow(READY) is None
    await desk.clock.advance(HOUR)
    assert (api.count("list"), desk.learned()) == (0, None)


async def test_only_the_events_on_the_very_object_that_bear_on_the_question_are_kept(api: FakeApi, desk: Desk) -> None:
    desk.event_lookup.follow(UNSCHEDULED)
    await desk.pass_time(WAIT)
    assert desk.learned() == [f"TriggeredScaleUp of {POD_UID}"]
    (asked,) = api.asked
    assert asked.path == "/api/v1/namespaces/team/events"
    assert asked.query["fieldSelector"].startswith("involvedObject.kind=Pod,reason!=Scheduled,")
    assert desk.woken == [SESSION]


async def test_the_last_of_two_equal_events_counts(api: FakeApi, desk: Desk) -> None:
    for name, last in (("e", "2026-11-22T13:59:00Z"), ("f", "2026-11-22T13:00:00Z")):
        body = event(WORKLOAD_UID, "FailedCreate", name, last)
        body["involvedObject"] |= {"kind": "StatefulSet"}
        api.objects.create("v1/events", "team", {**body, "metadata": {"name": name}})
    api.objects.delete("v1/events", ("team", "a"), {})
    desk.event_lookup.follow(WITHOUT_POD)
    await desk.pass_time(WAIT)
    assert desk.learned() == ["e"]


async def test_a_question_is_put_more_and_more_rarely(api: FakeApi, desk: Desk) -> None:
    desk.event_lookup.follow(WITHOUT_POD)
    await desk.pass_time(WAIT)
    for number, pause in enumerate((*PAUSES, PAUSES[-1], PAUSES[-1]), 1):
        await desk.pass_time(pause - 0.1)
        assert api.count("list") == number
        await desk.pass_time(0.1)
        assert api.count("list") == number + 1
    assert desk.woken == [SESSION], "an answer that says nothing new wakes nobody"


async def test_another_question_begins_anew_and_the_old_answer_is_not_taken_for_its_own(desk: Desk) -> None:
    desk.event_lookup.follow(WITHOUT_POD)
    await desk.pass_time(WAIT)
    desk.event_lookup.follow(UNSCHEDULED)
    assert desk.learned() is None
    await desk.pass_time(WAIT)
    assert desk.learned() == [f"TriggeredScaleUp of {POD_UID}"]


async def test_events_are_forgotten_when_the_session_is_ready_gone_or_led_by_another(desk: Desk) -> None:
    ends: tuple[Callable[[], object], ...] = (
        lambda: desk.event_lookup.follow(READY),
        lambda: desk.event_lookup.forget(SESSION),
        desk.event_lookup.begin_term,
    )
    for end in ends:
        desk.event_lookup.follow(WITHOUT_POD)
        await desk.pass_time(WAIT)
        assert desk.learned() == [f"FailedCreate of {WORKLOAD_UID}"]
        end()
        assert desk.learned() is None


async def test_silence_is_not_an_answer_and_keeps_the_last_one(api: FakeApi, desk: Desk) -> None:
    api.fail("list", faults.refuse(503))
    desk.event_lookup.follow(WITHOUT_POD)
    await desk.pass_time(WAIT)
    assert desk.learned() is None
    api.heal()
    await desk.pass_time(PAUSES[0])
    assert desk.learned() == [f"FailedCreate of {WORKLOAD_UID}"]
    api.fail("list", faults.refuse(503))
    await desk.pass_time(HOUR)
    assert desk.learned() == [f"FailedCreate of {WORKLOAD_UID}"]


SILENCES: dict[str, Fault] = {
    "it fails": faults.refuse(500, "InternalError"),
    "it is too busy": faults.refuse(429, "TooManyRequests"),
    "a page of a proxy": faults.close_at_once(),
    "the right is missing": faults.refuse(403, "Forbidden"),
}


@pytest.mark.parametrize("fault", SILENCES.values(), ids=SILENCES)
async def test_events_that_nobody_gives_for_hours_count_as_none_after_minutes_and_are_asked_for_rarely(
    api: FakeApi, desk: Desk, fault: Fault
) -> None:
    api.fail("list", fault)
    until = desk.event_lookup.follow(UNSCHEDULED)
    assert until == desk.clock.now() + UNANSWERED_FOR
    await desk.pass_time(UNANSWERED_FOR.total_seconds() - 1)
    assert desk.learned() is None
    await desk.pass_time(1)
    assert (desk.learned(), desk.event_lookup.follow(UNSCHEDULED)) == ([], None)
    await desk.pass_time(6 * HOUR)
    assert 6 <= api.count("list") <= 6 * HOUR / UNANSWERED_PAUSES[-1] + len(UNANSWERED_PAUSES)
    api.heal()
    await desk.pass_time(UNANSWERED_PAUSES[-1])
    assert desk.learned() == [f"TriggeredScaleUp of {POD_UID}"]


async def test_a_missing_right_is_logged_once_in_ten_minutes_and_counts_in_its_namespace_alone(
    api: FakeApi, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    api.fail("list", faults.refuse(403, "Forbidden"), times=1)
    desk.event_lookup.follow(WITHOUT_POD)
    await desk.pass_time(WAIT)
    desk.event_lookup.follow(UNSCHEDULED)
    desk.event_lookup.follow(observed(replace(session(), namespace="other"), statefulset()))
    await desk.pass_time(FORBIDDEN_FOR - 1)
    assert {asked.path.split("/")[4] for asked in api.asked[1:]} == {"other"}
    assert [record.levelno for record in caplog.records if record.levelno >= logging.WARNING] == [logging.WARNING]
    await desk.pass_time(1 + PAUSES[-1])
    assert desk.learned() == [f"TriggeredScaleUp of {POD_UID}"]


async def test_an_event_that_cannot_be_read_hides_no_other(api: FakeApi, desk: Desk) -> None:
    odd = {"involvedObject": {"kind": "Pod", "uid": 5}, "reason": "Nominated", "metadata": {"name": "0"}}
    api.objects.create("v1/events", "team", odd)
    desk.event_lookup.follow(UNSCHEDULED)
    await desk.pass_time(WAIT)
    assert desk.learned() == [f"TriggeredScaleUp of {POD_UID}"]


async def test_a_question_waits_while_there_is_other_work_though_not_for_ever(api: FakeApi, desk: Desk) -> None:
    desk.queue.add(("team", "slow"))
    await desk.queue.get()  # a pass that is never done
    desk.event_lookup.follow(UNSCHEDULED)
    await desk.pass_time(WAIT + PATIENCE - 1)
    assert api.count("list") == 0
    await desk.pass_time(1)
    assert desk.learned() == [f"TriggeredScaleUp of {POD_UID}"]


async def test_a_question_is_put_as_soon_as_the_other_work_is_done(api: FakeApi, desk: Desk) -> None:
    desk.queue.add(("team", "another"))
    busy = await desk.queue.get()
    desk.event_lookup.follow(UNSCHEDULED)
    await desk.pass_time(WAIT)
    assert api.count("list") == 0
    desk.queue.done(busy)
    await eventually(lambda: desk.learned() == [f"TriggeredScaleUp of {POD_UID}"])


NAMESPACES, EACH = 20, 50
ROUNDS = 8
"""Lists of a namespace in ten minutes: after 15 s, 30 s, 1 min, 2 min and then every two minutes."""


def unscheduled(namespace: str, name: str) -> Observed:
    uid = f"{namespace}-{name}"
    waiting = unscheduled_pod("0/9 nodes are available: 9 Insufficient cpu.")
    waiting["metadata"] |= {"uid": uid}
    return observed(replace(session(name), namespace=namespace), statefulset(), waiting)


async def test_a_thousand_sessions_without_a_node_are_answered_within_ten_minutes_by_few_lists(
    api: FakeApi, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 40)
    keys = [(f"ns-{place}", f"s-{number}") for place in range(NAMESPACES) for number in range(EACH)]
    for number, (namespace, name) in enumerate(keys):
        uid = f"{namespace}-{name}"
        make_event(api, f"{name}-a", "Pod", uid, "FailedScheduling", namespace)
        make_event(api, f"{name}-b", "Pod", f"{uid}-of-somebody", "TriggeredScaleUp", namespace)
        if number % 2:
            make_event(api, f"{name}-c", "Pod", uid, "TriggeredScaleUp", namespace)
    for namespace, name in keys:
        desk.event_lookup.follow(unscheduled(namespace, name))
    await desk.pass_time(NO_NODE.total_seconds() + NAMESPACES * module.PACE)
    answers = [desk.event_lookup.known(key) for key in keys]
    assert [None if answer is None else len(answer) for answer in answers] == [number % 2 for number in range(1000)]
    assert sorted(desk.woken) == sorted(keys)
    await desk.pass_time(timedelta(minutes=10).total_seconds() - desk.clock.monotonic())
    lists = [asked for asked in api.asked if "continue" not in asked.query]
    assert len(lists) <= NAMESPACES * ROUNDS
    assert {asked.query["limit"] for asked in api.asked} == {"40"}
    assert len(api.asked) == 2 * len(lists), "of 75 Events that are sent"

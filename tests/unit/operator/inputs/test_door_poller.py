"""A door that hangs must hold nobody up, many must not be asked at once, and what is forgotten must not come back."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from amalthea.engine.ports import Key
from amalthea.model.times import rfc3339
from amalthea.model.views.door import Door, NoAnswerError, Reported, Silent, TooOld
from amalthea.operator.inputs.door_poller import DoorPoller
from amalthea.operator.inputs.pod_poller import AT_ONCE, OF_A_NAMESPACE
from amalthea.testing.clock import FakeClock
from amalthea.testing.observations import container, observed, pod, statefulset

ONE, HERE, NEXT = ("team", "demo"), "192.0.2.1", "192.0.2.2"
SEEN = observed(None, statefulset(), pod(container(), container("authproxy"), podIP=HERE))
OLDER = b'{"last_request_time": "2026-01-01T11:00:00Z"}'


class Desk:
    """A door poller before doors that open when a test lets them."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.open = asyncio.Event()
        self.open.set()
        self.answer = msgspec.json.encode(
            {"last_request_time": "", "version": 1, "last_work_time": rfc3339(self.clock.now())}
        )
        self.rung: list[str] = []
        self.answers: list[str] = []
        self.woken: list[Key] = []
        self.door_poller = DoorPoller(self._ring, self.clock, self.answers.append)
        self.door_poller.wake = self.woken.append

    async def _ring(self, address: str) -> bytes:
        self.rung.append(address)
        await self.open.wait()
        if not self.answer:
            raise NoAnswerError("it is closed")
        return self.answer

    async def ask(self) -> Door | None:
        """Have the door of SEEN asked; return what is known afterwards."""
        self.door_poller.ask(ONE, HERE)
        await self.clock.advance(1)
        return self.door_poller.door(SEEN)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    running = asyncio.create_task(desk.door_poller.run())
    yield desk
    running.cancel()


async def test_the_answer_of_a_door_is_kept_and_wakes_its_session(desk: Desk) -> None:
    assert desk.door_poller.door(SEEN) == Door(HERE)
    asked_at = desk.clock.now()

    assert await desk.ask() == Door(HERE, Reported(asked_at, asked_at))
    assert desk.woken == [ONE]
    desk.answer = OLDER
    assert await desk.ask() == Door(HERE, TooOld(asked_at + timedelta(seconds=1)))
    assert desk.answers == ["told", "too_old"]


async def test_a_session_without_a_proxy_has_no_door(desk: Desk) -> None:
    assert desk.door_poller.door(observed(None, statefulset(), pod(container(), podIP=HERE))) is None
    assert desk.door_poller.door(observed(None, statefulset(replicas=0))) is None


async def test_a_doorman_who_does_not_ask_knows_of_no_door() -> None:
    desk = Desk()

    assert DoorPoller(desk._ring, desk.clock, desk.answers.append, asks=False).door(SEEN) is None


async def test_a_door_is_not_asked_again_while_its_answer_is_waited_for(desk: Desk) -> None:
    desk.open.clear()
    for _ in range(3):
        await desk.ask()
    assert desk.rung == [HERE]
    assert desk.woken == []
    desk.open.set()
    await desk.clock.advance(1)
    assert desk.woken == [ONE]


async def test_silence_is_counted_and_logged_once_until_the_door_answers(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answer, desk.answer = desk.answer, b""
    for times in (1, 2, 3):
        door = await desk.ask()
        assert door is not None
        assert isinstance(door.look, Silent)
        assert door.look.times == times
    desk.answer = answer
    await desk.ask()
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.INFO]
    assert desk.answers == ["none"] * 3 + ["told"]


RUBBISH = (
    b"",
    b"[]",
    b"\xff\xfe",
    b'"\\ud800"',
    b"[" * 100_000,
    b'{"last_request_time": "", "version": 1e999}',
    b'{"last_request_time": "", "version": 18446744073709551616}',
    b'{"last_request_time": "", "version": 1, "last_work_time": "0000-01-01T00:00:00Z"}',
    b'{"last_request_time": "", "version": 1, "last_work_time": "0001-01-01T00:00:00+14:00"}',
    b'{"last_request_time": "", "version": 1, "last_work_time": "9999-12-31T23:59:59.9-14:00"}',
)


@pytest.mark.parametrize("answer", RUBBISH, ids=lambda answer: answer[:90].decode(errors="replace"))
async def test_no_answer_of_a_door_keeps_the_next_from_being_asked(desk: Desk, answer: bytes) -> None:
    good, desk.answer = desk.answer, answer
    for _ in range(AT_ONCE + 1):
        await desk.ask()
    desk.answer = good
    door = await desk.ask()
    assert door is not None
    assert isinstance(door.look, Reported)


async def test_an_unforeseen_answer_of_a_door_is_silence_and_logged_by_its_id_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, rung = FakeClock(), []

    async def ring(address: str) -> bytes:
        rung.append(address)
        raise ZeroDivisionError("a secret value")

    door_poller = DoorPoller(ring, clock, lambda _: None)
    running = asyncio.create_task(door_poller.run())
    for _ in range(AT_ONCE + 1):
        door_poller.ask(ONE, HERE)
        await clock.advance(1)
    running.cancel()

    door = door_poller.door(SEEN)
    assert door is not None
    assert isinstance(door.look, Silent)
    assert door.look.times == len(rung) == AT_ONCE + 1
    assert "internal error" in str([vars(record)["error"] for record in caplog.records])
    assert "a secret value" not in caplog.text


async def test_many_doors_are_asked_a_few_at_a_time(desk: Desk) -> None:
    desk.open.clear()
    for number in range(3 * AT_ONCE):
        desk.door_poller.ask((f"team-{number % 3}", f"session-{number}"), HERE)
    await desk.clock.advance(1)
    assert len(desk.rung) == AT_ONCE
    desk.open.set()
    await desk.clock.advance(1)
    assert len(desk.rung) == len(desk.woken) == 3 * AT_ONCE


async def test_a_forgotten_door_does_not_come_back(desk: Desk) -> None:
    desk.open.clear()
    await desk.ask()
    desk.door_poller.forget(ONE)
    desk.open.set()
    await desk.clock.advance(1)
    assert desk.door_poller.door(SEEN) == Door(HERE)
    await desk.ask()
    desk.door_poller.forget(ONE)
    assert desk.door_poller.door(SEEN) == Door(HERE)


async def test_a_door_that_is_forgotten_before_its_turn_is_not_asked(desk: Desk) -> None:
    desk.door_poller.ask(ONE, HERE)
    desk.door_poller.forget(ONE)
    await desk.clock.advance(1)

    assert desk.rung == []


async def test_a_question_that_was_cut_off_is_put_again() -> None:
    """The operator lost its Lease, and got it back."""
    desk = Desk()
    desk.open.clear()
    for _ in range(2):
        running = asyncio.create_task(desk.door_poller.run())
        await desk.ask()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert desk.woken.pop() == ONE
    assert desk.rung == [HERE, HERE]


async def test_an_answer_about_a_pod_that_is_gone_is_not_taken_for_that_of_the_next_one(desk: Desk) -> None:
    """The session was paused and resumed, or replaced by another of its name, while its door took its time."""
    desk.open.clear()
    await desk.ask()
    desk.door_poller.forget(ONE)
    desk.door_poller.ask(ONE, NEXT)
    desk.door_poller.forget(ONE)
    desk.door_poller.ask(ONE, NEXT)
    former, desk.open = desk.open, asyncio.Event()
    former.set()
    await desk.clock.advance(1)
    assert desk.door_poller.door(SEEN) == Door(HERE)
    desk.open.set()
    await desk.clock.advance(1)
    assert isinstance((desk.door_poller.door(SEEN) or Door(HERE)).look, Reported)
    assert desk.rung == [HERE, NEXT]


async def test_doors_that_no_one_reaches_hold_up_no_pause_in_another_namespace(desk: Desk) -> None:
    """A network policy swallows the questions of a whole namespace; each takes its three seconds."""
    desk.open.clear()
    for number in range(500):
        desk.door_poller.ask(("walled", f"s{number}"), HERE)
    await desk.clock.advance(1)
    for number in range(OF_A_NAMESPACE):
        desk.door_poller.ask(("team", f"s{number}"), NEXT)
    await desk.clock.advance(1)
    assert desk.rung.count(HERE) == desk.rung.count(NEXT) == OF_A_NAMESPACE
    desk.open.set()
    await desk.clock.advance(1)
    assert desk.rung.count(HERE) == 500
    assert len(desk.woken) == 500 + OF_A_NAMESPACE

"""Whatever answers in place of a session's controller must lead nobody elsewhere, fill no memory, hold nobody up."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from amalthea.model.views.door import NoAnswerError
from amalthea.model.views.remote_job import RemoteJob, Unanswered, Word
from amalthea.operator.inputs import door_client
from amalthea.operator.inputs.door_client import JOB_SIZE_LIMIT, ask_for_job
from amalthea.operator.inputs.job_poller import JobPoller
from amalthea.operator.inputs.pod_poller import AT_ONCE
from amalthea.testing.builders import session
from amalthea.testing.clock import FakeClock
from amalthea.testing.observations import container, observed, pod, statefulset
from amalthea.testing.observations import job as batch
from tests.support import doors
from tests.support.doors import PlayedDoor

FAR = session().remote()
ONE, HERE = ("team", "demo"), "192.0.2.1"
SEEN = observed(FAR, statefulset(), pod(container(), podIP=HERE))
QUEUED = json.dumps({"status": "NotReady", "schedulerState": "PENDING", "reason": "Priority"}).encode()


@pytest.fixture
def controller() -> Iterator[PlayedDoor]:
    with doors.played() as opened:
        opened.path, opened.says = "/remote_status", lambda: QUEUED
        yield opened


async def test_the_controller_is_asked_at_the_port_that_network_policies_open(controller: PlayedDoor) -> None:
    assert doors.PORT == 65534
    assert await ask_for_job(controller.address) == QUEUED


async def test_ten_megabytes_are_not_read(controller: PlayedDoor) -> None:
    controller.says = lambda: b"x" * 10_000_000
    with pytest.raises(NoAnswerError, match=f"longer than {JOB_SIZE_LIMIT} bytes"):
        await ask_for_job(controller.address)


@pytest.mark.parametrize("status", [302, 401, 404, 500, 503])
async def test_another_status_is_not_an_answer_and_no_redirect_is_followed(controller: PlayedDoor, status: int) -> None:
    with doors.played() as elsewhere:
        elsewhere.path = "/remote_status"
        controller.status = status
        controller.headers = {"Location": f"http://{elsewhere.address}:{doors.PORT}/remote_status"}
        with pytest.raises(NoAnswerError, match=str(status)):
            await ask_for_job(controller.address)
        assert elsewhere.asked == []


async def test_one_that_hangs_takes_no_longer_than_the_time_limit(
    controller: PlayedDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_client, "TIME_LIMIT", 0.3)

    given_up = threading.Event()

    def late() -> bytes:
        given_up.wait(30)
        return QUEUED

    controller.says = late
    with pytest.raises(NoAnswerError):
        await ask_for_job(controller.address)
    given_up.set()


class Desk:
    """An asker before controllers that answer when a test lets them."""

    def __init__(self) -> None:
        self.clock, self.answer = FakeClock(), QUEUED
        self.open = asyncio.Event()
        self.open.set()
        self.asked: list[str] = []
        self.asker = JobPoller(self._ask, self.clock, asks=True)

    async def _ask(self, address: str) -> bytes:
        self.asked.append(address)
        await self.open.wait()
        if not self.answer:
            raise NoAnswerError("it is closed")
        return self.answer

    async def ask(self) -> RemoteJob | None:
        """Ask about SEEN; return what is known afterwards."""
        self.asker.ask(ONE, HERE)
        await self.clock.advance(1)
        return self.asker.job(SEEN)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    running = asyncio.create_task(desk.asker.run())
    yield desk
    running.cancel()


async def test_the_last_answer_is_kept_through_silence_which_is_logged_once(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert desk.asker.job(SEEN) == RemoteJob(HERE)
    asked_at = desk.clock.now()
    said = Word(asked_at, "NotReady", "PENDING", "Priority")
    assert await desk.ask() == RemoteJob(HERE, said)
    desk.answer = b""
    for times in (1, 2, 3):
        job = await desk.ask()
        assert job is not None
        assert isinstance(job.look, Unanswered)
        assert (job.look.times, job.look.last) == (times, said)
    desk.answer = QUEUED
    job = await desk.ask()
    assert job is not None
    assert job.look == replace(said, at=asked_at.replace(second=asked_at.second + 4))
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.INFO]


@pytest.mark.parametrize("answer", [b"<html>secret</html>", b"{", b"[" * 100_000, b"\xff", b'{"status": "secret"}'])
async def test_no_answer_keeps_the_next_from_being_asked_or_reaches_the_log(
    desk: Desk, answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    desk.answer = answer
    for _ in range(AT_ONCE + 1):
        await desk.ask()
    desk.answer = QUEUED
    job = await desk.ask()
    assert job is not None
    assert isinstance(job.look, Word)
    assert "secret" not in str([vars(record) for record in caplog.records])


async def test_sessions_whose_controllers_hang_hold_up_no_door_and_no_more_than_their_share(desk: Desk) -> None:
    desk.open.clear()
    for number in range(3 * AT_ONCE):
        desk.asker.ask((f"team-{number % 3}", f"session-{number}"), HERE)
    await desk.clock.advance(1)
    assert len(desk.asked) == AT_ONCE


async def test_only_a_remote_session_with_a_pod_has_a_job() -> None:
    desk = Desk()
    assert desk.asker.job(observed(session(), statefulset(), pod(container(), podIP=HERE))) is None
    assert desk.asker.job(observed(session().as_job(), batch(), pod(container(), podIP=HERE))) is None
    assert desk.asker.job(observed(FAR.as_job(), batch(), pod(container(), podIP=HERE))) == RemoteJob(HERE)
    assert desk.asker.job(observed(FAR, statefulset(replicas=0))) is None
    assert JobPoller(desk._ask, desk.clock, asks=False).job(SEEN) is None

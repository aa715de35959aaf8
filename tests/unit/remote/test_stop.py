"""The job goes when the pod stops: whatever is under way, within 40 s, and no look at it brings it back."""

import asyncio

import pytest

from amalthea.model.diagnosis.remote_jobs import LAST_WORDS
from amalthea.remote.job.journal import State
from amalthea.sidecars.http.messages import Answer
from amalthea.testing.remote.firecrest import error
from tests.unit.remote.site import Fuse, Running, Site, running


@pytest.mark.parametrize("at", range(1, 16))
async def test_a_stop_at_any_step_of_a_look_leaves_nothing(at: int) -> None:
    site = Site()
    first = await running(site)
    site.files.append(site.scheduler.all[0].output, b"one\ntwo\n")
    first.task.cancel()
    await site.clock.advance(0)
    session = Running(site, await site.controller(Fuse(at, site.stopped.set)))
    assert await site.finish(session.task) == ""
    assert site.scheduler.alive == []
    assert site.volume.state == State()


@pytest.mark.parametrize("at", range(28, 64))
async def test_a_stop_at_any_step_of_a_replacement_leaves_no_job(at: int) -> None:
    site = Site(RSC_SESSION_MAX_AGE_SECONDS="7200")
    session = Running(site, await site.controller(Fuse(at, site.stopped.set)))
    await site.clock.advance(0)
    for job in site.scheduler.all:
        job.reason = "PartitionTimeLimit"
    assert await site.finish(session.task) == ""
    assert site.scheduler.alive == []
    assert site.volume.state == State()


async def test_a_job_that_has_ended_is_no_obstacle() -> None:
    site = Site()
    session = await running(site)
    site.scheduler.all[0].state = "COMPLETED"
    assert await session.stop() == ""
    assert site.volume.state == State()


async def test_a_cancel_that_fails_at_first_is_tried_again() -> None:
    site = Site()
    session = await running(site)
    site.firecrest.fail("DELETE", Answer(502), times=2)
    assert await session.stop() == ""
    assert site.scheduler.alive == []


async def test_a_job_that_accounting_does_not_know_yet_is_not_taken_for_one_that_is_gone() -> None:
    site = Site()
    site.scheduler.accounting_lag = 30.0
    session = Running(site, await site.controller())
    await site.clock.advance(1)
    site.firecrest.fail("DELETE", Answer(502), times=2)
    assert await session.stop() == ""
    assert site.scheduler.alive == []


async def test_a_cancel_whose_answer_is_lost_is_checked() -> None:
    site = Site()
    session = await running(site)
    site.firecrest.fail("DELETE", Answer(504), acts=True)
    assert await session.stop() == ""
    assert site.scheduler.alive == []


async def test_a_cancel_that_changes_nothing_is_not_believed() -> None:
    site = Site()
    session = await running(site)
    site.firecrest.fail("DELETE", Answer(204), times=3)
    assert await session.stop() == ""
    assert site.scheduler.alive == []
    assert site.firecrest.count("DELETE /compute") == 4


async def test_a_cluster_that_is_away_is_told_after_40_seconds_and_the_jobs_number_is_kept() -> None:
    site = Site()
    session = await running(site)
    site.firecrest.fail(".", error(424, "Unable to establish SSH connection."), times=10**6)
    before = site.clock.monotonic()
    said = await session.stop()
    assert "could not be cancelled within 40 s" in said
    assert said.startswith(LAST_WORDS), "the operator tells it by these"
    assert site.clock.monotonic() - before <= 41
    assert site.volume.state.job_id == "1"


async def test_nothing_to_cancel_is_no_error() -> None:
    site = Site()
    site.firecrest.fail("/status/systems", Answer(503), times=10**6)
    session = Running(site, await site.controller())
    await site.clock.advance(2)
    assert await session.stop() == ""
    assert site.firecrest.count("DELETE") == 0


async def test_a_resumed_session_gets_a_new_job() -> None:
    site = Site()
    assert await (await running(site)).stop() == ""
    site.stopped = asyncio.Event()
    session = await running(site)
    assert [job.id for job in site.scheduler.alive] == ["2"]
    assert await session.stop() == ""


async def test_a_controller_that_is_started_again_finds_its_job_and_prints_nothing_twice() -> None:
    site = Site()
    first = await running(site)
    site.files.append(site.scheduler.all[0].output, b"one\n")
    await site.clock.advance(60)
    first.task.cancel()
    await site.clock.advance(0)
    site.files.append(site.scheduler.all[0].output, b"two\n")
    second = Running(site, await site.controller())
    await site.clock.advance(60)
    assert second.controller.standing.well
    assert site.printed == ["[session/stdout] one", "[session/stdout] two"]
    assert len(site.scheduler.all) == 1
    assert await second.stop() == ""


@pytest.mark.parametrize("ended", ["COMPLETED", "CANCELLED by 1001", "TIMEOUT", "NODE_FAIL"])
async def test_a_job_that_ended_meanwhile_is_replaced(ended: str) -> None:
    site = Site()
    first = await running(site)
    first.task.cancel()
    await site.clock.advance(0)
    site.scheduler.all[0].state = ended
    second = Running(site, await site.controller())
    await site.clock.advance(30)
    assert site.volume.state.job_id == "2"
    assert await second.stop() == ""


async def test_a_job_of_the_go_controller_is_taken_over_with_its_place_in_the_output() -> None:
    site = Site()
    first = await running(site)
    first.task.cancel()
    await site.clock.advance(0)
    job = site.scheduler.all[0]
    site.files.append(job.output, b"printed before\nnew\n")
    site.files.append("/scratch/err", b"trouble\n")
    site.volume.state = State(job_id=job.id, stdout_path=job.output, stderr_path="/scratch/err", stdout_offset=15)
    second = Running(site, await site.controller())
    await site.clock.advance(60)
    assert site.printed == ["[session/stdout] new", "[session/stderr] trouble"]
    assert await second.stop() == ""


async def test_a_cluster_that_is_away_when_the_controller_starts_again_gets_no_second_job() -> None:
    site = Site()
    first = await running(site)
    first.task.cancel()
    await site.clock.advance(0)
    site.firecrest.fail(".", Answer(503), times=10**6)
    second = Running(site, await site.controller())
    await site.clock.advance(3600)
    assert second.controller.standing.errors > 10
    site.firecrest.heal()
    await site.clock.advance(120)
    assert second.controller.standing.well
    assert len(site.scheduler.all) == 1
    assert await second.stop() == ""


async def test_a_quiet_hour_costs_at_most_130_questions_and_a_waiting_one_120() -> None:
    site = Site()
    session = await running(site)
    await site.clock.advance(120)
    before = len(site.firecrest.asked)
    await site.clock.advance(3600)
    assert len(site.firecrest.asked) - before <= 130
    assert await session.stop() == ""
    site = Site()
    waiting = Running(site, await site.controller())
    await site.clock.advance(1)
    before = len(site.firecrest.asked)
    await site.clock.advance(3600)
    assert len(site.firecrest.asked) - before <= 120
    assert await waiting.stop() == ""


async def test_an_output_that_cannot_be_read_does_not_hold_up_the_end_of_a_job_that_is_gone() -> None:
    site = Site()
    session = await running(site)
    site.files.append(site.scheduler.all[0].output, b"bye\n")
    site.firecrest.fail("GET .*/ops/stat", Answer(429, b"", 60.0), times=1000)
    before = site.clock.monotonic()
    assert await session.stop() == ""
    assert site.clock.monotonic() - before < 40
    assert site.volume.state == State()


async def test_a_job_that_may_be_there_but_is_not_shown_yet_is_not_forgotten() -> None:
    site = Site()
    site.scheduler.accounting_lag = 55.0
    site.firecrest.fail("POST /compute/lab/jobs$", Answer(504), acts=True)
    session = Running(site, await site.controller())
    await site.clock.advance(1)
    assert (await session.stop()).startswith(LAST_WORDS)
    assert site.volume.state.intent == site.scheduler.all[0].name
    await site.clock.advance(60)
    assert await Running(site, await site.controller()).stop() == ""
    assert site.scheduler.alive == []


def left(site: Site) -> list[str]:
    """Return what is left of secrets on the cluster."""
    return [path for path in site.files.content if "/secrets/" in path]


@pytest.mark.parametrize("again", [False, True], ids=["of this start", "of an earlier start"])
async def test_a_job_that_is_cancelled_in_the_queue_leaves_no_secrets(again: bool) -> None:
    site = Site(USER_ENV_API_KEY="hunter2")
    session = Running(site, await site.controller())
    await site.clock.advance(5)
    assert left(site)
    if again:
        session.task.cancel()
        await site.clock.advance(0)
        session = Running(site, await site.controller())
        await site.clock.advance(5)
    assert await session.stop() == ""
    assert left(site) == []


async def test_a_job_that_is_refused_leaves_no_secrets() -> None:
    site = Site(USER_ENV_API_KEY="hunter2")
    site.scheduler.refusal = lambda _: "sbatch: error: invalid partition specified: nowhere"
    session = Running(site, await site.controller())
    await site.clock.advance(60)
    assert "invalid partition" in session.controller.standing.trouble
    assert left(site) == []
    assert await session.stop() == ""


async def test_secrets_that_cannot_be_removed_do_not_make_a_job_that_is_gone_one_that_is_left() -> None:
    site = Site()
    session = await running(site)
    site.firecrest.fail("DELETE .*/ops/rm", Answer(503), times=10**6)
    site.firecrest.fail("DELETE /compute", Answer(502), times=6)
    assert await session.stop() == ""
    assert site.scheduler.alive == []
    assert site.volume.state == State()


async def test_a_volume_that_cannot_be_read_does_not_say_that_there_is_no_job() -> None:
    site = Site()
    first = await running(site)
    first.task.cancel()
    await site.clock.advance(0)
    site.volume.unreadable = True
    session = Running(site, await site.controller())
    await site.clock.advance(10)
    assert (await session.stop()).startswith(LAST_WORDS)
    site.volume.unreadable, site.stopped = False, asyncio.Event()
    assert await Running(site, await site.controller()).stop() == ""
    assert site.scheduler.alive == []

"""Faults of the cluster and of the way to it, and what the session's user learns of each: one table.

No fault may end a session that runs, submit a second job, or leave one behind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from amalthea.remote.errors import Refused, Unavailable
from amalthea.remote.job.port import Phase
from amalthea.sidecars.http.messages import Answer, Question
from amalthea.testing.remote.cluster import SlurmJob
from amalthea.testing.remote.firecrest import Fault, error
from tests.unit.remote.site import Running, Site, running

HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
PASSING: dict[str, Fault] = {
    "408": error(408, "Command execution timeout limit exceeded."),
    "424": error(424, "Unable to establish SSH connection."),
    "429": error(429, "Too many requests.", retry_after=7.0),
    "429 for a day": error(429, "Too many requests.", retry_after=86400.0),
    "500": error(500, "Unexpected error."),
    "500 empty": Answer(500),
    "502 with HTML": Answer(502, HTML),
    "503": Answer(503, HTML),
    "504": Answer(504),
    "time-out": Unavailable("firecrest.example.org did not answer in time."),
    "200 with HTML": Answer(200, HTML),
    "200 cut off": Answer(200, b'{"jobs": [{"job'),
    "200 without jobs": Answer(200, b'{"jobs": null}'),
    "404 of a server before it": Answer(404, HTML),
    "401": error(401, "Access token expires too soon"),
    "403": error(403, "Permission denied."),
}
"""What a look at the job may be answered: none of it says anything about the job."""


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
async def test_an_interface_that_fails_for_an_hour_ends_no_session(fault: Fault) -> None:
    site = Site()
    session = await running(site)
    assert session.controller.standing.well
    site.firecrest.fail("GET /compute/lab/jobs/1$", fault, times=10**6)
    await site.clock.advance(3600)
    standing = session.controller.standing
    assert standing.phase is Phase.RUNNING
    told = standing.told(site.clock.now().timestamp(), site.clock.monotonic())
    assert isinstance(told["error"], str)
    assert 3400 < int(str(told["errorAgeSeconds"])) <= 3600
    site.firecrest.heal()
    await site.clock.advance(120)
    assert session.controller.standing.well
    assert await session.stop() == ""
    assert site.scheduler.alive == []
    assert len(site.scheduler.all) == 1


@pytest.mark.parametrize("lag", [0.0, 4.0, 55.0])
@pytest.mark.parametrize("acts", [False, True], ids=["not done", "done all the same"])
@pytest.mark.parametrize("name", ["408", "424", "429", "500 empty", "502 with HTML", "503", "504", "time-out"])
async def test_a_submission_whose_answer_is_lost_is_made_once(name: str, acts: bool, lag: float) -> None:
    site = Site()
    site.scheduler.accounting_lag = lag
    site.firecrest.fail("POST /compute/lab/jobs$", PASSING[name], acts=acts)
    session = Running(site, await site.controller())
    await site.clock.advance(180)
    [job] = site.scheduler.all
    assert site.volume.state.job_id == job.id
    assert await session.stop() == ""
    assert site.scheduler.alive == []


async def test_a_job_that_may_not_be_looked_for_is_not_given_up() -> None:
    site = Site()
    site.firecrest.fail("POST /compute/lab/jobs$", Answer(504), acts=True)
    site.firecrest.fail("GET /compute/lab/jobs$", error(403, "Permission denied."), times=20)
    session = Running(site, await site.controller())
    await site.clock.advance(30)
    assert session.controller.standing.phase is Phase.NOT_READY
    assert "Permission denied" in session.controller.standing.trouble
    site.firecrest.heal()
    await site.clock.advance(60)
    [job] = site.scheduler.all
    assert site.volume.state.job_id == job.id
    assert await session.stop() == ""


@pytest.mark.parametrize("acts", [False, True], ids=["not done", "done all the same"])
@pytest.mark.parametrize(
    "said",
    [
        "Batch job submission failed: Unable to contact slurm controller (connect failure)",
        "Batch job submission failed: Socket timed out on send/recv operation",
    ],
)
async def test_a_scheduler_that_is_away_refuses_nothing(said: str, acts: bool) -> None:
    await _one_job_though_it_fails(said, acts=acts, within=180)


@pytest.mark.parametrize(
    "said",
    [
        "Batch job submission failed: Zero Bytes were transmitted or received",
        "Unexpected message received",
        "Nobody knows",
    ],
)
async def test_a_failure_in_words_that_nobody_foresaw_is_no_refusal_of_a_job_that_is_there(said: str) -> None:
    site = await _one_job_though_it_fails(said, acts=True, within=60)
    assert site.scheduler.alive == []


async def _one_job_though_it_fails(said: str, *, acts: bool, within: float) -> Site:
    """Run and stop a session whose first submission is answered with a failure; `acts` is whether it was done."""
    site = Site()
    site.firecrest.fail("POST /compute/lab/jobs$", error(500, f"sbatch: error: {said}"), acts=acts)
    session = Running(site, await site.controller())
    await site.clock.advance(within)
    [job] = site.scheduler.all
    assert site.volume.state.job_id == job.id
    assert session.controller.standing.phase is not Phase.FAILED
    assert await session.stop() == ""
    return site


REFUSED = {
    "400": error(400, "Invalid account."),
    "403 quota": error(403, "QOSMaxSubmitJobPerUserLimit"),
    "404": error(404, "System not available."),
    "500 in sbatch's words": error(500, "sbatch: error: invalid partition specified: nowhere"),
}


@pytest.mark.parametrize("answer", REFUSED.values(), ids=REFUSED)
async def test_a_job_that_the_cluster_refuses_is_told_and_not_tried_every_few_seconds(answer: Answer) -> None:
    site = Site()
    site.firecrest.fail("POST /compute/lab/jobs$", answer, times=100)
    session = Running(site, await site.controller())
    await site.clock.advance(3600)
    standing = session.controller.standing
    assert standing.phase is Phase.FAILED
    said = answer.body.decode().split('"message":"')[1].split('"')[0]
    assert said in standing.trouble
    assert site.firecrest.count("POST /compute/lab/jobs$") == 1
    assert site.volume.state.intent == ""
    assert await session.stop() == ""


@dataclass(frozen=True)
class End:
    """The end of a job, and what is reported then."""

    state: str
    phase: Phase
    says: str
    exit_code: int | None = None


ENDS = {
    "completed": End("COMPLETED", Phase.COMPLETED, ""),
    "program failed": End("FAILED", Phase.FAILED, "ended with an error (FAILED, exit code 3)", 3),
    "out of memory": End("OUT_OF_MEMORY", Phase.FAILED, "Ask for more memory"),
    "time limit": End("TIMEOUT", Phase.FAILED, "reached its time limit (TIMEOUT)"),
    "node fail": End("NODE_FAIL", Phase.FAILED, "node that the session ran on failed"),
    "preempted": End("PREEMPTED", Phase.FAILED, "Another job took the session's place"),
    "cancelled by an admin": End("CANCELLED by 0", Phase.FAILED, "was cancelled on the cluster (CANCELLED)"),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_a_job_that_ends_is_told_with_its_cause_and_the_last_lines(end: End) -> None:
    site = Site()
    session = await running(site)
    job = site.scheduler.all[0]
    site.files.append(job.output, "starting\nlast words ☃".encode())
    job.state, job.exit_code = end.state, end.exit_code
    await site.clock.advance(61)
    standing = session.controller.standing
    assert standing.phase is end.phase
    assert end.says in standing.trouble
    if end.phase is Phase.FAILED:
        assert standing.trouble.endswith("Its output ends with: starting | last words ☃")
    assert site.printed == ["[session/stdout] starting", "[session/stdout] last words ☃"]
    assert await session.stop() == ""
    assert site.volume.state.job_id == ""


@pytest.mark.parametrize("full", [False, True], ids=["files are slow", "the volume is full"])
async def test_an_end_is_told_though_its_output_cannot_be_read(full: bool) -> None:
    site = Site()
    session = await running(site)
    await site.clock.advance(70)
    job = site.scheduler.all[0]
    if full:
        site.files.append(job.output, b"new\n")
        site.volume.full = True
    else:
        site.firecrest.fail("GET .*/ops/stat", Answer(429, b"", 60.0), times=10**5)
    job.state, job.exit_code = "FAILED", 3
    await site.clock.advance(61)
    assert session.controller.standing.phase is Phase.FAILED
    assert "exit code 3" in session.controller.standing.trouble
    assert await session.stop() == ""


async def test_a_job_that_the_cluster_has_lost_is_told_after_a_while_of_looking() -> None:
    site = Site()
    session = await running(site)
    await site.clock.advance(120)
    site.scheduler.all.clear()
    await site.clock.advance(61)
    before = session.controller.standing
    await site.clock.advance(180)
    after = session.controller.standing
    assert (before.phase, after.phase) == (Phase.RUNNING, Phase.FAILED)
    assert "lost the job" in after.trouble


async def test_a_job_that_was_lost_for_some_minutes_is_told_as_running_again_soon() -> None:
    site = Site()
    session = await running(site)
    await site.clock.advance(70)
    site.firecrest.fail("GET .*/jobs/1$", error(404, "Job not found."), times=3)
    await site.clock.advance(180)
    before = session.controller.standing.phase
    await site.clock.advance(61)
    assert (before, session.controller.standing.phase) == (Phase.FAILED, Phase.RUNNING)
    assert session.controller.standing.well
    assert await session.stop() == ""


async def test_a_new_job_may_be_unknown_to_accounting_for_a_while() -> None:
    site = Site()
    site.scheduler.accounting_lag = 30.0
    session = Running(site, await site.controller())
    await site.clock.advance(20)
    assert session.controller.standing.phase is Phase.NOT_READY
    assert not session.controller.standing.trouble


def refuses(text: str, when: Callable[[SlurmJob], bool]) -> Callable[[SlurmJob], str]:
    return lambda job: text if when(job) else ""


async def test_a_time_limit_that_is_refused_is_left_out_once() -> None:
    site = Site(RSC_SESSION_MAX_AGE_SECONDS="7200")
    asks = "#SBATCH --time=120\n"
    site.scheduler.refusal = refuses("sbatch: error: Requested time limit is invalid", lambda job: asks in job.script)
    session = Running(site, await site.controller())
    await site.clock.advance(30)
    [job] = site.scheduler.all
    assert "--time" not in job.script
    assert await session.stop() == ""


@pytest.mark.parametrize(
    "reason", ["PartitionTimeLimit", "QOSMaxWallDurationPerJobLimit", "AssocMaxWallDurationPerJobLimit"]
)
async def test_a_job_that_would_wait_for_ever_for_its_time_limit_is_replaced(reason: str) -> None:
    site = Site(RSC_SESSION_MAX_AGE_SECONDS="7200")
    session = Running(site, await site.controller())
    await site.clock.advance(1)
    site.scheduler.all[0].reason = reason
    await site.clock.advance(20)
    [job] = site.scheduler.alive
    assert "--time" not in job.script
    assert site.volume.state.job_id == job.id == "2"
    assert await session.stop() == ""
    assert site.scheduler.alive == []


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("full disk", "No space left on device"),
        ("bad partition", "invalid partition specified"),
        ("too large", "secrets"),
    ],
)
async def test_what_the_start_lacks_is_told(fault: str, says: str) -> None:
    site = Site()
    if fault == "full disk":
        site.files.full = True
    elif fault == "bad partition":
        site.scheduler.refusal = lambda _: "sbatch: error: invalid partition specified: nowhere"
    else:
        site.env["USER_ENV_HUGE"] = "x" * (6 * 1024 * 1024)
        says = "more than FirecREST accepts (5 MiB)"
    session = Running(site, await site.controller())
    await site.clock.advance(120)
    if session.task.done():
        with pytest.raises(Unavailable, match=says):
            session.task.result()
    else:
        assert says in session.controller.standing.trouble
    assert site.scheduler.all == []


async def test_a_cluster_that_is_not_there_is_told_with_those_that_are() -> None:
    site = Site(RSC_FIRECREST_SYSTEM_NAME="nowhere")
    backend = await site.backend()
    with pytest.raises(Refused, match="system 'nowhere' not found; FirecREST has: lab"):
        await site.finish(backend.start())


async def test_a_start_that_nobody_answers_is_told_and_ends_so_that_it_is_tried_with_new_tokens() -> None:
    site = Site()
    site.firecrest.fail("/status/", Answer(503), times=10**6)
    session = Running(site, await site.controller())
    await site.clock.advance(600)
    assert session.controller.standing.trouble == "FirecREST answers 503."
    with pytest.raises(Unavailable, match="FirecREST answers 503"):
        await site.finish(session.task)
    assert 900 <= site.clock.monotonic() < 1000


async def test_an_interface_that_is_back_after_ten_minutes_gets_the_job() -> None:
    site = Site()
    site.firecrest.fail(".", Answer(503), times=10**6)
    session = Running(site, await site.controller())
    await site.clock.advance(600)
    site.firecrest.heal()
    await site.clock.advance(60)
    assert len(site.scheduler.alive) == 1
    assert await session.stop() == ""


def slow_replacement(site: Site) -> None:
    """Let the job be stuck, and let each file take 5 s, each look at the queue 10 s, and the submission 22 s."""

    async def slow(question: Question) -> Answer:
        path = urlsplit(question.url).path
        if "/ops/" in path:
            await site.clock.sleep(5)
        if path.endswith("/jobs"):
            await site.clock.sleep(10)
        answer = await site.firecrest(question)
        if path.endswith("/jobs") and question.method == "POST":
            await site.clock.sleep(12)
            raise Unavailable("the answer is lost")
        return answer

    site.scheduler.all[0].reason = "PartitionTimeLimit"
    site.machine_room = slow


async def test_a_replacement_that_takes_minutes_leaves_one_job() -> None:
    site = Site(RSC_SESSION_MAX_AGE_SECONDS="7200")
    session = Running(site, await site.controller())
    await site.clock.advance(1)
    slow_replacement(site)
    await site.clock.advance(600)
    assert len(site.scheduler.all) == 2
    [job] = site.scheduler.alive
    assert site.volume.state.job_id == job.id
    assert await session.stop() == ""
    assert site.scheduler.alive == []


async def test_a_replacement_whose_answer_is_lost_is_not_made_twice() -> None:
    site = Site(RSC_SESSION_MAX_AGE_SECONDS="7200")
    session = Running(site, await site.controller())
    await site.clock.advance(1)
    site.scheduler.all[0].reason = "PartitionTimeLimit"
    site.firecrest.fail("POST /compute/lab/jobs$", Answer(504), acts=True)
    site.firecrest.fail("GET /compute/lab/jobs$", Answer(503), times=20)
    await site.clock.advance(300)
    assert len(site.scheduler.all) == 2
    assert await session.stop() == ""
    assert site.scheduler.alive == []


async def test_a_replacement_that_is_refused_is_told_and_not_tried_again() -> None:
    site = Site(RSC_SESSION_MAX_AGE_SECONDS="7200")
    session = Running(site, await site.controller())
    await site.clock.advance(1)
    site.firecrest.fail("POST /compute/lab/jobs$", REFUSED["403 quota"], times=10**6)
    site.scheduler.all[0].reason = "PartitionTimeLimit"
    await site.clock.advance(3600)
    assert session.controller.standing.phase is Phase.FAILED
    assert "QOSMaxSubmitJobPerUserLimit" in session.controller.standing.trouble
    assert site.firecrest.count("POST /compute/lab/jobs$") == 2
    assert await session.stop() == ""


async def test_a_page_of_an_ingress_while_the_folder_is_laid_out_is_no_refusal() -> None:
    site = Site()
    site.firecrest.fail("GET .*systems", Answer(404, HTML))
    session = Running(site, await site.controller())
    await site.clock.advance(60)
    assert session.controller.standing.phase is not Phase.FAILED
    assert len(site.scheduler.alive) == 1
    assert await session.stop() == ""


async def test_a_volume_that_is_full_after_the_submission_leaves_no_job_behind() -> None:
    site = Site()
    site.volume.full = True
    session = Running(site, await site.controller())
    await site.clock.advance(600)
    assert not session.task.done()
    assert "No space left" in session.controller.standing.trouble
    site.volume.full = False
    await site.clock.advance(60)
    [job] = site.scheduler.all
    assert site.volume.state.job_id == job.id
    site.volume.full = True
    assert await session.stop() == ""
    assert site.scheduler.alive == []


async def test_work_that_fails_cancels_the_job_that_it_may_have_submitted() -> None:
    site = Site()

    async def slow(question: Question) -> Answer:
        answer = await site.firecrest(question)
        if question.method == "POST" and question.url.endswith("/jobs"):
            await site.clock.sleep(60)
            raise Unavailable("the answer is lost")
        return answer

    site.machine_room = slow
    site.firecrest.fail("/status/", Answer(503), times=10**6)
    session = Running(site, await site.controller())
    await site.clock.advance(850)
    site.firecrest.heal()
    site.firecrest.fail("GET .*/jobs$", Answer(503), times=5)
    with pytest.raises(Unavailable):
        await site.finish(session.task)
    assert len(site.scheduler.all) == 1
    assert site.scheduler.alive == []

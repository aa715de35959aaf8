"""The controller's pure decisions: states, times, what `/status` reports."""

import pytest

from amalthea.remote.firecrest.api.answers import Job, Status, Time
from amalthea.remote.firecrest.follow import states
from amalthea.remote.job import cadence
from amalthea.remote.job.port import Phase, Report
from amalthea.remote.job.standing import Standing
from amalthea.remote.requests import retry

WORDS = {
    "PENDING": Phase.NOT_READY,
    "CONFIGURING": Phase.NOT_READY,
    "REQUEUED": Phase.NOT_READY,
    "REQUEUE_HOLD": Phase.NOT_READY,
    "RESIZING": Phase.NOT_READY,
    "RESV_DEL_HOLD": Phase.NOT_READY,
    "RUNNING": Phase.RUNNING,
    "COMPLETED": Phase.COMPLETED,
    "CANCELLED by 1001": Phase.FAILED,
    "CANCELLED+": Phase.FAILED,
    "cancelled": Phase.FAILED,
    "BOOT_FAIL": Phase.FAILED,
    "DEADLINE": Phase.FAILED,
    "FAILED": Phase.FAILED,
    "NODE_FAIL": Phase.FAILED,
    "OUT_OF_MEMORY": Phase.FAILED,
    "PREEMPTED": Phase.FAILED,
    "TIMEOUT": Phase.FAILED,
    "COMPLETING": None,
    "STAGE_OUT": None,
    "SIGNALING": None,
    "SUSPENDED": None,
    "STOPPED": None,
    "REVOKED": None,
    "A_WORD_TO_COME": None,
    "": None,
    None: None,
}


@pytest.mark.parametrize(("state", "phase"), WORDS.items(), ids=map(str, WORDS))
def test_only_the_first_word_counts_and_an_unknown_one_says_nothing(state: str | None, phase: Phase | None) -> None:
    report = states.report(Job("1", Status(state)), "")
    assert report.phase is phase
    assert bool(report.cause) is (phase is Phase.FAILED)


def test_a_failure_is_told_with_its_word_its_code_and_the_end_of_the_output() -> None:
    job = Job("1", Status("OUT_OF_MEMORY", None, 137, 9))
    standing = Standing().heard(states.report(job, "loading | password=s3cret"))
    cause = (
        "The job needed more memory than it asked for (OUT_OF_MEMORY, exit code 137, signal 9)."
        " Ask for more memory, then resume the session."
    )
    assert standing.told(0.0)["error"] == f"{cause} Its output ends with: loading | password=s3cret"
    assert standing.told_the_operator(0.0) == {
        "version": 1,
        "status": "Failed",
        "error": cause,
        "schedulerState": "OUT_OF_MEMORY",
    }, "what the operator tells reaches more people than the log"


def test_the_remaining_time_goes_on_while_nobody_can_be_asked() -> None:
    standing = Standing().heard(Report(Phase.RUNNING, "RUNNING", limit=3600.0, elapsed=600.0), 1000.0)
    told = standing.deaf("FirecREST answers 503.", 1060.0).told_the_operator(1600.0)
    assert told["remainingSeconds"] == 2400
    assert told["heardSecondsAgo"] == 600
    assert told["errorAgeSeconds"] == 540


@pytest.mark.parametrize(("starts", "ends"), [(400.0, 4000), (None, 4020), (100_000.0, 4020)])
def test_when_the_job_ends_is_told_by_the_clusters_own_word_as_long_as_that_fits(
    starts: float | None, ends: int
) -> None:
    report = Report(Phase.RUNNING, "RUNNING", starts=starts, limit=3600.0, elapsed=580.0)
    assert Standing().heard(report, 1000.0).told_the_operator(1030.0)["endsAt"] == ends


def test_the_operator_gets_no_long_story() -> None:
    standing = Standing().failed("word " * 10_000)
    assert len(str(standing.told_the_operator(0.0))) < 1100


def test_a_suspended_session_is_still_the_one_that_it_was() -> None:
    running = Standing().heard(states.report(Job("1", Status("RUNNING")), ""))
    assert running.heard(states.report(Job("1", Status("SUSPENDED")), "")).phase is Phase.RUNNING


def test_a_silent_interface_changes_no_state_and_is_told_with_its_age() -> None:
    standing = Standing().heard(Report(Phase.RUNNING, "RUNNING", limit=3600.0, elapsed=600.0))
    assert standing.well
    for passed in (0.0, 60.0, 3600.0):
        standing = standing.deaf("FirecREST answers 503.", 1000.0 + passed)
    assert standing.told(4600.0) == {
        "status": "Running",
        "error": "FirecREST answers 503.",
        "schedulerState": "RUNNING",
        "limitSeconds": 3600,
        "remainingSeconds": 3000,
        "errorCount": 3,
        "errorAgeSeconds": 3600,
    }
    assert not standing.well
    assert standing.heard(Report(Phase.RUNNING)).well


def test_a_queue_is_told_with_its_reason_and_the_expected_start() -> None:
    told = Standing().heard(Report(Phase.NOT_READY, "PENDING", "Priority", starts=1234.5)).told(0.0)
    assert told == {"status": "NotReady", "schedulerState": "PENDING", "reason": "Priority", "expectedStart": 1234}


def test_a_job_that_waits_is_asked_for_less_and_less() -> None:
    waited, pause, looks = 0.0, cadence.SOON, 0
    while waited < 3600:
        pause = cadence.pause(Phase.NOT_READY, waited, pause)
        assert pause == 5 if waited < 300 else pause <= 60
        waited += pause
        looks += 1
    assert pause == 60
    assert looks <= 120


def test_a_job_that_runs_is_asked_for_each_minute_and_one_that_ended_hardly() -> None:
    assert cadence.pause(Phase.RUNNING, 0, 5) == 60
    assert cadence.pause(Phase.COMPLETED, 0, 60) == cadence.pause(Phase.FAILED, 0, 60) == 600


@pytest.mark.parametrize(
    ("attempts", "asked", "shortest", "longest"),
    [(1, None, 0.75, 1.25), (4, None, 6.0, 10.0), (50, None, 22.5, 37.5), (1, 20.0, 20.0, 20.0), (1, 86400.0, 60, 60)],
)
def test_attempts_are_ever_further_apart_and_no_server_asks_for_a_day(
    attempts: int, asked: float | None, shortest: float, longest: float
) -> None:
    assert retry.delay(attempts, 0.0, asked) == pytest.approx(shortest)
    assert retry.delay(attempts, 0.9999, asked) == pytest.approx(longest, rel=1e-3)


def test_the_remaining_time_is_told_only_of_a_job_that_runs() -> None:
    time = Time(elapsed=10.0, limit=3600.0)
    assert "remainingSeconds" in Standing().heard(states.report(Job("1", Status("RUNNING"), time=time), "")).told(0)
    assert "remainingSeconds" not in Standing().heard(states.report(Job("1", Status("FAILED"), time=time), "")).told(0)

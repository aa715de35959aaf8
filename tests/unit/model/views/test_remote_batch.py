"""A batch job on another machine is told as it is there, frees its pod when it is over, and loses no files by a word.

Its pod goes on when the work is done, so the Job in this cluster never tells of the end.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from ulid import ULID

from amalthea.api.reasons import Cause
from amalthea.api.types import Condition, State, Status
from amalthea.model import deadlines
from amalthea.model.deadlines import End
from amalthea.model.idle.polling import JOB_EACH, JOB_FIRST, JOB_OVER
from amalthea.model.plan import Fresh, decide
from amalthea.model.status import report as reports
from amalthea.model.status.report import Context, report
from amalthea.model.views import remote_job
from amalthea.model.views.observed import Observed
from amalthea.model.views.remote_job import Look, RemoteJob, Unanswered, Word
from amalthea.testing.builders import SessionBuilder, session
from amalthea.testing.observations import condition, container, job, observed, pod

START = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
NOW = START + timedelta(minutes=10)
RUN = str(ULID.from_datetime(START))
HOUR = timedelta(hours=1)
LIMITS = {"maxIdleDuration": "1h", "maxFailedDuration": "2h", "maxHibernatedDuration": "3h", "maxAge": "24h"}
BATCH = session().remote().as_job().with_spec(culling=LIMITS)
OOM = "The job needed more memory than it asked for (OUT_OF_MEMORY). Ask for more memory, then resume the session."
QUEUED = Word(NOW, "NotReady", "PENDING", reason="Priority")
RUNS, COMPLETED, FAILED = Word(NOW, "Running", "RUNNING"), Word(NOW, "Completed"), Word(NOW, "Failed", error=OOM)


def seen(
    look: Look | None, *, ready: bool = True, status: Status | None = None, builder: SessionBuilder = BATCH
) -> Observed:
    """Return a batch job of which its controller said this last; without a look, nobody has asked."""
    body = pod(container(ready=ready), container("tunnel", ready=True), podIP="192.0.2.1")
    found = observed(builder, job(run_id=RUN), body, status={"state": "NotReady", "runID": RUN})
    return with_status(replace(found, remote_job=RemoteJob("192.0.2.1", look)), status)


def with_status(found: Observed, status: Status | None) -> Observed:
    view = found.session if status is None else msgspec.structs.replace(found.session, status=status)
    return replace(found, session=view)


def outcome(found: Observed, now: datetime = NOW) -> reports.Outcome:
    return report(found, decide(found, Fresh(lambda: RUN)), (), Context("None", now))


def of(status: Status, kind: str) -> Condition:
    found = (each for each in status.conditions or () if each.type == kind)
    return next(found, Condition(type=kind, status="", reason="", message=""))


STATES: list[tuple[Look | None, bool, State]] = [
    (QUEUED, True, "NotReady"),
    (QUEUED, False, "NotReady"),
    (RUNS, True, "Running"),
    (RUNS, False, "Running"),
    (COMPLETED, True, "Succeeded"),
    (COMPLETED, False, "Succeeded"),
    (FAILED, True, "Failed"),
    (FAILED, False, "Failed"),
    (None, True, "NotReady"),
    (Unanswered(NOW, 2, FAILED), True, "Failed"),
    (Unanswered(NOW, 3, FAILED), True, "Running"),
    (Unanswered(NOW, 1), False, "NotReady"),
]


@pytest.mark.parametrize("probe", ["none", "tcp"])
@pytest.mark.parametrize(("look", "ready", "state"), STATES, ids=str)
def test_a_batch_job_is_what_its_controller_says_whether_or_not_its_port_answers(
    look: Look | None, ready: bool, state: State, probe: str
) -> None:
    builder = BATCH.with_session(readinessProbe={"type": probe})
    assert outcome(seen(look, ready=ready, builder=builder)).status.state == state


def test_queue_failure_and_silence_are_reported_in_words() -> None:
    queued = of(outcome(seen(QUEUED)).status, "Progressing")
    assert (queued.reason, queued.message) == ("Queued", "Step 5 of 6: in the queue: Priority.")
    failed = outcome(seen(FAILED)).status
    assert (failed.error, of(failed, "Healthy").reason) == (OOM, "RemoteJobFailed")
    silent = outcome(seen(replace(RUNS, error="FirecREST answers 503.", unheard_since=NOW - HOUR))).status
    assert (silent.state, of(silent, "Healthy").reason) == ("Running", "ClusterSilent")


ASKED: list[tuple[Look | None, datetime]] = [
    (None, datetime(2026, 11, 22, 13, 0, 1, tzinfo=UTC) + JOB_FIRST),
    (QUEUED, NOW + JOB_EACH),
    (RUNS, NOW + JOB_EACH),
    (COMPLETED, NOW + JOB_OVER),
    (FAILED, NOW + JOB_OVER),
]


@pytest.mark.parametrize(("look", "at"), ASKED, ids=str)
def test_its_controller_is_asked_once_a_minute_at_most(look: Look | None, at: datetime) -> None:
    assert outcome(seen(look)).next.ask_job_at == at


def finished(found: Observed, why: str = "DeadlineExceeded", *, pods: bool = False) -> Observed:
    """Let Kubernetes end the Job, which still has a pod or not."""
    over = observed(BATCH, job(condition("Failed", "True", reason=why), run_id=RUN))
    return replace(found, workload=over.workload, pods=found.pods if pods else ())


def test_nobody_is_asked_about_one_at_rest_or_gone() -> None:
    paused = seen(RUNS, builder=BATCH.hibernated())
    leaving = replace(seen(RUNS), pods=observed(BATCH, None, pod(leaving=True)).pods)
    for found in (paused, leaving, replace(seen(RUNS), pods=()), finished(seen(RUNS))):
        assert outcome(found).next.ask_job_at is None


def test_a_local_batch_job_asks_nobody() -> None:
    assert remote_job.address(seen(None, builder=session().as_job())) is None


def test_one_that_has_completed_counts_as_idle_from_then_and_is_paused_not_deleted() -> None:
    first = outcome(seen(COMPLETED))
    assert (first.status.idle, first.status.idle_since) == (True, "2026-11-22T13:10:00Z")
    later = NOW + 2 * HOUR
    due = outcome(seen(replace(COMPLETED, at=later), status=first.status), later)
    assert due.status.idle_since == first.status.idle_since
    assert due.status.will_hibernate_at == "2026-11-22T14:10:00Z"
    assert due.next.end == End(False, Cause.IDLE, HOUR)


def test_one_that_runs_is_not_idle_however_long() -> None:
    later = NOW + 20 * HOUR
    result = outcome(seen(replace(RUNS, at=later), status=outcome(seen(RUNS)).status), later)
    assert (result.next.end, result.status.will_hibernate_at, result.status.idle) == (None, None, False)


def test_one_that_failed_is_paused_and_never_deleted_by_the_controllers_word() -> None:
    first = outcome(seen(FAILED)).status
    later = NOW + 30 * HOUR
    due = outcome(seen(replace(FAILED, at=later), status=first), later)
    assert due.next.end == End(False, Cause.FAILED_TOO_LONG, 2 * HOUR)
    reader = replace(seen(None, status=due.status), remote_job=None)
    counted = deadlines.deadlines(reader, due.status, later)
    assert set(counted) == {Cause.FAILED_TOO_LONG}, "what `amalthea explain` says is what will happen"


def test_one_that_is_over_can_be_paused_and_is_run_anew_by_a_resume() -> None:
    """Its pod would stay for ever: the Job in this cluster never ends by itself."""
    for look in (COMPLETED, FAILED):
        first = outcome(seen(look)).status
        paused = seen(look, status=first, builder=BATCH.hibernated())
        assert paused.hibernated
        asleep = observed(BATCH.hibernated(), job(suspend=True, run_id=RUN))
        assert outcome(with_status(asleep, first)).status.state == "Hibernated"
        woken = with_status(observed(BATCH, job(suspend=True, run_id=RUN)), outcome(with_status(asleep, first)).status)
        assert decide(woken, Fresh(lambda: "new")).recreate_job


@pytest.mark.parametrize("pods", [True, False])
@pytest.mark.parametrize("why", ["DeadlineExceeded", "BackoffLimitExceeded"])
@pytest.mark.parametrize("look", [COMPLETED, FAILED])
def test_the_end_of_a_pod_does_not_change_how_its_work_ended(look: Word, why: str, pods: bool) -> None:
    first = outcome(seen(look)).status
    for former in (seen(look, status=first), seen(None, status=first)):
        status = outcome(finished(former, why, pods=pods), NOW + 24 * HOUR).status
        assert (status.state, status.error) == (first.state, first.error)
        assert of(status, "Healthy").reason == of(first, "Healthy").reason


def test_one_whose_time_is_up_while_it_runs_says_so() -> None:
    status = outcome(finished(seen(RUNS, status=outcome(seen(RUNS)).status)), NOW + 24 * HOUR).status
    assert (status.state, of(status, "Healthy").reason) == ("Failed", "JobTooLong")


def test_one_whose_job_somebody_deleted_after_its_end_is_not_run_again() -> None:
    first = outcome(seen(COMPLETED)).status
    gone = replace(seen(None, status=first), workload=None, pods=())
    assert not decide(gone, Fresh(lambda: "new")).make_workload
    assert outcome(gone).status.state == "Succeeded"


@pytest.mark.parametrize("look", [COMPLETED, FAILED, RUNS])
def test_a_recorded_state_stays_until_a_new_leader_has_asked(look: Word) -> None:
    first = outcome(seen(look)).status
    later = outcome(seen(None, status=first), NOW + timedelta(minutes=1)).status
    assert (later.state, later.error, later.idle_since) == (first.state, first.error, first.idle_since)


def test_one_that_is_put_back_into_the_queue_is_not_over() -> None:
    first = outcome(seen(COMPLETED)).status
    again = outcome(seen(RUNS, status=first)).status
    assert (again.state, again.idle, again.idle_since) == ("Running", False, None)

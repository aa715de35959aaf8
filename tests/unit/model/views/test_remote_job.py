"""The reports of a remote session's controller must explain its state, and never end what somebody works in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from amalthea.api.reasons import Cause
from amalthea.api.schema import Manifest
from amalthea.api.types import Condition, Status
from amalthea.model.deadlines import End
from amalthea.model.idle.polling import JOB_EACH, JOB_FIRST, JOB_OVER, JOB_PAUSES
from amalthea.model.plan import Fresh, TemplateChange, decide
from amalthea.model.status import report as reports
from amalthea.model.status.report import Context, report
from amalthea.model.views import remote_job
from amalthea.model.views.door import Door, NoAnswerError, Reported, Silent
from amalthea.model.views.door import Look as DoorLook
from amalthea.model.views.observed import Observed
from amalthea.model.views.remote_job import Look, RemoteJob, Unanswered, Word
from amalthea.model.views.usage import Usage
from amalthea.remote.job import port as remote
from amalthea.remote.job.port import Report
from amalthea.remote.job.standing import Standing
from amalthea.testing.builders import SessionBuilder, session
from amalthea.testing.observations import condition, container, observed, pod, running, statefulset, terminated

START = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
NOW = START + timedelta(minutes=10)
RUN = str(ULID.from_datetime(START))
LIMITS = {"maxIdleDuration": "1h", "maxFailedDuration": "2h", "maxStartingDuration": "3h", "maxAge": "0s"}
FAR = session().remote().with_ingress().with_token().with_spec(culling=LIMITS)
NO_PROBE, PROBED = FAR.with_session(readinessProbe={"type": "none"}), FAR.with_session(readinessProbe={"type": "tcp"})
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
OOM = "The job needed more memory than it asked for (OUT_OF_MEMORY). Ask for more memory, then resume the session."


def seen(
    look: Look | None,
    *,
    ready: bool,
    builder: SessionBuilder = NO_PROBE,
    status: Status | None = None,
    door: DoorLook | None = None,
    now: datetime = NOW,
) -> Observed:
    """Return a remote session of which its controller said this last; without a look, nobody has asked."""
    body = pod(container(ready=ready), container("tunnel", ready=True), podIP="192.0.2.1")
    found = observed(builder, statefulset(run_id=RUN), body, status={"state": "NotReady", "runID": RUN})
    view = found.session if status is None else msgspec.structs.replace(found.session, status=status)
    job, usage = RemoteJob("192.0.2.1", look), Usage(Decimal(0), now)
    return replace(found, session=view, remote_job=job, usage=usage, door=Door("192.0.2.1", door))


def outcome(found: Observed, now: datetime = NOW) -> reports.Outcome:
    return report(found, decide(found, Fresh(lambda: RUN)), (), Context("https://lab.example.org/", now))


def of(status: Status, kind: str) -> Condition:
    """Return a condition, an empty one if it is not there."""
    found = (each for each in status.conditions or () if each.type == kind)
    return next(found, Condition(type=kind, status="", reason="", message=""))


def word(phase: remote_job.Phase, state: str = "", at: datetime = NOW, **more: object) -> Word:
    return replace(Word(at, phase, state), **more)  # type: ignore[arg-type]


QUEUED = word("NotReady", "PENDING", reason="Priority")
RUNS, COMPLETED, FAILED = word("Running", "RUNNING"), word("Completed", "COMPLETED"), word("Failed", error=OOM)

STATES: list[tuple[Look | None, bool, SessionBuilder, str]] = [
    (QUEUED, True, NO_PROBE, "NotReady"),
    (RUNS, True, NO_PROBE, "Running"),
    (COMPLETED, True, NO_PROBE, "Succeeded"),
    (FAILED, True, NO_PROBE, "Failed"),
    (None, True, NO_PROBE, "NotReady"),
    (Unanswered(NOW), True, NO_PROBE, "Running"),
    (Unanswered(NOW, 1, QUEUED), True, NO_PROBE, "NotReady"),
    (Unanswered(NOW, 2, FAILED), True, NO_PROBE, "Failed"),
    (Unanswered(NOW, 3, FAILED), True, NO_PROBE, "Running"),
    (Unanswered(NOW, 3, QUEUED), True, NO_PROBE, "Running"),
    (QUEUED, False, PROBED, "NotReady"),
    (RUNS, False, PROBED, "NotReady"),
    (COMPLETED, False, PROBED, "Succeeded"),
    (FAILED, False, PROBED, "Failed"),
    (None, False, PROBED, "NotReady"),
    (Unanswered(NOW), False, PROBED, "NotReady"),
    *((each, True, PROBED, "Running") for each in (QUEUED, RUNS, COMPLETED, FAILED, None, Unanswered(NOW))),
]


@pytest.mark.parametrize(("look", "ready", "builder", "state"), STATES, ids=str)
def test_the_word_counts_only_where_readiness_does_not_show_that_the_session_answers(
    look: Look | None, ready: bool, builder: SessionBuilder, state: str
) -> None:
    assert outcome(seen(look, ready=ready, builder=builder)).status.state == state


@pytest.mark.parametrize("look", [QUEUED, COMPLETED, FAILED])
def test_a_local_session_has_no_job_and_asks_nobody(look: Look) -> None:
    found = seen(look, ready=True, builder=session().with_session(readinessProbe={"type": "none"}))
    assert remote_job.address(found) is None
    assert outcome(replace(found, remote_job=None)).next.ask_job_at is None


STARTS, ENDS = datetime(2026, 11, 22, 14, 5, tzinfo=UTC), NOW + HOUR
PROGRESS = {
    "Step 5 of 6: the job is being submitted.": word("NotReady"),
    "Step 5 of 6: in the queue: Priority; expected to start at 2026-11-22T14:05:00Z.": replace(
        QUEUED, starts_at=STARTS
    ),
    "Step 5 of 6: in the queue: Resources; it may run for 2 hours.": word(
        "NotReady", "PENDING", reason="Resources", limit=2 * HOUR
    ),
    "Step 5 of 6: in the queue.": word("NotReady", "REQUEUED"),
    "Step 5 of 6: the other machine prepares a node for the job.": word("NotReady", "CONFIGURING"),
    "Step 6 of 6: the job runs; the session does not answer yet.": RUNS,
}


@pytest.mark.parametrize(("message", "look"), PROGRESS.items(), ids=PROGRESS)
def test_a_start_is_reported_as_far_as_the_job_is(message: str, look: Word) -> None:
    found = of(outcome(seen(look, ready=False, builder=PROBED)).status, "Progressing")
    assert (found.status, found.reason) == ("True", "Queued" if look.phase == "NotReady" else "AwaitingReadiness")
    assert found.message == message


def test_a_session_that_runs_goes_on_running_until_a_new_leader_has_asked() -> None:
    first = outcome(seen(RUNS, ready=True)).status
    assert outcome(seen(None, ready=True, status=first)).status == first
    assert outcome(seen(Unanswered(NOW), ready=True, status=first)).status == first


def test_a_pod_that_is_ready_before_there_is_a_job_waits_for_the_first_answer() -> None:
    before = outcome(replace(seen(None, ready=False), pods=())).status
    first = outcome(seen(None, ready=True, status=before)).status
    assert (first.state, of(first, "Progressing").reason) == ("NotReady", "Queued")
    assert outcome(seen(QUEUED, ready=True, status=first)).status.state == "NotReady"
    assert outcome(seen(Unanswered(NOW), ready=True, status=first)).status.state == "Running", "Go's sidecars"


def test_a_session_of_the_go_operators_that_lost_its_job_is_not_taken_for_one_that_starts() -> None:
    """It was ready once, hours ago: what ends a start that takes too long must not end it."""
    late = START + 4 * HOUR
    for look in (None, Unanswered(late)):
        found = seen(look, ready=False, builder=PROBED, now=late)
        unready = [condition("Ready", "False", "2026-11-22T16:00:00Z")]
        lost = observed(PROBED, None, pod(container(), container("tunnel", ready=True), conditions=unready)).pods
        result = outcome(replace(found, pods=lost), late)
        assert of(result.status, "Progressing").reason == "Started"
        assert result.status.will_hibernate_at is None


def test_a_job_in_the_queue_has_not_started_though_its_pod_is_ready() -> None:
    first = outcome(seen(QUEUED, ready=True)).status
    assert of(first, "Progressing").reason == "Queued"
    unasked = outcome(seen(None, ready=True, status=first)).status
    assert (unasked.state, of(unasked, "Progressing")) == ("NotReady", of(first, "Progressing")), "a new leader"
    assert outcome(seen(RUNS, ready=True, status=unasked)).status.state == "Running"


@pytest.mark.parametrize("look", [COMPLETED, FAILED])
def test_a_recorded_end_stays_until_a_new_leader_has_asked(look: Word) -> None:
    first = outcome(seen(look, ready=True)).status
    later = outcome(seen(None, ready=True, status=first), NOW + MINUTE).status
    assert (later.state, later.error) == (first.state, first.error)
    assert of(later, "Healthy") == of(first, "Healthy")
    assert outcome(seen(RUNS, ready=True, status=later), NOW + MINUTE).status.state == "Running"


def test_a_failed_job_is_reported_with_cause_and_next_step() -> None:
    status = outcome(seen(FAILED, ready=False)).status
    assert status.error == OOM
    assert (of(status, "Healthy").reason, of(status, "Healthy").message) == ("RemoteJobFailed", OOM)
    unexplained = outcome(seen(word("Failed"), ready=False)).status
    assert "pause and resume" in (unexplained.error or "")


def test_an_unreachable_machine_changes_no_state_and_is_reported_with_its_age() -> None:
    away = replace(RUNS, error="FirecREST answers 503.", unheard_since=NOW - timedelta(minutes=2))
    assert outcome(seen(away, ready=True)).status.error is None, "it may be back in a minute"
    away = replace(away, unheard_since=NOW - HOUR)
    for ready, builder in ((True, PROBED), (True, NO_PROBE)):
        status = outcome(seen(away, ready=ready, builder=builder)).status
        assert status.state == "Running"
        assert "Since 2026-11-22T12:10:00Z: FirecREST answers 503." in (status.error or "")
        assert of(status, "Healthy").reason == "ClusterSilent"


def test_the_reason_why_a_job_cannot_be_submitted_is_reported_at_once() -> None:
    refused = word("NotReady", error="FirecREST answers 401.", unheard_since=NOW)
    assert "FirecREST answers 401." in (outcome(seen(refused, ready=False)).status.error or "")


def test_the_end_of_a_job_is_announced_ten_minutes_before() -> None:
    running = replace(RUNS, ends_at=ENDS, limit=2 * HOUR)
    for builder in (PROBED, NO_PROBE):
        early = outcome(seen(running, ready=True, builder=builder))
        assert of(early.status, "StoppingSoon").reason == ""
        assert early.next.wake_at is not None
        assert early.next.wake_at <= ENDS - timedelta(minutes=10)
        soon = of(
            outcome(seen(running, ready=True, builder=builder), ENDS - timedelta(minutes=10)).status, "StoppingSoon"
        )
        assert (soon.status, soon.reason) == ("True", "TimeLimit")
        assert "2026-11-22T14:10:00Z" in (soon.message or "")
        assert "2 hours" in (soon.message or "")
    assert of(outcome(seen(running, ready=True), ENDS).status, "StoppingSoon").reason == ""


def test_a_pause_that_comes_before_the_end_of_the_job_is_the_one_that_is_announced() -> None:
    due = NOW + MINUTE
    quiet = Status(state="Running", run_id=RUN, idle=True, idle_since="2026-11-22T12:11:00Z")
    running = replace(RUNS, ends_at=due + MINUTE)
    found = seen(running, ready=True, status=quiet, door=Reported(NOW, NOW - 2 * HOUR))
    assert of(outcome(found).status, "StoppingSoon").reason == "Idle"
    found = replace(found, remote_job=RemoteJob("192.0.2.1", replace(running, ends_at=due - timedelta(seconds=30))))
    assert of(outcome(found).status, "StoppingSoon").reason == "TimeLimit"


def test_a_job_that_has_completed_counts_as_idle_from_then_and_is_paused() -> None:
    before = Status(state="Running", run_id=RUN, idle=True, idle_since="2026-11-22T12:30:00Z")
    first = outcome(seen(COMPLETED, ready=True, status=before))
    assert (first.status.state, first.status.idle_since) == ("Succeeded", "2026-11-22T13:10:00Z")
    assert of(first.status, "Idle").reason == "JobCompleted"
    due = NOW + HOUR
    door = Reported(due, NOW - HOUR)
    last = outcome(seen(COMPLETED, ready=True, status=first.status, door=door, now=due), due)
    assert last.next.end == End(False, Cause.IDLE, HOUR)


@pytest.mark.parametrize("usage", [None, Usage(Decimal(5), NOW)])
def test_the_usage_of_its_pod_does_not_keep_a_completed_job_from_being_idle(usage: Usage | None) -> None:
    assert outcome(replace(seen(COMPLETED, ready=False), usage=usage)).status.idle


@pytest.mark.parametrize("phase", ["Completed", "Failed", "NotReady"])
def test_a_lie_of_the_controller_stops_no_user_who_works_in_a_browser(phase: remote_job.Phase) -> None:
    """Another program of the pod answers in the controller's place; without a probe nothing else is known."""
    lie, status = word(phase, "PENDING", error=OOM), None
    for hours in range(6):
        now = NOW + hours * HOUR
        at_work = Reported(now, now - MINUTE)
        result = outcome(seen(replace(lie, at=now), ready=True, status=status, door=at_work, now=now), now)
        assert result.next.end is None
        status = result.status
    silent = outcome(seen(replace(lie, at=now), ready=True, status=status, door=Silent(now), now=now), now)
    assert silent.next.end is None


def test_a_job_that_failed_is_paused_when_nobody_works() -> None:
    first = outcome(seen(FAILED, ready=True)).status
    due = NOW + 2 * HOUR
    unasked = outcome(seen(FAILED, ready=True, status=first, now=due), due)
    assert (unasked.next.end, unasked.next.ask_door_at) == (None, due - timedelta(minutes=10))
    asked = outcome(seen(FAILED, ready=True, status=first, now=due, door=Reported(due, NOW - HOUR)), due)
    assert asked.next.end == End(False, Cause.FAILED_TOO_LONG, 2 * HOUR)
    down = outcome(seen(FAILED, ready=False, builder=PROBED, status=first, now=due), due)
    assert down.next.end == asked.next.end, "nobody can be at work"


@pytest.mark.parametrize("strategy", ["always", "whenFailedOrHibernated"])
def test_a_newer_operator_submits_no_failed_job_again(strategy: str) -> None:
    builder = NO_PROBE.with_spec(reconcileStrategy=strategy)
    first = outcome(seen(FAILED, ready=True, builder=builder)).status
    for look in (FAILED, None):
        found = seen(look, ready=False, builder=builder, status=first)
        assert decide(found, Fresh(lambda: RUN)).template is TemplateChange.WITH_THE_USERS_CHANGE


def test_a_controller_that_crashes_is_reported_as_a_crash() -> None:
    crashed = pod(container(state=terminated(1)), podIP="192.0.2.1")
    found = replace(observed(FAR, statefulset(run_id=RUN), crashed), remote_job=RemoteJob("192.0.2.1", QUEUED))
    status = outcome(found).status
    assert (status.state, of(status, "Healthy").reason) == ("Failed", "Crashed")


CONTAINER_STARTED = datetime(2026, 11, 22, 13, 0, 1, tzinfo=UTC)
ASKED: list[tuple[Look | None, datetime]] = [
    (None, CONTAINER_STARTED + JOB_FIRST),
    (QUEUED, NOW + JOB_EACH),
    (RUNS, NOW + JOB_EACH),
    (COMPLETED, NOW + JOB_OVER),
    (FAILED, NOW + JOB_OVER),
    *((Unanswered(NOW, times), NOW + pause) for times, pause in enumerate(JOB_PAUSES, 1)),
    (Unanswered(NOW, 99), NOW + JOB_PAUSES[-1]),
    (replace(FAILED, at=START), START + JOB_EACH),
    (replace(FAILED, at=START - HOUR), CONTAINER_STARTED + JOB_FIRST),
]


@pytest.mark.parametrize(("look", "at"), ASKED, ids=str)
def test_a_controller_is_asked_once_a_minute_at_most(look: Look | None, at: datetime) -> None:
    """A controller that was started since may have another job."""
    assert outcome(seen(look, ready=True)).next.ask_job_at == at


@pytest.mark.parametrize(("look", "at"), [(None, timedelta(0)), (RUNS, JOB_EACH), (Unanswered(NOW, 4), JOB_EACH)])
def test_a_node_whose_clock_is_an_hour_ahead_keeps_nobody_waiting(look: Look | None, at: timedelta) -> None:
    ahead = pod(container(state=running("2026-11-22T14:10:00Z"), ready=True), podIP="192.0.2.1")
    found = replace(seen(look, ready=True), pods=observed(FAR, None, ahead).pods)
    assert outcome(found).next.ask_job_at == NOW + at


def test_nobody_is_asked_about_a_session_at_rest_on_its_way_or_gone() -> None:
    paused = replace(seen(RUNS, ready=True, builder=FAR.hibernated()))
    leaving = replace(seen(RUNS, ready=True), pods=observed(FAR, None, pod(leaving=True)).pods)
    starting = replace(seen(RUNS, ready=True), pods=observed(FAR, None, pod(container(state={"waiting": {}}))).pods)
    without = replace(seen(RUNS, ready=True), pods=())
    gone = replace(seen(RUNS, ready=True), session=observed(FAR, deleting=True).session)
    for found in (paused, leaving, starting, without, gone):
        assert outcome(found).next.ask_job_at is None


def answer(**fields: object) -> bytes:
    return msgspec.json.encode({"status": "Running", **fields})


def test_an_answer_is_read_with_all_that_it_says() -> None:
    body: Manifest = {
        "version": 1,
        "schedulerState": "PENDING",
        "reason": "Priority",
        "expectedStart": STARTS.timestamp() + 5,
        "endsAt": ENDS.timestamp() + 59,
        "limitSeconds": 7200,
        "errorAgeSeconds": 60,
        "error": "a\nb\x1b[31m  c",
        "unknown": [1],
    }
    assert remote_job.read(answer(**body), NOW) == Word(
        NOW, "Running", "PENDING", "Priority", STARTS, ENDS, 2 * HOUR, "a b [31m c", NOW - MINUTE
    )
    assert remote_job.read(answer(), NOW) == Word(NOW, "Running")


WAITS = Report(remote.Phase.NOT_READY, "PENDING", "Resources", starts=STARTS.timestamp(), limit=7200.0)
WORKS = Report(remote.Phase.RUNNING, "RUNNING", starts=START.timestamp(), limit=7200.0, elapsed=600.0)
ENDED = Report(remote.Phase.FAILED, "TIMEOUT", cause="The job reached its time limit (TIMEOUT).")
CONTROLLERS = {
    "new": (Standing(), word("NotReady")),
    "waits": (
        Standing().heard(WAITS, NOW.timestamp()),
        word("NotReady", "PENDING", reason="Resources", starts_at=STARTS, limit=2 * HOUR),
    ),
    "works": (
        Standing().heard(WORKS, NOW.timestamp()),
        word("Running", "RUNNING", ends_at=START + 2 * HOUR, limit=2 * HOUR),
    ),
    "away": (
        Standing().heard(Report(remote.Phase.RUNNING, "RUNNING")).deaf("FirecREST answers 503.", START.timestamp()),
        word("Running", "RUNNING", error="FirecREST answers 503.", unheard_since=START),
    ),
    "ended": (Standing().heard(ENDED), word("Failed", "TIMEOUT", error="The job reached its time limit (TIMEOUT).")),
    "completed": (Standing().heard(Report(remote.Phase.COMPLETED, "COMPLETED")), word("Completed", "COMPLETED")),
    "refused": (Standing().failed("Invalid partition."), word("Failed", error="Invalid partition.")),
}


@pytest.mark.parametrize(("standing", "read"), CONTROLLERS.values(), ids=CONTROLLERS)
def test_the_operator_reads_what_the_controller_writes(standing: Standing, read: Word) -> None:
    body = msgspec.json.encode(dict(standing.told_the_operator(NOW.timestamp())))
    assert remote_job.read(body, NOW) == read


RUBBISH = (
    b"",
    b"<html>",
    b"[]",
    b"\xff\xfe",
    b"[" * 100_000,
    answer(status="Gone"),
    answer(status=None),
    answer(error={}),
    answer(endsAt=1e300),
    answer(endsAt=-5),
    answer(limitSeconds=1e17),
    answer(errorAgeSeconds=1e11),
    b'{"status": "Running", "endsAt": 1e999}',
    b'{"error": "no status"}',
)


@pytest.mark.parametrize("body", RUBBISH, ids=lambda body: body[:40].decode(errors="replace"))
def test_an_unreadable_answer_is_not_quoted(body: bytes) -> None:
    with pytest.raises(NoAnswerError) as caught:
        remote_job.read(body, NOW)
    assert "secret" not in str(caught.value)


def test_no_answer_fills_a_status() -> None:
    found = remote_job.read(answer(error="x" * 16_000, reason="y" * 16_000, schedulerState="z" * 16_000), NOW)
    assert (len(found.error), len(found.reason), len(found.state)) == (1000, 100, 100)


_FIELDS = st.fixed_dictionaries(
    {"status": st.sampled_from(["NotReady", "Running", "Completed", "Failed"])},
    optional={
        **{name: st.floats(0, 1e11) for name in ("expectedStart", "endsAt", "limitSeconds", "errorAgeSeconds")},
        **{name: st.text(max_size=30) for name in ("error", "reason", "schedulerState")},
    },
)


@given(_FIELDS, st.booleans())
def test_any_answer_leads_to_a_status(fields: dict[str, object], ready: bool) -> None:
    try:
        look: Look = remote_job.read(msgspec.json.encode(fields), NOW)
    except NoAnswerError:
        look = Unanswered(NOW)
    result = outcome(seen(look, ready=ready))
    msgspec.json.encode(result.status)
    assert result.next.end is None


@pytest.mark.parametrize("look", [COMPLETED, FAILED])
def test_a_pod_that_is_replaced_takes_the_end_of_its_job_along(look: Word) -> None:
    """Its node is drained: the controller of the next pod submits another job."""
    first = outcome(seen(look, ready=False)).status
    drained = replace(seen(look, ready=False, status=first), pods=observed(FAR, None, pod(leaving=True)).pods)
    assert outcome(drained, START + MINUTE).status.state != "Succeeded"
    waiting = pod(container(state={"waiting": {"reason": "ContainerCreating"}}), phase="Pending")
    following = replace(seen(None, ready=False, status=first), pods=observed(FAR, None, waiting).pods)
    later = NOW + HOUR
    assert outcome(following, later).status.state == "NotReady"


SAID = "The job could not be cancelled within 40 s; see that none is left on the cluster. FirecREST answers 503."


def stopping(*, message: str = SAID, builder: SessionBuilder = FAR) -> Observed:
    """Return a session whose pod is being stopped, its controller having ended with this message."""
    ended = pod(container(state=terminated(1, message=message)), leaving=True)
    return observed(builder.hibernated(), statefulset(replicas=0, run_id=RUN), ended)


def test_a_job_that_could_not_be_cancelled_is_reported_until_the_resume() -> None:
    at_once = START + MINUTE
    first = outcome(stopping(), at_once).status
    assert (first.state, of(first, "Healthy").reason) == ("NotReady", "RemoteJobLeft")
    asleep = observed(FAR.hibernated(), statefulset(replicas=0, run_id=RUN))
    for before in (
        replace(asleep, session=msgspec.structs.replace(asleep.session, status=first)),
        replace(asleep, former_pod=stopping().pods[0]),
    ):
        status = outcome(before, at_once).status
        assert (status.state, of(status, "Healthy").reason) == ("Hibernated", "RemoteJobLeft")
        assert "Cancel it there" in (status.error or "")
        again = replace(before, session=msgspec.structs.replace(asleep.session, status=status), former_pod=None)
        assert outcome(again, at_once).status == status
    resumed = seen(QUEUED, ready=False, status=status)
    assert outcome(resumed).status.error is None


@pytest.mark.parametrize("message", ["", "Set RSC_AUTH_TOKEN_URI.", "could not be cancelled"])
def test_a_controller_that_ends_for_another_cause_leaves_no_job(message: str) -> None:
    status = outcome(stopping(message=message), START + MINUTE).status
    assert (status.state, of(status, "Healthy").reason) == ("NotReady", "")

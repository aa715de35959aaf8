"""Each status write is a database write of every client: times move on transitions only, and noise is not a change."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from amalthea.api.reasons import ConditionType, Reason
from amalthea.api.types import Status
from amalthea.model.findings import Finding
from amalthea.model.plan import Fresh, decide
from amalthea.model.status.report import Context, Outcome, as_data, merge_patch, report
from amalthea.model.views.observed import Observed
from amalthea.testing.api_server import patches
from amalthea.testing.builders import RUN_ID, session
from amalthea.testing.observations import (
    READY_AT,
    condition,
    container,
    ingress,
    job,
    observed,
    pod,
    running,
    statefulset,
    terminated,
    unscheduled_pod,
    waiting,
)

NOW = datetime(2026, 11, 22, 13, 10, tzinfo=UTC)
NOW_TEXT, EARLIER = "2026-11-22T13:10:00Z", "2026-11-22T12:00:00Z"
AWAKE, ASLEEP = statefulset(ready=1), statefulset(replicas=0)
PAUSED, JOB, WITH_INGRESS = session().hibernated(), session().as_job(), session().with_ingress()
READY, CRASHED = pod(container(ready=True)), pod(container(state=terminated(1)))
BAD = session().with_session(urlPath="//lab")
COMPLETE = condition("Complete", "True", READY_AT)
FULL = Finding(ConditionType.CHILDREN_IN_PLACE, Reason.QUOTA_EXCEEDED, "No room.", fatal=True)
SHRINK = Finding(ConditionType.STORAGE_SIZED, Reason.SHRINK_REFUSED, "It cannot shrink.")


def report_of(seen: Observed, *findings: Finding, now: datetime = NOW) -> Outcome:
    plan = decide(seen, Fresh(lambda: RUN_ID))
    return report(seen, plan, findings, Context("https://lab.example.org/demo/", now))


def status_of(seen: Observed, *findings: Finding, now: datetime = NOW) -> Status:
    return report_of(seen, *findings, now=now).status


CASES: dict[str, tuple[Observed, tuple[Finding, ...]]] = {
    "new": (observed(), ()),
    "starting": (observed(None, statefulset(), pod()), ()),
    "no room": (observed(None, statefulset(), unscheduled_pod("0/1 nodes are available.")), ()),
    "running": (observed(WITH_INGRESS, AWAKE, READY, ingress=ingress()), ()),
    "degraded": (observed(None, AWAKE, pod(container(ready=True), container("x")), status={"state": "Running"}), ()),
    "failed": (observed(None, statefulset(), CRASHED), ()),
    "quota": (observed(), (FULL,)),
    "shrinking": (observed(None, AWAKE, READY), (SHRINK,)),
    "refused": (observed(BAD), ()),
    "refused while it runs": (observed(BAD, AWAKE, READY), ()),
    "stopping": (observed(PAUSED, ASLEEP, READY), ()),
    "paused": (observed(PAUSED, ASLEEP), ()),
    "deleting": (observed(None, AWAKE, READY, deleting=True), ()),
    "job ended": (observed(JOB, job(COMPLETE)), ()),
    "job failed": (observed(JOB, job(condition("Failed", "True")), pod(container(state=terminated(3)))), ()),
}


def again(seen: Observed, status: Status) -> Observed:
    """Return what is observed after that status was written: it came back from the API server as JSON."""
    recorded = msgspec.json.decode(msgspec.json.encode(as_data(status)), type=Status)
    view = msgspec.structs.replace(seen.session, status=recorded)
    return type(seen)(**{**vars(seen), "session": view})


@pytest.mark.parametrize(("seen", "findings"), CASES.values(), ids=CASES)
def test_an_unchanged_status_is_written_once(seen: Observed, findings: tuple[Finding, ...]) -> None:
    first = status_of(seen, *findings)
    later = again(seen, first)

    second = status_of(later, *findings, now=NOW + timedelta(hours=1))

    assert merge_patch(as_data(later.session.status), as_data(second)) == {}


@pytest.mark.parametrize(("seen", "findings"), CASES.values(), ids=CASES)
def test_the_written_patch_makes_the_stored_status_what_it_is_to_be(
    seen: Observed, findings: tuple[Finding, ...]
) -> None:
    stored: dict[str, Any] = {
        "state": "Running",
        "idle": True,
        "idleSince": EARLIER,
        "willHibernateAt": EARLIER,
        "failedSchedulingSince": EARLIER,
        "containerCounts": {"ready": 3, "total": 3},
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": EARLIER}],
    }
    wanted = as_data(status_of(seen, *findings))

    assert patches.merge(stored, merge_patch(stored, wanted)) == wanted


def test_the_state_is_always_written_out() -> None:
    assert as_data(Status()) == {"state": "NotReady"}


def test_a_refused_session_that_was_never_made_is_failed_with_field_and_remedy() -> None:
    status = status_of(observed(BAD))

    assert status.state == "Failed"
    assert status.error == (
        "The session cannot be created as described. "
        "spec.session.urlPath: is '//lab', which is not a path; begin it with one slash."
    )


def test_a_refused_session_that_runs_goes_on_running() -> None:
    status = status_of(observed(BAD, AWAKE, READY, status={"state": "Running", "runID": RUN_ID}))

    assert (status.state, status.error, status.run_id) == ("Running", None, RUN_ID)
    assert [c.type for c in status.conditions or () if c.status == "False"] == [
        "RoutingReady",
        "Accepted",
        "Progressing",
    ]


def test_a_paused_session_that_cannot_be_resumed_as_it_is_described_is_failed() -> None:
    status = status_of(observed(BAD, ASLEEP, status={"state": "Hibernated"}))

    assert status.state == "Failed"
    assert "spec.session.urlPath" in (status.error or "")


def test_a_refused_session_can_be_paused() -> None:
    status = status_of(observed(BAD.hibernated(), ASLEEP, status={"state": "NotReady", "runID": RUN_ID}))

    assert (status.state, status.run_id) == ("Hibernated", None)


def test_a_session_without_any_child_can_be_paused() -> None:
    status = status_of(observed(BAD.hibernated(), None, status={"state": "Failed", "failingSince": EARLIER}))

    assert (status.state, status.failing_since) == ("Hibernated", None)
    assert status.hibernated_since


def test_a_job_that_ended_is_reported_as_ended_though_its_spec_was_broken_and_its_job_deleted() -> None:
    seen = observed(JOB.with_session(shmSize="much"), status={"state": "Succeeded", "idleSince": EARLIER})

    assert status_of(seen).state == "Succeeded"


def test_a_refused_object_fails_a_session_that_does_not_run_yet() -> None:
    status = status_of(observed(), FULL)

    assert (status.state, status.error, status.failing_since) == ("Failed", "No room.", NOW_TEXT)


@pytest.mark.parametrize("seen", [observed(None, AWAKE, READY), observed(PAUSED, ASLEEP)], ids=["running", "paused"])
def test_a_refused_object_does_not_fail_a_session_that_does_without(seen: Observed) -> None:
    status = status_of(seen, FULL)

    assert status.state in ("Running", "Hibernated")
    assert status.error == "No room."


def test_a_deleted_session_keeps_its_url_and_run() -> None:
    status = status_of(observed(None, AWAKE, READY, deleting=True, status={"state": "Running", "runID": RUN_ID}))

    assert (status.state, status.run_id, status.url) == ("NotReady", RUN_ID, "https://lab.example.org/demo/")


def test_a_crash_loop_writes_no_status_as_long_as_nothing_new_is_known() -> None:
    """Down, waiting, up for a moment, down again: one failure, one text, one time."""
    crash = terminated(1, message="no such file")
    recent = "2026-11-22T13:09:50Z"
    forms = [
        container(state=crash),
        container(state=waiting("CrashLoopBackOff", "back-off 10s"), last=crash),
        container(state=running(recent), last=crash),
        container(state=crash, last=crash),
        container(state=waiting("CrashLoopBackOff", "back-off 20s"), last=crash),
    ]
    status = status_of(observed(None, statefulset(), pod(forms[0])))

    for form in forms:
        later = status_of(again(observed(None, statefulset(), pod(form)), status))
        assert merge_patch(as_data(status), as_data(later)) == {}


def test_an_image_that_cannot_be_pulled_writes_no_status_at_each_attempt() -> None:
    forms = [
        ("ImagePullBackOff", 'Back-off pulling image "example.org/lab:1": ErrImagePull: dial tcp :4001: timeout'),
        ("ErrImagePull", "dial tcp :4002: timeout"),
        ("ImagePullBackOff", 'Back-off pulling image "example.org/lab:1": ErrImagePull: dial tcp :4002: timeout'),
    ]
    status = status_of(observed(None, statefulset(), pod(container(state=waiting(*forms[0])))))

    for form in forms:
        later = status_of(again(observed(None, statefulset(), pod(container(state=waiting(*form)))), status))
        assert merge_patch(as_data(status), as_data(later)) == {}


def test_a_failed_session_is_looked_at_again_when_it_has_been_calm() -> None:
    up = pod(container(state=running("2026-11-22T13:09:00Z")))
    seen = observed(None, statefulset(), up, status={"state": "Failed", "error": "It broke."})

    assert report_of(seen).next.wake_at == datetime(2026, 11, 22, 13, 11, tzinfo=UTC)


@pytest.mark.parametrize("name", ["running", "failed", "paused", "quota", "job failed"])
def test_no_timer_runs_for_what_time_cannot_change(name: str) -> None:
    seen, findings = CASES[name]

    assert report_of(seen, *findings).next.wake_at is None

"""Users whose session is stopped must be told before, and afterwards by whom and why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from ulid import ULID

from amalthea.api import names
from amalthea.api.reasons import Cause, Reason, Step
from amalthea.api.schema import Manifest
from amalthea.api.types import Condition, Status
from amalthea.model import spans
from amalthea.model.plan import Fresh, decide
from amalthea.model.status import lifecycle_conditions
from amalthea.model.status.report import Context, Outcome, as_data, merge_patch, report
from amalthea.model.views.observed import Observed
from amalthea.model.views.usage import Usage
from amalthea.testing.builders import session
from amalthea.testing.observations import (
    condition,
    container,
    job,
    observed,
    pod,
    statefulset,
    terminated,
    unscheduled_pod,
    waiting,
)

START = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
RUN = str(ULID.from_datetime(START))
CULLED = session().with_ingress().with_spec(culling={"maxAge": "24h", "maxIdleDuration": "1h"})
UP = pod(container(ready=True))
RUNS = {"state": "Running", "runID": RUN}


def outcome(seen: Observed, now: datetime) -> Outcome:
    return report(seen, decide(seen, Fresh(lambda: RUN)), (), Context("https://lab.example.org/", now))


def of(status: Status, kind: str) -> Condition | None:
    return next((each for each in status.conditions or () if each.type == kind), None)


def later(**time: float) -> datetime:
    return START + timedelta(**time)


def followed(seen: Observed, before: Status) -> Observed:
    """Return a session as it is found after a status was written."""
    return replace(seen, session=msgspec.structs.replace(seen.session, status=before))


def test_a_pause_is_announced_ten_minutes_before_and_not_earlier() -> None:
    seen = observed(CULLED, statefulset(run_id=RUN), UP, status=RUNS)

    early = outcome(seen, later(hours=23))
    assert of(early.status, "StoppingSoon") is None
    assert early.status.will_hibernate_at == "2026-11-23T13:00:00Z"
    assert early.next.wake_at == later(hours=23, minutes=50)
    soon = outcome(seen, later(hours=23, minutes=50))
    warning = of(soon.status, "StoppingSoon")
    assert warning is not None
    assert warning.reason == Cause.TOO_OLD
    assert warning.message == (
        "The session will be paused at 2026-11-23T13:00:00Z, because it has run for 1 day, the longest that it may run "
        "at a time. Save your work; you can resume the session afterwards."
    )
    assert soon.next.wake_at == later(hours=24)


def test_idleness_is_reported_with_its_signals_and_ends_when_somebody_works() -> None:
    seen = observed(CULLED, statefulset(run_id=RUN), UP, status=RUNS)
    rests = replace(seen, usage=Usage(Decimal(0), later(hours=2)))

    quiet = outcome(rests, later(hours=2)).status
    assert (quiet.idle, quiet.idle_since) == (True, "2026-11-22T15:00:00Z")
    assert quiet.will_hibernate_at == "2026-11-22T16:00:00Z"
    works = replace(seen, usage=Usage(Decimal(1), later(hours=2, minutes=30)))
    busy = outcome(followed(works, quiet), later(hours=2, minutes=30)).status
    assert (busy.idle, busy.idle_since) == (False, None)
    verdict = of(busy, "Idle")
    assert verdict is not None
    assert (verdict.status, verdict.reason) == ("False", Reason.CPU_BUSY)


def test_no_session_is_paused_for_being_idle_while_its_usage_is_unknown() -> None:
    seen = observed(
        CULLED, statefulset(run_id=RUN), UP, status={**RUNS, "idle": True, "idleSince": "2026-11-22T14:00:00Z"}
    )

    unknown = outcome(seen, later(hours=2))
    assert unknown.status.idle_since is None
    assert unknown.next.end is None
    assert unknown.status.will_hibernate_at == "2026-11-23T13:00:00Z", "by its age"
    verdict = of(unknown.status, "Idle")
    assert verdict is not None
    assert verdict.status == "Unknown"


def test_an_idle_session_is_reported_once_and_not_at_each_look() -> None:
    seen = replace(observed(CULLED, statefulset(run_id=RUN), UP, status=RUNS), usage=Usage(Decimal(0), later(hours=2)))
    first = outcome(seen, later(hours=2)).status
    again = replace(followed(seen, first), usage=Usage(Decimal("0.1"), later(hours=2, minutes=20)))

    assert merge_patch(as_data(first), as_data(outcome(again, later(hours=2, minutes=20)).status)) == {}


SOON = {"type": "StoppingSoon", "status": "True", "reason": "Idle", "message": "…"}
STOPS = {
    "by the operator": (names.FIELD_MANAGER, [SOON], Cause.IDLE, "because nobody has worked in it for 1 hour."),
    "by the user in the last minutes": ("kubectl-patch", [SOON], Cause.USER, "on request by kubectl-patch at"),
    "by the operator, for a cause of a newer release": (
        names.FIELD_MANAGER,
        [{**SOON, "reason": "Weekend"}],
        Cause.USER,
        "was paused",
    ),
    "by the user": ("python-httpx", [], Cause.USER, "on request by python-httpx at 2026-11-22T15:00:00Z."),
}


@pytest.mark.parametrize(("manager", "before", "cause", "words"), STOPS.values(), ids=STOPS)
def test_a_stopped_session_says_who_stopped_it_and_why(
    manager: str, before: list[dict[str, str]], cause: Cause, words: str
) -> None:
    paused = CULLED.paused_by(manager, "2026-11-22T15:00:00Z")
    stopping = observed(paused, statefulset(), UP, status={**RUNS, "conditions": before})

    first = outcome(stopping, later(hours=2)).status
    gone = followed(observed(paused, statefulset(replicas=0)), first)
    kept = of(outcome(gone, later(hours=3)).status, "Stopped")
    assert kept is not None
    assert kept.reason == cause
    assert words in (kept.message or "")
    assert kept == of(first, "Stopped")


def test_a_resumed_session_is_not_reported_as_stopped() -> None:
    seen = observed(
        CULLED, statefulset(replicas=0), status={"state": "Hibernated", "conditions": [{**SOON, "type": "Stopped"}]}
    )

    assert of(outcome(seen, later(hours=2)).status, "Stopped") is None


def test_a_job_that_was_cut_off_says_so() -> None:
    late = condition("Failed", "True", reason="DeadlineExceeded")
    stopped = of(outcome(observed(session().as_job(), job(late)), later(hours=2)).status, "Stopped")

    assert stopped is not None
    assert stopped.reason == Cause.JOB_DEADLINE


def test_a_deletion_is_announced_with_what_to_do() -> None:
    paused = session().with_spec(culling={"maxHibernatedDuration": "72h"}).hibernated()
    seen = observed(
        paused, statefulset(replicas=0), status={"state": "Hibernated", "hibernatedSince": "2026-11-22T14:00:00Z"}
    )

    due = outcome(seen, later(hours=73, minutes=-5))
    warning = of(due.status, "DeletingSoon")
    assert warning is not None
    assert "deleted with its files at 2026-11-25T14:00:00Z" in (warning.message or "")
    assert "Resume it" in (warning.message or "")
    assert due.next.wake_at == later(hours=73)


def test_the_deletion_of_a_job_that_could_not_run_does_not_say_that_it_ended() -> None:
    stuck = session().as_job().with_spec(culling={"maxHibernatedDuration": "72h"})
    body = pod(container(state=waiting("ImagePullBackOff")))
    seen = observed(stuck, job(), body, status={"state": "Failed", "failingSince": "2026-11-22T14:00:00Z"})

    due = outcome(seen, later(hours=73, minutes=-5))
    warning = of(due.status, "DeletingSoon")
    assert warning is not None
    assert warning.reason == Cause.FAILED_LONG_AGO
    assert warning.message == (
        "The session will be deleted with its files at 2026-11-25T14:00:00Z, because its job has been failed for "
        "3 days. Fix the cause of its failure, or save its files, to keep them."
    )
    assert due.next.wake_at == later(hours=73)


def with_init_containers(*containers: Manifest) -> Manifest:
    """Return a StatefulSet whose pod is to have these init containers."""
    workload = statefulset()
    workload["spec"]["template"]["spec"]["initContainers"] = [{"name": str(i), **c} for i, c in enumerate(containers)]
    return workload


STEPS = {
    "nothing yet": (observed(CULLED, statefulset()), Step.STORAGE, "1 of 5"),
    "waits for its volume": (
        observed(CULLED, statefulset(), unscheduled_pod("pod has unbound immediate PersistentVolumeClaims")),
        Step.STORAGE,
        "1 of 5",
    ),
    "waits for a node": (observed(CULLED, statefulset(), unscheduled_pod("0/1 nodes")), Step.SCHEDULED, "2 of 5"),
    "pulls": (
        observed(CULLED, statefulset(), pod(container(state=waiting("ContainerCreating")), phase="Pending")),
        Step.IMAGES,
        "3 of 5",
    ),
    "clones": (
        observed(
            CULLED,
            statefulset(),
            pod(
                container(state=waiting("PodInitializing")),
                init=[container("git-clone-0")],
                phase="Pending",
                conditions=[condition("Initialized", "False")],
            ),
        ),
        Step.CLONED,
        "4 of 6",
    ),
    "cloned": (
        observed(
            CULLED,
            statefulset(),
            pod(
                container(state=waiting("PodInitializing")), init=[container("c", state=terminated(0))], phase="Pending"
            ),
        ),
        Step.STARTED,
        "5 of 6",
    ),
    "only the door runs, and images are pulled": (
        observed(
            CULLED,
            statefulset(),
            pod(container(state=waiting("PodInitializing")), sidecars=[container("authproxy")], phase="Pending"),
        ),
        Step.IMAGES,
        "3 of 5",
    ),
    "the door runs, and a repository is cloned": (
        observed(
            CULLED,
            statefulset(),
            pod(
                container(state=waiting("PodInitializing")),
                init=[container("git-clone-0")],
                sidecars=[container("authproxy")],
                phase="Pending",
                conditions=[condition("Initialized", "False")],
            ),
        ),
        Step.CLONED,
        "4 of 6",
    ),
    "a workload with a door, whose pod is not there yet": (
        observed(CULLED, with_init_containers({"restartPolicy": "Always"})),
        Step.STORAGE,
        "1 of 5",
    ),
    "a workload with a clone, whose pod is not there yet": (
        observed(CULLED, with_init_containers({"restartPolicy": "Always"}, {})),
        Step.STORAGE,
        "1 of 6",
    ),
    "only the proxy runs yet": (
        observed(CULLED, statefulset(), pod(container(state=waiting("ContainerCreating")), container("authproxy"))),
        Step.STARTED,
        "4 of 5",
    ),
    "runs, and is not ready": (observed(CULLED, statefulset(), pod(container())), Step.READY, "5 of 5"),
}


@pytest.mark.parametrize(("seen", "step", "number"), STEPS.values(), ids=STEPS)
def test_a_start_says_at_which_step_it_is(seen: Observed, step: Step, number: str) -> None:
    at = of(outcome(seen, START).status, "Progressing")

    assert at is not None
    assert (at.status, at.reason) == ("True", step)
    assert (at.message or "").startswith(f"Step {number}: ")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            'corresponding condition of pod readiness gate "target-health.elbv2.k8s.aws/demo" does not exist.',
            "the session answers; its pod waits for the readiness gate target-health.elbv2.k8s.aws/demo",
        ),
        ("", "the containers run; the session does not answer yet"),
    ],
)
def test_a_pod_that_waits_for_a_load_balancer_alone_says_so(said: str, words: str) -> None:
    closed = condition("Ready", "False", reason="ReadinessGatesNotReady", message=said)
    answers = pod(container(ready=True), conditions=[condition("ContainersReady", "True"), closed])

    at = of(outcome(observed(CULLED, statefulset(), answers), START).status, "Progressing")

    assert at is not None
    assert at.message == f"Step 5 of 5: {words}."


def test_a_pod_that_a_queue_holds_back_does_not_say_that_nodes_are_full() -> None:
    gated = condition("PodScheduled", "False", reason="SchedulingGated")

    at = of(
        outcome(observed(CULLED, statefulset(), pod(phase="Pending", conditions=[gated])), START).status, "Progressing"
    )

    assert at is not None
    assert at.message == "Step 2 of 5: the session's pod is held back by a scheduling gate, such as that of a queue."


def test_a_start_is_over_once_the_session_was_ready_and_stays_so_for_the_run() -> None:
    ready = outcome(observed(CULLED, statefulset(run_id=RUN), UP, status=RUNS), START).status
    unready = followed(observed(CULLED, statefulset(run_id=RUN), pod(container())), ready)

    for status in (ready, outcome(unready, later(minutes=1)).status):
        at = of(status, "Progressing")
        assert at is not None
        assert (at.status, at.reason) == ("False", Step.DONE)


def test_a_new_step_alone_is_told_apart_from_news() -> None:
    pulls = pod(container(state=waiting("ContainerCreating")), phase="Pending")
    waits = unscheduled_pod("0/1 nodes")
    first = outcome(observed(CULLED, statefulset(run_id=RUN), pulls), START).status

    def next_status(found: Manifest) -> Status:
        return outcome(followed(observed(CULLED, statefulset(run_id=RUN), found), first), later(seconds=3)).status

    assert lifecycle_conditions.only_progress(first, next_status(pod(container())))
    assert not lifecycle_conditions.only_progress(first, next_status(waits))
    assert not lifecycle_conditions.only_progress(first, next_status(UP))
    assert not lifecycle_conditions.only_progress(Status(), first)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(days=1), "1 day"),
        (timedelta(hours=26, minutes=3), "1 day 2 hours"),
        (timedelta(minutes=90), "1 hour 30 minutes"),
        (timedelta(seconds=61), "1 minute 1 second"),
        (timedelta(milliseconds=3), "less than a second"),
    ],
)
def test_durations_are_said_as_people_say_them(span: timedelta, words: str) -> None:
    assert spans.in_words(span) == words

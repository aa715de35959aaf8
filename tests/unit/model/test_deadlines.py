"""A deadline that is wrong stops people at work, or lets sessions run forever."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ulid import ULID

from amalthea.api.reasons import Cause
from amalthea.api.types import Status
from amalthea.model import deadlines
from amalthea.model.deadlines import Deadline, End
from amalthea.model.times import rfc3339
from amalthea.model.views.observed import Observed
from amalthea.testing.builders import SessionBuilder, session
from amalthea.testing.observations import condition, container, job, observed, pod, statefulset, waiting

START = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
RUN = str(ULID.from_datetime(START))
UP, UNREADY = pod(container(ready=True)), pod(container())
ALL = {
    "maxAge": "24h",
    "maxIdleDuration": "1h",
    "maxStartingDuration": "10m",
    "maxFailedDuration": "30m",
    "maxHibernatedDuration": "72h",
}


def culled(**limits: Any) -> SessionBuilder:  # noqa: ANN401  (fields of any type)
    return session().with_spec(culling=limits)


def at(hour: int, minute: int = 0, day: int = 22) -> str:
    return f"2026-11-{day:02}T{hour:02}:{minute:02}:00Z"


def seen(builder: SessionBuilder, *pods: Any, **former: Any) -> Observed:  # noqa: ANN401  (manifests)
    return observed(builder, statefulset(run_id=RUN), *pods, status={"state": "NotReady", "runID": RUN, **former})


def status(state: Any = "Running", **fields: Any) -> Status:  # noqa: ANN401  (fields of any type)
    return Status(**{"state": state, "run_id": RUN, **fields})


IDLE = {"idle": True, "idle_since": at(14)}
DONE = {"conditions": [{"type": "Progressing", "status": "False", "reason": "Started"}]}

PAUSES: dict[str, tuple[Observed, Status, str | None, Cause | None]] = {
    "age counts from the start of the run": (seen(culled(maxAge="24h"), UP), status(), at(13, day=23), Cause.TOO_OLD),
    "idle for its limit": (seen(culled(**ALL), UP), status(**IDLE), at(15), Cause.IDLE),
    "somebody said that they are at work": (
        seen(culled(**ALL, lastInteraction=at(14, 20)), UP),
        status(**IDLE),
        at(15, 20),
        Cause.IDLE,
    ),
    "what was said before it fell idle does not count": (
        seen(culled(**ALL, lastInteraction=at(13, 20)), UP),
        status(**IDLE),
        at(15),
        Cause.IDLE,
    ),
    "somebody said it by a clock that is ahead": (
        seen(culled(**ALL, lastInteraction=at(15, 20)), UP),
        status(**IDLE),
        at(16, 20),
        Cause.IDLE,
    ),
    "what was said for the rest of time does not count": (
        seen(culled(**ALL, lastInteraction="9999-12-30T23:59:59.9Z"), UP),
        status(**IDLE),
        at(15),
        Cause.IDLE,
    ),
    "what was said for too long does not count": (
        seen(culled(**ALL, lastInteraction=at(15, 31)), UP),
        status(**IDLE),
        at(15),
        Cause.IDLE,
    ),
    "what was said and cannot be read does not count": (
        seen(culled(**ALL, lastInteraction="yesterday"), UP),
        status(**IDLE),
        at(15),
        Cause.IDLE,
    ),
    "not idle": (seen(culled(maxIdleDuration="1h"), UP), status(), None, None),
    "starting for too long": (
        seen(culled(**ALL), UNREADY),
        status("NotReady"),
        at(13, 10),
        Cause.STARTING_TOO_LONG,
    ),
    "ready once, then not: never starting again": (
        seen(culled(maxStartingDuration="10m"), UNREADY, **DONE),
        status("NotReady"),
        None,
        None,
    ),
    "ready a moment ago": (
        seen(culled(maxStartingDuration="10m"), UNREADY, state="Running"),
        status("NotReady"),
        None,
        None,
    ),
    "ready in a former run: starting": (
        seen(culled(maxStartingDuration="10m"), UNREADY, **DONE, runID="01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        status("NotReady"),
        at(13, 10),
        Cause.STARTING_TOO_LONG,
    ),
    "resumed while the former pod still stops: starting": (
        seen(culled(maxStartingDuration="10m"), pod(container(ready=True), leaving=True)),
        status("NotReady"),
        at(13, 10),
        Cause.STARTING_TOO_LONG,
    ),
    "failed before its workload could be made": (
        observed(culled(**ALL), None),
        status("Failed", failing_since=at(13, 5)),
        at(13, 35),
        Cause.FAILED_TOO_LONG,
    ),
    "running is not starting": (seen(culled(maxStartingDuration="10m"), UP), status(), None, None),
    "failed for too long": (
        seen(culled(**ALL), UNREADY),
        status("Failed", failing_since=at(13, 5)),
        at(13, 35),
        Cause.FAILED_TOO_LONG,
    ),
    "zero never fires": (seen(culled(maxAge="0s", maxIdleDuration="0"), UP), status(**IDLE), None, None),
    "a malformed duration never fires": (seen(culled(maxAge="1d"), UP), status(), None, None),
    "longer than time lasts": (
        seen(culled(maxAge="2562047h"), UP),
        status(),
        (START + timedelta(hours=2562047)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        Cause.TOO_OLD,
    ),
    "parts of a second are rounded up, never early": (
        seen(culled(maxAge="1m0.5s"), UP),
        status(),
        "2026-11-22T13:01:01Z",
        Cause.TOO_OLD,
    ),
    "no culling": (seen(session(), UP), status(**IDLE), None, None),
    "a run of an older release has no id: its pod's start": (
        observed(culled(maxAge="24h"), statefulset(run_id=None), UP),
        status(run_id=None),
        "2026-11-23T13:00:01Z",
        Cause.TOO_OLD,
    ),
    "neither id nor pod: unknown is never": (
        observed(culled(maxAge="24h"), statefulset(run_id=None)),
        status("NotReady", run_id=None),
        None,
        None,
    ),
    "paused already": (seen(culled(**ALL).hibernated()), status("Hibernated"), None, None),
    "its workload cannot be woken": (
        observed(culled(maxStartingDuration="10m"), statefulset(replicas=0)),
        status("NotReady"),
        at(13, 10),
        Cause.STARTING_TOO_LONG,
    ),
    "its workload cannot be made": (
        observed(culled(maxStartingDuration="10m"), None),
        status("NotReady"),
        at(13, 10),
        Cause.STARTING_TOO_LONG,
    ),
    "being deleted": (observed(culled(**ALL), statefulset(), UP, deleting=True), status("NotReady"), None, None),
    "a job is left to its own deadline": (observed(culled(**ALL).as_job(), job(), UP), status(), None, None),
}


@pytest.mark.parametrize(("found", "recorded", "expected", "cause"), PAUSES.values(), ids=PAUSES)
def test_a_session_is_paused_at_the_first_of_its_limits(
    found: Observed, recorded: Status, expected: str | None, cause: Cause | None
) -> None:
    deadline = deadlines.pause(found, recorded, NOW)

    assert (_text(deadline), deadline.cause if deadline else None) == (expected, cause)


COMPLETE, BROKEN = condition("Complete", "True"), condition("Failed", "True", reason="BackoffLimitExceeded")
HELD = pod(container(state=waiting("ImagePullBackOff")))
KEPT_JOB = culled(maxHibernatedDuration="1h").as_job()
DELETIONS: dict[str, tuple[Observed, Status, str | None, Cause | None]] = {
    "paused for too long": (
        seen(culled(**ALL).hibernated()),
        status("Hibernated", hibernated_since=at(14)),
        at(14, day=25),
        Cause.HIBERNATED_TOO_LONG,
    ),
    "zero is never": (
        seen(culled(maxHibernatedDuration="0s").hibernated()),
        status("Hibernated", hibernated_since=at(14)),
        None,
        None,
    ),
    "running": (seen(culled(**ALL), UP), status(), None, None),
    "failed": (seen(culled(**ALL), HELD), status("Failed", failing_since=at(14)), None, None),
    "a job that runs": (observed(KEPT_JOB, job(), UP), status(), None, None),
    "a job that succeeded": (
        observed(KEPT_JOB, job(COMPLETE)),
        status("Succeeded", idle_since=at(14)),
        at(15),
        Cause.ENDED_LONG_AGO,
    ),
    "a job that failed": (
        observed(KEPT_JOB, job(BROKEN)),
        status("Failed", failing_since=at(14)),
        at(15),
        Cause.ENDED_LONG_AGO,
    ),
    "a job that failed without having ended": (
        observed(KEPT_JOB, job(), HELD),
        status("Failed", failing_since=at(14)),
        at(15),
        Cause.FAILED_LONG_AGO,
    ),
    "a job for which a quota leaves no room": (
        observed(KEPT_JOB),
        status("Failed", failing_since=at(14)),
        at(15),
        Cause.FAILED_LONG_AGO,
    ),
    "a job that is failed for longer than its maxFailedDuration": (
        observed(culled(maxFailedDuration="5m", maxHibernatedDuration="1h").as_job(), job(), HELD),
        status("Failed", failing_since=at(14)),
        at(15),
        Cause.FAILED_LONG_AGO,
    ),
    "a job that failed, and zero": (
        observed(culled(maxHibernatedDuration="0s").as_job(), job(BROKEN)),
        status("Failed", failing_since=at(14)),
        None,
        None,
    ),
    "a job that is paused for too long": (
        observed(KEPT_JOB.hibernated(), job(suspend=True)),
        status("Hibernated", hibernated_since=at(14)),
        at(15),
        Cause.HIBERNATED_TOO_LONG,
    ),
    "being deleted": (
        observed(culled(**ALL).hibernated(), deleting=True),
        status("NotReady", hibernated_since=at(14)),
        None,
        None,
    ),
}


@pytest.mark.parametrize(("found", "recorded", "expected", "cause"), DELETIONS.values(), ids=DELETIONS)
def test_a_session_is_deleted_when_it_was_paused_ended_or_a_failed_job_for_its_limit(
    found: Observed, recorded: Status, expected: str | None, cause: Cause | None
) -> None:
    deadline = deadlines.deletion(found, recorded, NOW)

    assert (_text(deadline), deadline.cause if deadline else None) == (expected, cause)


def test_an_end_comes_when_it_is_due_and_not_before_and_a_deletion_first() -> None:
    hour = timedelta(hours=1)
    due, later = Deadline(NOW, Cause.IDLE, hour), Deadline(NOW + timedelta(seconds=1), Cause.IDLE, hour)
    pause, deletion = End(False, Cause.IDLE, hour), End(True, Cause.IDLE, hour)
    table = [
        (None, None, None),
        (later, later, None),
        (due, None, pause),
        (due, later, pause),
        (None, due, deletion),
        (due, due, deletion),
    ]
    for paused_at, deleted_at, expected in table:
        assert deadlines.due(paused_at, deleted_at, NOW) == expected


@pytest.mark.parametrize(("span", "lead"), [(24 * 60, 10), (30, 3), (0.5, 0.05)])
def test_people_are_told_ten_minutes_before_or_a_tenth_of_the_limit(span: float, lead: float) -> None:
    deadline = Deadline(START, Cause.TOO_OLD, timedelta(minutes=span))

    assert deadline.announced_from(timedelta(minutes=10)) == START - timedelta(minutes=lead)


def _text(deadline: Deadline | None) -> str | None:
    return deadline.at.strftime("%Y-%m-%dT%H:%M:%SZ") if deadline is not None else None


@pytest.mark.parametrize(
    ("workload", "ends"),
    [
        (job(status={"startTime": at(14)}), at(16)),
        (job(suspend=True), None),
        (job(status={"startTime": None}), at(15)),
    ],
    ids=["counted from when a queue let it start", "not while a queue holds it", "from the run's start at first"],
)
def test_the_time_of_a_job_counts_as_kubernetes_counts_it(workload: Any, ends: str | None) -> None:  # noqa: ANN401
    world = observed(culled(maxAge="2h").as_job(), workload, status={"state": "NotReady", "runID": RUN})
    found = deadlines.deadlines(world, status("NotReady"), NOW).get(Cause.JOB_DEADLINE)
    assert (rfc3339(found.at) if found is not None else None) == ends

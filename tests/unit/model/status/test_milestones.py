"""Figures that count a change twice, or not at all, make admins look in the wrong place."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from ulid import ULID

from amalthea.api.reasons import Reason
from amalthea.api.types import Condition, State, Status
from amalthea.model.status.milestones import Failed, Milestone, Paused, Started, milestones
from amalthea.model.times import rfc3339

CREATED = datetime(2026, 1, 5, 8, tzinfo=UTC)
BEGAN = CREATED + timedelta(seconds=1.7)
NEXT_DAY = CREATED + timedelta(days=1)
NEW = Status()


def status(
    state: State,
    began: datetime | None = BEGAN,
    *,
    unready_since: datetime = BEGAN,
    since: datetime | None = None,
    **fields: str,
) -> Status:
    """A status; `told` are more conditions, `since` the run's start or later: reasons by type, or reason and status."""
    changed = rfc3339(since or began or BEGAN)
    conditions = [Condition(type="Ready", status="False", last_transition_time=rfc3339(unready_since))]
    conditions += [
        Condition(type=kind, status=value or "False", reason=reason, last_transition_time=changed)
        for kind, (reason, _, value) in ((kind, text.partition("=")) for kind, text in fields.items())
    ]
    run_id = f"{str(ULID.from_datetime(began))[:10]}{'0' * 16}" if began is not None else None
    return Status(state=state, run_id=run_id, conditions=conditions)


def seen(old: Status, new: Status, now: datetime) -> list[Milestone]:
    return list(milestones(CREATED, old, new, now))


STARTING = status("NotReady", Progressing="PullingImages=True")
AGAIN = status("NotReady", since=BEGAN + timedelta(minutes=5), Progressing="WaitingForContainers=True")
RESUMED = status("NotReady", NEXT_DAY, unready_since=CREATED + timedelta(hours=2))

COUNTED: dict[str, tuple[Status, Status, datetime, list[Milestone]]] = {
    "a first start": (
        STARTING,
        status("Running"),
        CREATED + timedelta(seconds=30),
        [Started(resumed=False, ready=True, seconds=30)],
    ),
    "a first start while the operator was down for an hour": (
        status("NotReady", CREATED + timedelta(hours=1), unready_since=CREATED + timedelta(hours=1)),
        status("Running", CREATED + timedelta(hours=1)),
        CREATED + timedelta(hours=1, seconds=5),
        [Started(resumed=False, ready=True, seconds=3605)],
    ),
    "a resume": (
        RESUMED,
        status("Running", NEXT_DAY),
        NEXT_DAY + timedelta(seconds=9),
        [Started(resumed=True, ready=True, seconds=9)],
    ),
    "the first run of a session that was created asleep": (
        status("NotReady", NEXT_DAY, unready_since=CREATED),
        status("Running", NEXT_DAY),
        NEXT_DAY + timedelta(seconds=9),
        [Started(resumed=True, ready=True, seconds=9)],
    ),
    "a first start that fails": (
        STARTING,
        status("Failed", Healthy="ImagePull"),
        CREATED + timedelta(seconds=20),
        [Started(resumed=False, ready=False, seconds=20), Failed("ImagePull")],
    ),
    "a resume that fails": (
        RESUMED,
        status("Failed", NEXT_DAY, Healthy="CrashLoop"),
        NEXT_DAY + timedelta(seconds=20),
        [Started(resumed=True, ready=False, seconds=20), Failed("CrashLoop")],
    ),
    "a first look that finds it failed": (
        NEW,
        status("Failed", ChildrenInPlace=Reason.QUOTA_EXCEEDED),
        CREATED + timedelta(seconds=2),
        [Started(resumed=False, ready=False, seconds=2), Failed("QuotaExceeded")],
    ),
    "a failed start that recovers": (
        status("Failed", Progressing="Failed"),
        status("Running"),
        CREATED + timedelta(seconds=300),
        [Started(resumed=False, ready=True, seconds=300)],
    ),
    "a start that fails, whose first status took a while": (
        status("NotReady", since=BEGAN + timedelta(seconds=20), Progressing="PullingImages=True"),
        status("Failed", Healthy="ImagePull"),
        CREATED + timedelta(seconds=60),
        [Started(resumed=False, ready=False, seconds=60), Failed("ImagePull")],
    ),
    "the resume of a session that failed to start before": (
        status("NotReady", NEXT_DAY, Progressing="PullingImages=True"),
        status("Failed", NEXT_DAY, Healthy="ImagePull"),
        NEXT_DAY + timedelta(seconds=60),
        [Started(resumed=True, ready=False, seconds=60), Failed("ImagePull")],
    ),
    "a spec that cannot be used": (
        NEW,
        status("Failed", None, Accepted=Reason.INVALID_SPEC),
        BEGAN,
        [Failed("InvalidSpec")],
    ),
    "a failure without a word": (status("Running"), status("Failed"), NEXT_DAY, [Failed("Unknown")]),
    "a failure after it was ready": (
        status("NotReady", Progressing="Started", unready_since=NEXT_DAY),
        status("Failed", Healthy="OutOfMemory"),
        NEXT_DAY,
        [Failed("OutOfMemory")],
    ),
    "a pause for idleness": (
        status("NotReady", None),
        status("Hibernated", None, Stopped="Idle=True"),
        NEXT_DAY,
        [Paused("Idle")],
    ),
    "a pause without a word": (status("NotReady", None), status("Hibernated", None), NEXT_DAY, [Paused("Unknown")]),
}

NOT_COUNTED = {
    "the begin of a start": (NEW, STARTING),
    "a step of a start": (STARTING, status("NotReady", Progressing="StartingContainers=True")),
    "something beside it breaks": (status("Running"), status("RunningDegraded")),
    "all is well again": (status("RunningDegraded"), status("Running")),
    "it answers again": (
        status("NotReady", Progressing="Started", unready_since=NEXT_DAY),
        status("Running", Progressing="Started"),
    ),
    "it stays failed": (status("Failed", Healthy="ImagePull"), status("Failed", Healthy="CrashLoop")),
    "a start that failed seems to come right": (status("Failed", Progressing="Failed"), AGAIN),
    "and fails again": (AGAIN, status("Failed", Healthy="CrashLoop")),
    "it is created asleep": (NEW, status("Hibernated", None)),
    "a run of an older release": (status("NotReady", None), status("Running", None)),
    "it is being deleted": (status("Running"), status("NotReady")),
    "a job ends": (status("Running"), status("Succeeded")),
}


@pytest.mark.parametrize("name", COUNTED)
def test_each_milestone_is_seen_once_with_its_reason(name: str) -> None:
    old, new, now, expected = COUNTED[name]
    assert seen(old, new, now) == expected


@pytest.mark.parametrize("name", NOT_COUNTED)
def test_nothing_else_counts(name: str) -> None:
    old, new = NOT_COUNTED[name]
    assert seen(old, new, NEXT_DAY) == []


def test_a_run_that_fails_many_times_and_starts_at_last_is_one_failed_start_and_one_that_succeeded() -> None:
    failed, life = status("Failed", Healthy="CrashLoop", Progressing="Failed"), [NEW, STARTING]
    for minutes in range(3, 30, 5):
        again = status("NotReady", since=BEGAN + timedelta(minutes=minutes), Progressing="WaitingForContainers=True")
        life += [failed, again]
    life.append(status("Running", Progressing="Started"))
    starts = [each for old, new in pairwise(life) for each in seen(old, new, NEXT_DAY) if isinstance(each, Started)]
    assert [start.ready for start in starts] == [False, True]


def test_clocks_that_differ_make_no_start_shorter_than_nothing() -> None:
    (start,) = seen(STARTING, status("Running"), CREATED - timedelta(seconds=3))
    assert start == Started(resumed=False, ready=True, seconds=0)

"""The benchmark sees what a client sees: first moments, and each transition once."""

from datetime import UTC, datetime

from amalthea.engine.ports import EventType, WatchEvent
from bench.observer import (
    IDLE,
    RUNNING,
    SESSION_GONE,
    STATEFULSET_READY,
    Condition,
    Metadata,
    Replicas,
    Session,
    Sightings,
    StatefulSet,
    Status,
)


class Clock:
    """Shows one second more each time that it is asked."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        self.time += 1.0
        return self.time


def session(state: str, reason: str = "") -> WatchEvent[Session]:
    conditions = [Condition("RoutingReady", "True", "Other"), Condition("Ready", "True", reason)]
    return WatchEvent(EventType.MODIFIED, "1", ("n", "a"), Session(Metadata("a", "n"), Status(state, "", conditions)))


def statefulset(ready: int) -> WatchEvent[StatefulSet]:
    return WatchEvent(EventType.MODIFIED, "1", ("n", "a"), StatefulSet(Metadata("a", "n"), Replicas(ready)))


def test_the_first_moment_counts() -> None:
    sightings = Sightings(Clock())
    for state in ("NotReady", RUNNING, RUNNING):
        sightings.session(session(state))
    assert sightings.of(RUNNING) == {"a": 2.0}


def test_a_new_phase_does_not_count_what_was_seen_before() -> None:
    sightings = Sightings(Clock())
    sightings.session(session(RUNNING))
    sightings.forget()
    assert sightings.of(RUNNING) == {}


def test_what_a_session_was_promised_is_known_after_it_was_paused() -> None:
    sightings, due = Sightings(Clock()), datetime(2026, 1, 1, tzinfo=UTC)
    promise = Session(Metadata("a", "n"), Status(RUNNING, will_hibernate_at=due))
    sightings.session(WatchEvent(EventType.MODIFIED, "1", ("n", "a"), promise))
    sightings.session(session("Hibernated"))
    assert sightings.promised == {"a": due.timestamp()}


def test_a_session_is_idle_when_its_condition_says_so_and_not_when_that_is_unknown() -> None:
    sightings = Sightings(Clock())
    for status, expected in (("Unknown", {}), ("True", {"a": 3.0})):
        told = Session(Metadata("a", "n"), Status(RUNNING, conditions=[Condition("Idle", status)]))
        sightings.session(WatchEvent(EventType.MODIFIED, "1", ("n", "a"), told))
        assert sightings.of(IDLE) == expected


def test_an_object_that_comes_into_view_is_no_transition() -> None:
    sightings = Sightings(Clock())
    sightings.session(session("NotReady"))
    assert sightings.transitions == 0


def test_a_change_of_state_or_of_its_reason_is_one_transition_and_anything_else_is_none() -> None:
    sightings = Sightings(Clock())
    for event in (session("NotReady"), session("NotReady", "Starting"), session(RUNNING, "Running")):
        sightings.session(event)
        sightings.session(event)
    assert sightings.transitions == 2


def test_a_statefulset_is_ready_once_a_replica_is() -> None:
    sightings = Sightings(Clock())
    sightings.statefulset(statefulset(0))
    assert sightings.of(STATEFULSET_READY) == {}
    sightings.statefulset(statefulset(1))
    assert set(sightings.of(STATEFULSET_READY)) == {"a"}


def test_a_deleted_session_is_gone_and_its_return_is_no_transition() -> None:
    sightings = Sightings(Clock())
    sightings.session(session(RUNNING))
    sightings.session(WatchEvent(EventType.DELETED, "2", ("n", "a")))
    assert set(sightings.of(SESSION_GONE)) == {"a"}
    sightings.session(session("NotReady"))
    assert sightings.transitions == 0


def test_a_session_that_is_stuck_is_described_with_its_error() -> None:
    sightings = Sightings(Clock())
    assert sightings.describe("a") == "a is not there"
    stuck = Session(Metadata("a", "n"), Status("Failed", "no space", [Condition("Ready", "False", "Failed")]))
    sightings.session(WatchEvent(EventType.ADDED, "1", ("n", "a"), stuck))
    assert sightings.describe("a") == "a is Failed (Failed) no space"

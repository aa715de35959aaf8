"""Refused writes must not be repeated at each look, and must be tried at once when something about them has changed."""

import time
import tracemalloc
from copy import deepcopy

import pytest

from amalthea.api.reasons import ConditionType, Reason
from amalthea.children.changes.writes import Create, Delete, Patch, Write
from amalthea.engine.ports import Stale
from amalthea.kube import errors
from amalthea.model.findings import Finding
from amalthea.operator.writers.refusals import FORBIDDEN_FOR, Owner, Refusals
from amalthea.testing.clock import FakeClock

OWNER, OTHER = Owner("ns", "uid-1"), Owner("ns", "uid-2")
CHILD = ("PersistentVolumeClaim", "one")
FULL = Finding(ConditionType.CHILDREN_IN_PLACE, Reason.QUOTA_EXCEEDED, "No room.")


def grow(size: str, version: str = "7") -> Patch:
    guard: dict[str, object] = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
    return Patch(CHILD, (guard, {"op": "replace", "path": "/spec/resources", "value": size}))


def refused(clock: FakeClock) -> Refusals:
    refusals = Refusals(clock)
    refusals.note(OWNER, grow("2Gi"), FULL)
    return refusals


async def test_a_refusal_is_known_for_a_while() -> None:
    clock = FakeClock()
    refusals = refused(clock)
    known = refusals.of(OWNER, grow("2Gi"))
    assert known is not None
    assert known.finding == FULL
    await clock.advance(10)
    assert refusals.of(OWNER, grow("2Gi")) is None


async def test_a_write_that_is_refused_again_and_again_is_tried_within_two_minutes() -> None:
    clock = FakeClock()
    refusals, denied = Refusals(clock), Finding(ConditionType.CHILDREN_IN_PLACE, Reason.REFUSED, "No.")
    waits = []
    for _ in range(4):
        refusal = refusals.note(OWNER, grow("2Gi"), denied)
        assert refusal is not None
        waits.append((refusal.until - clock.now()).total_seconds())
        await clock.advance(waits[-1])
    assert waits == [10, 30, 100, 100]


def test_a_write_to_the_child_by_somebody_else_changes_nothing() -> None:
    assert refused(FakeClock()).of(OWNER, grow("2Gi", version="8")) is not None


def test_a_deletion_is_the_same_whatever_version_would_be_changed_instead() -> None:
    refusals = Refusals(FakeClock())
    refusals.note(OWNER, Delete(CHILD, "uid", otherwise=(grow("2Gi"),)), FULL)

    assert refusals.of(OWNER, Delete(CHILD, "uid", otherwise=(grow("2Gi", version="8"),))) is not None
    assert refusals.of(OWNER, Delete(CHILD, "uid", otherwise=(grow("3Gi"),))) is None
    assert refusals.of(OWNER, Delete(CHILD, "another", otherwise=(grow("2Gi"),))) is None


@pytest.mark.parametrize(
    ("owner", "write"),
    [(OWNER, grow("1Gi")), (OTHER, grow("2Gi")), (OWNER, Create(CHILD, {})), (OWNER, Patch(("Service", "one"), ()))],
    ids=["another wish", "another session, of the same name perhaps", "another write", "another child"],
)
def test_another_write_is_always_tried(owner: Owner, write: Write) -> None:
    assert refused(FakeClock()).of(owner, write) is None


def test_a_write_that_succeeded_is_not_held_back() -> None:
    refusals = refused(FakeClock())
    refusals.note(OWNER, grow("2Gi"), None)
    assert refusals.of(OWNER, grow("2Gi")) is None


async def test_a_right_counts_as_missing_in_its_namespace_and_for_a_while() -> None:
    clock = FakeClock()
    refusals = Refusals(clock)
    refusals.forbid("ns", "Job")
    assert [refusals.forbids("ns", "Job"), refusals.forbids("other", "Job")] == [True, False]
    await clock.advance(FORBIDDEN_FOR.total_seconds())
    assert not refusals.forbids("ns", "Job")


def test_a_secret_that_is_drawn_anew_is_the_same_write() -> None:
    refusals, child = Refusals(FakeClock()), ("Secret", "one")
    refusals.note(OWNER, Create(child, {"metadata": {"a": 1}, "data": {"key": "x"}}), FULL)
    assert refusals.of(OWNER, Create(child, {"metadata": {"a": 2}, "data": {"key": "y"}})) is not None
    assert refusals.of(OWNER, Create(child, {"metadata": {"a": 2}, "data": {"other": "y"}})) is None
    another = {"ownerReferences": [{"uid": "of the next session of that name"}]}
    assert refusals.of(OWNER, Create(child, {"metadata": another, "data": {"key": "y"}})) is None


async def test_a_conflict_long_after_another_one_is_the_first_again() -> None:
    clock = FakeClock()
    refusals = Refusals(clock)

    async def conflict() -> None:
        raise Stale("it was changed")

    for _ in range(2):
        with pytest.raises(Stale):
            await refusals.attempt(OWNER, grow("2Gi"), "volume", conflict)
        await clock.advance(3600)
    for wait in (10, 10):
        refusal = refusals.note(OWNER, grow("2Gi"), FULL)
        assert refusal is not None
        assert (refusal.until - clock.now()).total_seconds() == wait
        await clock.advance(3600)


async def test_a_failure_of_a_session_that_is_gone_does_not_count_for_the_next_one() -> None:
    refusals = Refusals(FakeClock())

    async def fails() -> None:
        raise errors.unreachable("PATCH", ConnectionResetError())

    for owner in (OWNER, OWNER, OTHER):
        waits = await refusals.attempt_own(owner, "status", fails)
        assert waits is not None
        assert waits.attempts == 1
    assert refusals.of_own(OWNER, "status") is not None
    assert refusals.of_own(Owner("ns", "uid-3"), "status") is None


def test_thousands_of_refusals_in_an_outage_take_little_memory_and_time() -> None:
    refusals, manifest = Refusals(FakeClock()), {"metadata": {}, "spec": {str(key): "x" * 100 for key in range(100)}}
    tracemalloc.start()
    began = time.process_time()
    for number in range(5000):
        refusals.note(OWNER, Create(("Ingress", str(number)), deepcopy(manifest)), FULL)
    spent, (kept, _) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 5000 * 2000
    assert spent < 5

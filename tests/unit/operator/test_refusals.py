"""What is refused must not be asked at each look, and must be tried at once when something about it has changed."""

import pytest

from amalthea.api.reasons import ConditionType, Reason
from amalthea.build.writes import Create, Delete, Patch, Write
from amalthea.model.findings import Finding
from amalthea.operator.refusals import FORBIDDEN_FOR, Refusals
from amalthea.testing.clock import FakeClock

CHILD = ("PersistentVolumeClaim", "one")
FULL = Finding(ConditionType.CHILDREN_IN_PLACE, Reason.QUOTA_EXCEEDED, "No room.")


def grow(size: str, version: str = "7") -> Patch:
    guard: dict[str, object] = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
    return Patch(CHILD, (guard, {"op": "replace", "path": "/spec/resources", "value": size}))


def refused(clock: FakeClock) -> Refusals:
    refusals = Refusals(clock)
    refusals.note("ns", grow("2Gi"), FULL)
    return refusals


async def test_what_was_refused_is_known_for_a_while() -> None:
    clock = FakeClock()
    refusals = refused(clock)
    known = refusals.of("ns", grow("2Gi"))
    assert known is not None
    assert known.finding == FULL
    await clock.advance(10)
    assert refusals.of("ns", grow("2Gi")) is None


async def test_what_is_refused_again_and_again_is_tried_more_rarely_but_within_two_minutes() -> None:
    clock = FakeClock()
    refusals, denied = Refusals(clock), Finding(ConditionType.CHILDREN_IN_PLACE, Reason.REFUSED, "No.")
    waits = []
    for _ in range(4):
        refusal = refusals.note("ns", grow("2Gi"), denied)
        assert refusal is not None
        waits.append((refusal.until - clock.now()).total_seconds())
        await clock.advance(waits[-1])
    assert waits == [10, 30, 100, 100]


def test_that_somebody_else_wrote_the_child_changes_nothing() -> None:
    assert refused(FakeClock()).of("ns", grow("2Gi", version="8")) is not None


def test_a_deletion_is_the_same_whatever_version_would_be_changed_instead() -> None:
    refusals = Refusals(FakeClock())
    refusals.note("ns", Delete(CHILD, "uid", otherwise=(grow("2Gi"),)), FULL)

    assert refusals.of("ns", Delete(CHILD, "uid", otherwise=(grow("2Gi", version="8"),))) is not None
    assert refusals.of("ns", Delete(CHILD, "uid", otherwise=(grow("3Gi"),))) is None
    assert refusals.of("ns", Delete(CHILD, "another", otherwise=(grow("2Gi"),))) is None


@pytest.mark.parametrize(
    ("namespace", "write"),
    [("ns", grow("1Gi")), ("other", grow("2Gi")), ("ns", Create(CHILD, {})), ("ns", Patch(("Service", "one"), ()))],
    ids=["another wish", "another namespace", "another write", "another child"],
)
def test_whatever_is_another_write_is_tried(namespace: str, write: Write) -> None:
    assert refused(FakeClock()).of(namespace, write) is None


def test_a_write_that_succeeded_is_not_held_back() -> None:
    refusals = refused(FakeClock())
    refusals.note("ns", grow("2Gi"), None)
    assert refusals.of("ns", grow("2Gi")) is None


async def test_a_right_counts_as_missing_in_its_namespace_and_for_a_while() -> None:
    clock = FakeClock()
    refusals = Refusals(clock)
    refusals.forbid("ns", "Job")
    assert [refusals.forbids("ns", "Job"), refusals.forbids("other", "Job")] == [True, False]
    await clock.advance(FORBIDDEN_FOR.total_seconds())
    assert not refusals.forbids("ns", "Job")


def test_a_secret_that_is_drawn_anew_is_the_same_write() -> None:
    refusals, child = Refusals(FakeClock()), ("Secret", "one")
    refusals.note("ns", Create(child, {"metadata": {"a": 1}, "data": {"key": "x"}}), FULL)
    assert refusals.of("ns", Create(child, {"metadata": {"a": 2}, "data": {"key": "y"}})) is not None
    assert refusals.of("ns", Create(child, {"metadata": {"a": 2}, "data": {"other": "y"}})) is None

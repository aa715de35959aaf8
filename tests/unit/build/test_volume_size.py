"""A volume holds the user's files: it grows where that is asked for, and nothing ever makes it smaller."""

import pytest

from amalthea.testing.builders import session
from tests.unit.build.world import World, reasons, running

FULL = session().with_data_source("/data", "ds1")


def size(world: World) -> str:
    found: str = world.child("PersistentVolumeClaim")["spec"]["resources"]["requests"]["storage"]
    return found


@pytest.mark.parametrize(
    ("wanted", "stored", "written", "reason"),
    [
        ("20Gi", "20Gi", True, None),
        ("5Gi", "10Gi", False, "ShrinkRefused"),
        ("10Gi", "10Gi", False, None),
        ("1e3", "10Gi", False, "ShrinkRefused"),
    ],
    ids=["larger", "smaller", "the same", "much smaller"],
)
def test_a_volume_grows_and_never_shrinks(wanted: str, stored: str, written: bool, reason: str | None) -> None:
    world = running(FULL.with_session(storage={"size": "10Gi"}))
    world.builder = world.builder.with_session(storage={"size": wanted})

    assert bool(world.step().writes) is written
    assert size(world) == stored
    assert reasons(world).get("StorageSized") == reason
    assert world.step().writes == ()


def test_sizes_are_compared_by_what_they_mean() -> None:
    world = running(FULL.with_session(storage={"size": "1Gi"}))
    world.builder = world.builder.with_session(storage={"size": "1024Mi"})
    world.settle()
    assert "StorageSized" not in reasons(world)

    world.builder = world.builder.with_session(storage={"size": "1.5Gi"})
    world.settle()
    assert size(world) == "1.5Gi"


@pytest.mark.parametrize("strategy", ["whenFailedOrHibernated", "never"])
def test_a_growth_that_has_to_wait_is_told(strategy: str) -> None:
    world = running(FULL.with_spec(reconcileStrategy=strategy).with_session(storage={"size": "1Gi"}))
    world.builder = world.builder.with_session(storage={"size": "2Gi"})
    world.settle()

    assert size(world) == "1Gi"
    assert reasons(world)["UpdatePending"] == "SpecChanged"


def test_a_volume_that_is_still_being_made_grows_when_it_is_there() -> None:
    """The API server refuses another size for a claim that is not bound: that made a session fail that was starting."""
    world = World(FULL.with_spec(reconcileStrategy="always").with_session(storage={"size": "1Gi"}))
    world.settle()
    world.child("PersistentVolumeClaim")["status"] = {"phase": "Pending"}
    world.builder = world.builder.with_session(storage={"size": "5Gi"})
    assert world.step().writes == ()
    assert size(world) == "1Gi"
    assert "StorageSized" not in reasons(world), "it will have its size"
    world.child("PersistentVolumeClaim")["status"] = {"phase": "Bound"}
    world.settle()

    assert size(world) == "5Gi"

"""A volume holds the user's files: it grows where that is asked for, and nothing ever makes it smaller."""

import pytest

from amalthea.api.schema import Manifest
from amalthea.testing.builders import session
from amalthea.testing.observations import container
from tests.unit.children.world import World, kinds, reasons, running

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


@pytest.mark.parametrize("capacity", ["10Gi", "20Gi"], ids=["under way", "done"])
def test_a_growth_by_somebody_else_is_not_fought(capacity: str) -> None:
    """Autoresizers raise the request of a volume that runs full."""
    world = running(FULL.with_spec(reconcileStrategy="always").with_session(storage={"size": "10Gi"}))
    grown = {"op": "add", "path": "/spec/resources/requests/storage", "value": "20Gi"}
    known = {"op": "add", "path": "/status", "value": {"phase": "Bound", "capacity": {"storage": capacity}}}
    world.edit("PersistentVolumeClaim", [grown, known])
    world.settle()
    assert size(world) == "20Gi"

    world.builder = world.builder.with_spec(template={"metadata": {"labels": {"mine": "1"}}})
    world.settle()
    assert size(world) == "20Gi"


def test_sizes_are_compared_by_what_they_mean() -> None:
    world = running(FULL.with_session(storage={"size": "1Gi"}))
    world.builder = world.builder.with_session(storage={"size": "1024Mi"})
    world.settle()
    assert "StorageSized" not in reasons(world)

    world.builder = world.builder.with_session(storage={"size": "1.5Gi"})
    world.settle()
    assert size(world) == "1.5Gi"


@pytest.mark.parametrize("strategy", ["whenFailedOrHibernated", "never"])
def test_a_growth_that_has_to_wait_is_reported(strategy: str) -> None:
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


PENDING: Manifest = {"phase": "Pending"}


def waiting(strategy: str, **storage: str) -> World:
    """Return a session whose claim has no volume, since none of that size or class can be made."""
    world = World(FULL.with_spec(reconcileStrategy=strategy).with_session(storage=storage))
    world.settle()
    world.child("PersistentVolumeClaim")["status"] = PENDING
    return world


@pytest.mark.parametrize(
    ("typed", "corrected"),
    [
        ({"size": "10Ti"}, {"size": "10Gi"}),
        ({"size": "1Gi", "className": "fsat"}, {"size": "1Gi", "className": "fast"}),
        ({"size": "1Gi", "className": "fsat"}, {"size": "5Gi", "className": "fast"}),
        ({"size": "1Gi", "className": "fast"}, {"size": "1Gi", "className": ""}),
    ],
    ids=["size", "class", "both", "no class"],
)
def test_a_claim_that_never_got_a_volume_is_made_anew_as_it_is_corrected(
    typed: dict[str, str], corrected: dict[str, str]
) -> None:
    world = waiting("always", **typed)
    uid = world.child("PersistentVolumeClaim")["metadata"]["uid"]
    world.builder = world.builder.with_session(storage=corrected)

    assert kinds(world.step()) == [("delete", "PersistentVolumeClaim")]
    assert kinds(world.step()) == [("create", "PersistentVolumeClaim")]
    claim = world.child("PersistentVolumeClaim")
    assert claim["metadata"]["uid"] != uid
    assert size(world) == corrected["size"]
    assert claim["spec"].get("storageClassName") == corrected.get("className")
    assert "StorageSized" not in reasons(world)


@pytest.mark.parametrize(
    "kept",
    ["its volume is known", "it is bound", "a program runs", "nobody controls it", "the strategy forbids it"],
)
def test_a_claim_that_may_hold_something_is_never_deleted(kept: str) -> None:
    world = waiting("never" if "strategy" in kept else "always", size="10Ti", className="fast")
    claim = world.child("PersistentVolumeClaim")
    if kept == "its volume is known":
        claim["spec"]["volumeName"] = "pv-1"
    elif kept == "it is bound":
        claim["status"] = {"phase": "Bound"}
    elif kept == "a program runs":
        world.start_pod(container(ready=True))
    elif kept == "nobody controls it":
        claim["metadata"]["ownerReferences"] = []
    world.builder = world.builder.with_session(storage={"size": "1Gi", "className": "slow"})

    assert ("delete", "PersistentVolumeClaim") not in kinds(world.step())


def test_a_volume_that_keeps_its_class_is_reported_with_the_remedy() -> None:
    world = running(FULL.with_session(storage={"size": "1Gi", "className": "fast"}))
    claim = world.child("PersistentVolumeClaim")
    claim["spec"]["volumeName"] = "pv-1"
    claim["status"] = {"phase": "Bound", "capacity": {"storage": "1Gi"}}
    world.settle()
    assert "StorageSized" not in reasons(world)
    world.builder = world.builder.with_session(storage={"size": "1Gi", "className": "slow"})
    world.settle()

    assert reasons(world)["StorageSized"] == "ClassFixed"
    condition = next(each for each in world.status["conditions"] if each["type"] == "StorageSized")
    assert 'Set spec.session.storage.className to "fast"' in condition["message"]


@pytest.mark.parametrize(
    ("wanted", "stored", "reason"),
    [
        ("20Gi", "20Gi", None),
        ("10Gi", "1Ti", "ShrinkRefused"),
        ("5Gi", "1Ti", "ShrinkRefused"),
    ],
)
def test_an_expansion_that_failed_can_be_taken_back_to_more_than_the_volume_has(
    wanted: str, stored: str, reason: str | None
) -> None:
    world = running(FULL.with_session(storage={"size": "10Gi"}))
    claim = world.child("PersistentVolumeClaim")
    claim["spec"]["volumeName"] = "pv-1"
    claim["status"] = {"phase": "Bound", "capacity": {"storage": "10Gi"}}
    world.builder = world.builder.with_session(storage={"size": "1Ti"})
    world.settle()
    world.builder = world.builder.with_session(storage={"size": wanted})
    world.settle()

    assert size(world) == stored
    assert reasons(world).get("StorageSized") == reason
    messages = [each["message"] for each in world.status["conditions"] if each["type"] == "StorageSized"]
    assert not messages or "Set spec.session.storage.size to a little more than 10Gi" in messages[0]


def test_a_file_system_that_waits_for_a_start_is_reported_and_grows_with_it() -> None:
    """Drivers without online expansion leave the claim so, while its session runs on the old size."""
    world = running(FULL.with_session(storage={"size": "10Gi"}))
    world.builder = world.builder.with_session(storage={"size": "20Gi"})
    world.settle()
    claim = world.child("PersistentVolumeClaim")
    waits = {"type": "FileSystemResizePending", "status": "True", "message": "Waiting for user to (re-)start a pod"}
    claim["status"] = {"phase": "Bound", "capacity": {"storage": "10Gi"}, "conditions": [waits]}
    world.settle()

    assert reasons(world)["StorageSized"] == "GrowsAtStart"
    claim["status"] = {"phase": "Bound", "capacity": {"storage": "20Gi"}}
    world.settle()
    assert "StorageSized" not in reasons(world)

"""Sizes and classes of volumes on a real API server: what was mistyped can be corrected, and no file is at risk."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from lab.control_plane.api import ApiError
from tests.api.operator.specs import CONTAINER, PLAIN
from tests.support.world import Object, World, condition

STORAGE_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
VOLUMES = "/api/v1/persistentvolumes"
pytestmark = pytest.mark.usefixtures("operator")


def with_storage(**storage: str) -> Object:
    return {**PLAIN, "session": {**CONTAINER, "storage": storage}}


def asks_for(claim: Object) -> str:
    size: str = claim["spec"]["resources"]["requests"]["storage"]
    return size


@pytest.mark.parametrize(
    ("typed", "corrected"),
    [
        ({"size": "10Ti", "className": "none"}, {"size": "10Gi", "className": "none"}),
        ({"size": "1Gi", "className": "fsat"}, {"size": "1Gi", "className": ""}),
    ],
    ids=["size", "class"],
)
def test_a_claim_without_a_volume_is_made_anew_as_it_is_corrected(
    typed: dict[str, str], corrected: dict[str, str], world: World
) -> None:
    world.session("one", with_storage(**typed))
    former = world.wait_for("PersistentVolumeClaim", "one", bool)["metadata"]["uid"]
    world.wait_for("Pod", "one-0", bool)
    world.patch_spec("one", session={"storage": corrected})
    claim = world.wait_for("PersistentVolumeClaim", "one", lambda claim: claim["metadata"]["uid"] != former)
    assert (asks_for(claim), claim["spec"]["storageClassName"]) == (corrected["size"], corrected["className"])
    world.make_pod_ready("one")
    assert condition(world.wait_for_state("one", "Running"), "ChildrenInPlace") is None


@pytest.fixture
def volume(world: World) -> Iterator[str]:
    """The name of a StorageClass whose volumes may grow, and of the one volume of 10Gi that there is of it."""
    name = f"grows-{world.namespace}"
    grows = {"provisioner": "example.org/nobody", "allowVolumeExpansion": True, "metadata": {"name": name}}
    world.api.post(STORAGE_CLASSES, {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", **grows})
    spec = {
        "storageClassName": name,
        "capacity": {"storage": "10Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": "/tmp/none"},
        "persistentVolumeReclaimPolicy": "Retain",
    }
    world.api.post(VOLUMES, {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec})
    yield name
    for path in (STORAGE_CLASSES, VOLUMES):
        with suppress(ApiError):
            world.api.delete(f"{path}/{name}")


def test_an_expansion_that_failed_can_be_taken_back_to_more_than_the_volume_has(world: World, volume: str) -> None:
    world.run("one", with_storage(size="10Gi", className=volume))
    world.wait_for("PersistentVolumeClaim", "one", lambda claim: claim["status"].get("capacity"))
    world.patch_spec("one", session={"storage": {"size": "1Ti"}})
    world.wait_for("PersistentVolumeClaim", "one", lambda claim: asks_for(claim) == "1Ti")
    world.patch_spec("one", session={"storage": {"size": "10Gi"}})
    told = condition(world.wait_for("AmaltheaSession", "one", lambda s: condition(s, "StorageSized")), "StorageSized")
    assert told is not None
    assert "a little more than 10Gi" in told["message"]
    world.patch_spec("one", session={"storage": {"size": "11Gi"}})
    world.wait_for("PersistentVolumeClaim", "one", lambda claim: asks_for(claim) == "11Gi")
    running = world.wait_for("AmaltheaSession", "one", lambda session: condition(session, "StorageSized") is None)
    assert running["status"]["state"] == "Running"


def test_what_is_less_than_the_volume_has_is_refused_with_what_it_has(world: World, volume: str) -> None:
    world.run("one", with_storage(size="10Gi", className=volume))
    world.wait_for("PersistentVolumeClaim", "one", lambda claim: claim["status"].get("capacity"))
    world.patch_spec("one", session={"storage": {"size": "5Gi"}})
    told = condition(world.wait_for("AmaltheaSession", "one", lambda s: condition(s, "StorageSized")), "StorageSized")
    assert told is not None
    assert "Set spec.session.storage.size to at least 10Gi" in told["message"]

"""Claims of data sources that do not fit any more: they go when nothing mounts them, and no other claim ever does."""

from typing import Any

import pytest

from amalthea.api.schema import Manifest
from amalthea.children.changes.writes import Delete, Patch
from amalthea.testing.builders import SessionBuilder, session
from amalthea.testing.observations import READY_AT, container, terminated
from tests.unit.children.world import World, kinds, pending, reasons, running

ONE, TWO = "amalthea-demo-ds-0", "amalthea-demo-ds-1"
BOTH = session().with_data_source("/one", "ds1").with_data_source("/two", "ds2")
FIRST_GONE = BOTH.raw["dataSources"][1:]
RENAMED = [{"mountPath": "/one", "secretRef": {"name": "other"}}, BOTH.raw["dataSources"][1]]
AS_THEY_WERE = {"/one": "ds1", "/two": "ds2"}
DELETION = ("delete", "PersistentVolumeClaim")


def source_of(world: World, claim: str) -> str:
    secret: str = world.child("PersistentVolumeClaim", claim)["metadata"]["annotations"]["csi-rclone.dev/secretName"]
    return secret


def mounted(world: World) -> dict[str, str]:
    """Return the secret of the source that stands behind each path of the session."""
    mounts = world.template["spec"]["containers"][0]["volumeMounts"]
    return {
        each["mountPath"]: source_of(world, each["name"]) for each in mounts if each["name"].startswith("amalthea-demo")
    }


def mounting(builder: SessionBuilder) -> World:
    """Return a session that runs, whose pod has the volumes of its template."""
    world = running(builder)
    _mount(world)
    return world


def _mount(world: World) -> None:
    for pod in world.pods:
        pod["spec"]["volumes"] = world.template["spec"]["volumes"]


def pause(world: World) -> None:
    world.builder = world.builder.with_spec(hibernated=True)
    world.step()
    world.stop_pod()


def resume(world: World) -> None:
    world.builder = world.builder.with_spec(hibernated=False)
    world.settle()
    world.start_pod()
    _mount(world)


@pytest.mark.parametrize("strategy", ["always", "whenFailedOrHibernated"])
def test_the_claim_of_a_removed_source_goes_when_the_session_is_paused(strategy: str) -> None:
    world = mounting(BOTH.with_spec(reconcileStrategy=strategy))
    world.builder = world.builder.with_spec(dataSources=None, hibernated=True)
    assert DELETION not in kinds(world.step()), "the pod still mounts it"
    world.stop_pod()

    assert kinds(world.step()) == [DELETION, DELETION]
    assert ("PersistentVolumeClaim", "demo") in world.objects
    resume(world)
    assert world.step().writes == ()


def test_the_claim_of_a_removed_source_goes_after_a_roll_out_without_it() -> None:
    world = mounting(BOTH)
    world.builder = world.builder.with_spec(dataSources=None)
    assert kinds(world.step()) == [("patch", "StatefulSet")]
    assert world.step().writes == (), "the former pod still mounts it"
    _mount(world)

    assert kinds(world.step()) == [DELETION, DELETION]


def test_a_template_that_is_never_changed_keeps_the_claims_that_it_names() -> None:
    world = mounting(BOTH.with_spec(reconcileStrategy="never"))
    world.builder = world.builder.with_spec(dataSources=None)
    pause(world)
    world.settle()
    resume(world)

    assert {("PersistentVolumeClaim", ONE), ("PersistentVolumeClaim", TWO)} <= world.objects.keys()


def test_a_pod_that_comes_back_by_itself_finds_its_claims() -> None:
    """Between two pods of one template none mounts the claim; the next one will."""
    world = mounting(BOTH.with_spec(reconcileStrategy="whenFailedOrHibernated"))
    world.builder = world.builder.with_spec(dataSources=None)
    world.step()
    world.stop_pod()

    assert world.step().writes == ()


@pytest.mark.parametrize("sources", [FIRST_GONE, RENAMED], ids=["moved up", "renamed"])
def test_another_source_in_the_same_place_gets_a_new_claim_at_the_next_start(sources: list[Manifest]) -> None:
    world = mounting(BOTH)
    former = world.child("PersistentVolumeClaim", ONE)["metadata"]["uid"]
    world.builder = world.builder.with_spec(dataSources=sources)
    world.settle()
    assert source_of(world, ONE) == "ds1", "what is mounted is not changed"
    assert pending(world) == "SpecChanged"
    pause(world)
    world.settle()

    assert source_of(world, ONE) == sources[0]["secretRef"]["name"]
    assert world.child("PersistentVolumeClaim", ONE)["metadata"]["uid"] != former
    resume(world)
    assert world.step().writes == ()
    assert pending(world) is None


def test_a_resume_with_another_source_deletes_the_old_claim_before_the_pod_can_mount_it() -> None:
    world = mounting(BOTH)
    pause(world)
    world.settle()
    world.builder = world.builder.with_spec(dataSources=RENAMED, hibernated=False)

    assert DELETION in kinds(world.step())
    assert world.workload["spec"]["replicas"] == 0, "it may be that the old claim cannot be deleted"
    assert kinds(world.step()) == [("create", "PersistentVolumeClaim"), ("patch", "StatefulSet")]
    assert mounted(world) == {"/one": "other", "/two": "ds2"}


def test_a_source_that_moves_up_is_never_mounted_with_the_data_of_the_one_before() -> None:
    world = mounting(BOTH)
    world.builder = world.builder.with_spec(dataSources=FIRST_GONE).with_session(image="example.org/lab:2")
    world.settle()
    assert mounted(world) == AS_THEY_WERE
    assert pending(world) == "SpecChanged"
    pause(world)
    world.settle()
    resume(world)

    assert mounted(world) == {"/two": "ds2"}
    assert pending(world) is None


def test_a_failed_session_is_not_mended_with_the_data_of_another_source() -> None:
    world = mounting(BOTH.with_spec(reconcileStrategy="whenFailedOrHibernated"))
    world.start_pod(container(state=terminated(1)))
    _mount(world)
    world.settle()
    assert world.status["state"] == "Failed"
    world.builder = world.builder.with_spec(dataSources=FIRST_GONE)
    world.settle()

    assert mounted(world) == AS_THEY_WERE
    assert pending(world) == "SpecChanged"


def test_a_resume_waits_until_the_former_pod_has_let_go_of_the_former_source() -> None:
    world = mounting(BOTH)
    pods = world.pods
    pause(world)
    world.pods = pods
    world.builder = world.builder.with_spec(dataSources=FIRST_GONE, hibernated=False)
    world.settle()
    assert world.workload["spec"]["replicas"] == 0
    assert reasons(world)["ChildrenInPlace"] == "Terminating"
    run = world.status["runID"]
    world.step()
    assert world.status["runID"] == run, "a status that changes at each look would wake up everybody who watches"
    world.stop_pod()
    world.settle()

    assert mounted(world) == {"/two": "ds2"}
    assert world.workload["spec"]["replicas"] == 1
    assert world.status["runID"] == run


def test_a_session_whose_former_claim_cannot_be_deleted_does_not_start() -> None:
    world = mounting(BOTH)
    pause(world)
    world.builder = world.builder.with_spec(dataSources=RENAMED, hibernated=False)
    _, changes = world.decide()

    assert [write for write in changes.writes if not isinstance(write, Patch) or write.child[0] == "StatefulSet"] == [
        Delete(("PersistentVolumeClaim", ONE), world.child("PersistentVolumeClaim", ONE)["metadata"]["uid"])
    ]


@pytest.mark.parametrize("strategy", ["always", "whenFailedOrHibernated", "never"])
def test_a_workload_that_somebody_deleted_comes_back_with_the_sources_of_the_spec(strategy: str) -> None:
    world = mounting(BOTH.with_spec(reconcileStrategy=strategy))
    world.builder = world.builder.with_spec(dataSources=FIRST_GONE)
    world.settle()
    del world.objects["StatefulSet", "demo"]
    world.settle()
    assert ("StatefulSet", "demo") not in world.objects, "its former pod still mounts the claim"
    world.pods = []
    world.settle()

    assert mounted(world) == {"/two": "ds2"}


def test_another_access_mode_needs_a_new_claim_too() -> None:
    world = mounting(BOTH)
    pause(world)
    world.builder = world.builder.with_spec(dataSources=[{**RENAMED[1], "accessMode": "ReadWriteOnce"}])
    world.settle()

    assert world.child("PersistentVolumeClaim", ONE)["spec"]["accessModes"] == ["ReadWriteOnce"]


SPARED: dict[str, dict[str, Any]] = {
    "the session's own": {"name": "demo"},
    "one that is not numbered": {"name": "amalthea-demo-ds-x"},
    "one whose number is written otherwise": {"name": "amalthea-demo-ds-00"},
    "one of another session": {"name": "amalthea-demo-ds-0-ds-1"},
    "somebody's": {"name": ONE, "ownerReferences": []},
    "one that goes already": {"name": ONE, "deletionTimestamp": READY_AT},
}


@pytest.mark.parametrize("metadata", SPARED.values(), ids=SPARED)
def test_no_other_claim_is_ever_deleted(metadata: dict[str, Any]) -> None:
    world = mounting(BOTH)
    claim = world.objects.pop(("PersistentVolumeClaim", ONE))
    world.objects.pop(("PersistentVolumeClaim", TWO))
    name = metadata["name"]
    world.objects["PersistentVolumeClaim", name] = {**claim, "metadata": {**claim["metadata"], **metadata}}
    world.builder = world.builder.with_spec(dataSources=None, hibernated=True)
    world.step()
    world.stop_pod()

    assert DELETION not in kinds(world.step())


def test_a_spec_that_cannot_be_takes_no_claim_away() -> None:
    world = mounting(BOTH)
    pause(world)
    world.builder = world.builder.with_spec(dataSources=None, session={"urlPath": "//lab"})

    assert DELETION not in kinds(world.step())

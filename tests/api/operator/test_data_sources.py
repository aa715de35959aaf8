"""Data sources at a real API server: claims come, go and are recreated, and never under a pod that mounts them."""

import pytest

from tests.api.operator.specs import PLAIN
from tests.support.world import Object, World, condition

pytestmark = pytest.mark.usefixtures("operator")
ONE, TWO = "amalthea-one-ds-0", "amalthea-one-ds-1"
FIRST: Object = {"mountPath": "/data/one", "accessMode": "ReadOnlyMany", "secretRef": {"name": "ds1"}}
SECOND: Object = {"mountPath": "two", "accessMode": "ReadWriteOnce", "secretRef": {"name": "ds2"}}
SOURCES: Object = {**PLAIN, "dataSources": [FIRST, SECOND]}


def claim(world: World, name: str) -> Object:
    found = world.get("PersistentVolumeClaim", name)
    assert found is not None
    return found


def stored_pod(world: World) -> Object:
    found = world.get("Pod", "one-0")
    assert found is not None
    return found


def sources(world: World, pod: Object) -> dict[str, str]:
    """Return the secret of the data source that stands behind each path of a pod, or of a pod template."""
    mounts = [each for each in pod["spec"]["containers"][0]["volumeMounts"] if each["name"] in (ONE, TWO)]
    claims = {each["mountPath"]: claim(world, each["name"]) for each in mounts}
    return {path: found["metadata"]["annotations"]["csi-rclone.dev/secretName"] for path, found in claims.items()}


def pause(world: World) -> None:
    world.patch_spec("one", hibernated=True)
    world.wait_for_state("one", "Hibernated")


def resume(world: World) -> Object:
    world.patch_spec("one", hibernated=False)
    pod = world.make_pod_ready("one")
    world.wait_for_state("one", "Running")
    return pod


def test_a_data_source_is_mounted_where_and_as_the_user_says(world: World) -> None:
    world.run("one", SOURCES)
    pod = world.get("Pod", "one-0")
    assert pod is not None
    mounts = {mount["name"]: mount for mount in pod["spec"]["containers"][0]["volumeMounts"]}
    assert mounts[ONE] == {"name": ONE, "mountPath": "/data/one", "readOnly": True}
    assert mounts[TWO] == {"name": TWO, "mountPath": "/workspace/two"}
    made = claim(world, ONE)
    assert made["metadata"]["annotations"]["csi-rclone.dev/secretName"] == "ds1"
    assert made["spec"]["accessModes"] == ["ReadOnlyMany"]
    assert made["spec"]["storageClassName"] == "csi-rclone-secret-annotation"


def test_claims_of_removed_data_sources_go_with_the_pod_and_the_session_comes_back_without(world: World) -> None:
    world.run("one", {**SOURCES, "reconcileStrategy": "whenFailedOrHibernated"})
    own = claim(world, "one")
    world.patch_spec("one", dataSources=[FIRST])
    world.wait_for("AmaltheaSession", "one", lambda session: condition(session, "UpdatePending"))
    assert "deletionTimestamp" not in claim(world, TWO)["metadata"]
    pause(world)
    world.wait_until_gone("PersistentVolumeClaim", TWO)
    pod = resume(world)
    assert [each["name"] for each in pod["spec"]["volumes"]] == ["amalthea-volume", ONE]
    assert claim(world, "one")["metadata"]["uid"] == own["metadata"]["uid"]


def test_a_data_source_of_another_secret_gets_a_new_claim(world: World) -> None:
    world.run("one", SOURCES)
    former = claim(world, ONE)
    world.patch_spec("one", dataSources=[{**FIRST, "secretRef": {"name": "ds3"}}, SECOND])
    world.wait_for("AmaltheaSession", "one", lambda session: condition(session, "UpdatePending"))
    assert claim(world, ONE)["metadata"]["uid"] == former["metadata"]["uid"]
    pause(world)
    world.wait_for("PersistentVolumeClaim", ONE, lambda found: found["metadata"]["uid"] != former["metadata"]["uid"])
    resume(world)
    assert claim(world, ONE)["metadata"]["annotations"]["csi-rclone.dev/secretName"] == "ds3"


def test_a_source_that_moves_up_is_not_mounted_with_the_data_of_the_one_before(world: World) -> None:
    """The claim of the first place is still that of the source that was taken out."""
    world.run("one", {**SOURCES, "reconcileStrategy": "always"})
    before = stored_pod(world)
    world.patch_spec("one", dataSources=[SECOND])
    world.wait_for("AmaltheaSession", "one", lambda session: condition(session, "UpdatePending"))
    assert sources(world, before) == {"/data/one": "ds1", "/workspace/two": "ds2"}
    template = (world.get("StatefulSet", "one") or {})["spec"]["template"]
    assert sources(world, template) == sources(world, before)
    assert stored_pod(world)["metadata"]["uid"] == before["metadata"]["uid"]
    pause(world)
    assert sources(world, resume(world)) == {"/workspace/two": "ds2"}


def test_another_secret_that_comes_with_the_resume_is_in_place_before_the_pod(world: World) -> None:
    world.run("one", SOURCES)
    pause(world)
    former = claim(world, ONE)
    world.patch_spec("one", hibernated=False, dataSources=[{**FIRST, "secretRef": {"name": "ds3"}}, SECOND])
    world.wait_for("PersistentVolumeClaim", ONE, lambda found: found["metadata"]["uid"] != former["metadata"]["uid"])
    world.make_pod_ready("one")
    assert condition(world.wait_for_state("one", "Running"), "UpdatePending") is None


def test_a_data_source_without_a_secret_is_told_and_hurts_no_other_session(world: World) -> None:
    world.session("one", {**PLAIN, "dataSources": [{"mountPath": "/data"}]})
    session = world.wait_for_state("one", "Failed")
    assert "spec.dataSources[0].secretRef: is missing" in session["status"]["error"]
    world.run("two", PLAIN)


def test_a_remote_session_mounts_no_data_source(world: World) -> None:
    world.session("one", {**SOURCES, "location": "remote"})
    world.wait_for("StatefulSet", "one", lambda _: True)
    assert world.get("PersistentVolumeClaim", ONE) is None

"""Changes of a session that runs: what takes effect, what waits, and that nothing but the user restarts it."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from lab.control_plane.api import ApiError
from lab.control_plane.storage import STORAGE_CLASS
from tests.api.operator.conftest import Operators
from tests.api.operator.specs import CONTAINER, PLAIN, TOKEN, with_env
from tests.support.world import Object, World, as_written, condition

STORAGE_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
WAITS = {**PLAIN, "reconcileStrategy": "whenFailedOrHibernated"}
NEVER = {**PLAIN, "reconcileStrategy": "never"}


def template(world: World) -> Object:
    found = world.get("StatefulSet", "one")
    assert found is not None
    made: Object = found["spec"]["template"]
    return made


@pytest.mark.usefixtures("operator")
def test_with_always_the_users_change_is_rolled_out(world: World) -> None:
    world.run("one", PLAIN)
    world.patch_spec("one", session=with_env(PLAIN, A="1")["session"])
    world.wait_for("StatefulSet", "one", lambda s: s["spec"]["template"]["spec"]["containers"][0].get("env"))


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("spec", [WAITS, NEVER], ids=["whenFailedOrHibernated", "never"])
def test_with_other_strategies_the_users_change_waits_and_is_told(spec: Object, world: World) -> None:
    world.run("one", spec)
    before = template(world)
    world.patch_spec("one", session=with_env(PLAIN, A="1")["session"])
    session = world.wait_for("AmaltheaSession", "one", lambda session: condition(session, "UpdatePending"))
    pending = condition(session, "UpdatePending")
    assert pending is not None
    assert pending["reason"] == "SpecChanged"
    assert template(world) == before
    assert session["status"]["state"] == "Running"


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("change", [{"culling": {"lastInteraction": "2026-11-23T10:00:00Z"}}, {"culling": None}])
def test_what_does_not_reach_the_pod_never_touches_the_workload(change: Object, world: World) -> None:
    world.run("one", {**PLAIN, "culling": {"maxIdleDuration": "1h"}})
    before = as_written(world.get("StatefulSet", "one"))
    world.patch_spec("one", **change)
    world.patch_spec("one", ingress={"annotations": {"changed": "yes"}})
    world.wait_for("Ingress", "one", lambda ingress: ingress["metadata"]["annotations"].get("changed") == "yes")
    assert as_written(world.get("StatefulSet", "one")) == before


def test_a_newer_operator_restarts_nobody_and_its_change_comes_with_the_next_start(
    world: World, operators: Operators
) -> None:
    world.secret("door", auth="authproxy: {token: t}")
    old = operators(SIDECARS_IMAGE="docker.io/amalthea/sidecars:1").start()
    world.run("one", TOKEN)
    before = template(world)
    old.terminate()
    operators(SIDECARS_IMAGE="docker.io/amalthea/sidecars:2").start()
    session = world.wait_for("AmaltheaSession", "one", lambda session: condition(session, "UpdatePending"))
    pending = condition(session, "UpdatePending")
    assert pending is not None
    assert pending["reason"] == "OperatorChanged"
    world.patch_spec("one", culling={"lastInteraction": "2026-11-23T10:00:00Z"})
    assert template(world) == before
    world.patch_spec("one", hibernated=True)
    world.wait_for_state("one", "Hibernated")
    world.patch_spec("one", hibernated=False)
    pod = world.make_pod_ready("one")
    assert pod["spec"]["initContainers"][0]["image"] == "docker.io/amalthea/sidecars:2"
    assert condition(world.wait_for_state("one", "Running"), "UpdatePending") is None


@pytest.mark.usefixtures("operator")
def test_scheduling_fields_change_at_once_while_no_container_has_started_and_wait_after(world: World) -> None:
    world.session("one", NEVER)
    world.wait_for("Pod", "one-0", lambda _: True)
    world.patch_spec("one", nodeSelector={"disk": "fast"})
    world.wait_for(
        "StatefulSet", "one", lambda s: s["spec"]["template"]["spec"].get("nodeSelector") == {"disk": "fast"}
    )
    world.wait_for("Pod", "one-0", lambda pod: pod["spec"].get("nodeSelector") == {"disk": "fast"})
    world.make_pod_ready("one")
    running = world.wait_for_state("one", "Running")
    assert condition(running, "UpdatePending") is None
    world.patch_spec("one", nodeSelector={"disk": "slow"})
    world.wait_for("AmaltheaSession", "one", lambda session: condition(session, "UpdatePending"))
    assert template(world)["spec"]["nodeSelector"] == {"disk": "fast"}


@pytest.mark.usefixtures("operator")
def test_a_volume_is_never_shrunk_and_the_refusal_is_told(world: World) -> None:
    world.run("one", {**PLAIN, "session": {**CONTAINER, "storage": {"size": "2Gi"}}})
    world.patch_spec("one", session={"storage": {"size": "1Gi"}})
    session = world.wait_for("AmaltheaSession", "one", lambda session: condition(session, "StorageSized"))
    told = condition(session, "StorageSized")
    assert told is not None
    assert told["reason"] == "ShrinkRefused"
    claim = world.get("PersistentVolumeClaim", "one")
    assert claim is not None
    assert claim["spec"]["resources"]["requests"]["storage"] == "2Gi"
    assert session["status"]["state"] == "Running"
    world.patch_spec("one", session={"storage": {"size": "2048Mi"}})
    world.wait_for("AmaltheaSession", "one", lambda session: condition(session, "StorageSized") is None)


@pytest.fixture
def late_class(world: World) -> Iterator[str]:
    """The name of a StorageClass that the test is to make. It goes with the test."""
    name = f"late-{world.namespace}"
    yield name
    with suppress(ApiError):
        world.api.delete(f"{STORAGE_CLASSES}/{name}")


@pytest.mark.usefixtures("operator")
def test_a_volume_that_is_to_grow_before_it_is_there_does_not_fail_the_session(world: World, late_class: str) -> None:
    storage = {"className": late_class, "size": "1Gi"}
    world.session("one", {**PLAIN, "session": {**CONTAINER, "storage": storage}})
    world.wait_for("PersistentVolumeClaim", "one", lambda claim: claim["status"]["phase"] == "Pending")
    world.patch_spec("one", session={"storage": {"size": "2Gi"}}, ingress={"annotations": {"once": "1"}})
    world.wait_for("Ingress", "one", lambda found: "once" in found["metadata"].get("annotations", {}))
    world.patch_spec("one", ingress={"annotations": {"twice": "1"}})
    world.wait_for("Ingress", "one", lambda found: "twice" in found["metadata"]["annotations"])
    session = world.wait_for("AmaltheaSession", "one", bool)
    assert session["status"]["state"] == "NotReady", "it has been looked at, and told, with the new size"
    assert condition(session, "ChildrenInPlace") is None
    world.api.post(STORAGE_CLASSES, {**STORAGE_CLASS, "metadata": {"name": late_class}})
    world.wait_for("PersistentVolumeClaim", "one", lambda claim: size(claim) == "2Gi")


def size(claim: Object) -> str:
    found: str = claim["spec"]["resources"]["requests"]["storage"]
    return found

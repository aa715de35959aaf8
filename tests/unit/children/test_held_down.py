"""A queue, for example, that suspends a Job or scales a StatefulSet down must not be fought, and no run may be lost."""

from typing import Any

import pytest

from amalthea.api import names
from amalthea.testing.builders import SessionBuilder, session
from tests.unit.children.world import World, kinds, pending, reasons, running, touches_template

JOB = session().as_job()
KUEUE = "kueue-admission"


def still(world: World, manager: str, *, awake: bool = False) -> None:
    """Do as a downscaler, a queue or an admin: take the pod, or give it back."""
    kind = world.workload["kind"]
    path, value = ("/spec/suspend", not awake) if kind == "Job" else ("/spec/replicas", int(awake))
    world.edit(kind, [{"op": "add", "path": path, "value": value}])
    field = "f:suspend" if kind == "Job" else "f:replicas"
    entry = {"manager": manager, "operation": "Update", "time": "2026-11-22T13:05:00Z", "subresource": "scale"}
    world.workload["metadata"]["managedFields"] = [{**entry, "fieldsV1": {"f:spec": {field: {}}}}]
    if not awake:
        world.stop_pod()


def error(world: World) -> str:
    return str(world.status.get("error", ""))


@pytest.mark.parametrize("builder", [session(), JOB], ids=["StatefulSet", "Job"])
def test_a_pod_that_somebody_else_scaled_down_stays_down_and_their_name_is_reported(builder: SessionBuilder) -> None:
    world = running(builder)
    run, uid = world.status["runID"], world.workload["metadata"]["uid"]
    still(world, KUEUE)

    assert world.step().writes == ()
    assert world.step().writes == ()
    assert (world.status["state"], world.status["runID"]) == ("NotReady", run)
    assert reasons(world)["Healthy"] == "HeldDown"
    assert f"by somebody else ({KUEUE})" in error(world)

    still(world, KUEUE, awake=True)
    world.start_pod()
    assert not touches_template(world.step())
    assert world.step().writes == ()
    assert (world.status["state"], world.status["runID"]) == ("Running", run)
    assert world.workload["metadata"]["uid"] == uid


@pytest.mark.parametrize("builder", [session(), JOB], ids=["StatefulSet", "Job"])
def test_a_start_that_somebody_else_holds_does_not_claim_to_prepare_storage(builder: SessionBuilder) -> None:
    world = World(builder)
    world.step()
    still(world, KUEUE)
    world.step()
    at = next(each for each in world.status["conditions"] if each["type"] == "Progressing")
    assert at["reason"] == "FindingNode"
    assert at["message"].startswith("Step 2 of 5: somebody else, such as a queue or a downscaler, keeps")


def test_a_job_that_a_queue_suspends_as_it_is_made_waits_for_the_queue() -> None:
    world = World(JOB)
    world.step()
    world.workload["spec"]["suspend"] = True  # by a webhook: the same generation, in our name

    assert [world.step().writes for _ in range(3)] == [(), (), ()]
    assert (world.status["state"], reasons(world)["Healthy"]) == ("NotReady", "HeldDown")
    assert "an administrator, a downscaler, or the webhook of a queue" in error(world)


@pytest.mark.parametrize("builder", [session(), JOB], ids=["StatefulSet", "Job"])
@pytest.mark.parametrize("seen", [True, False], ids=["while we look", "between two looks"])
def test_the_next_pause_and_resume_win(builder: SessionBuilder, seen: bool) -> None:
    world = running(builder)
    run = world.status["runID"]
    still(world, KUEUE)
    if seen:
        world.settle()
    awake, world.builder = world.builder, world.builder.with_spec(hibernated=True)
    world.settle()
    assert world.status["state"] == "Hibernated"

    world.builder = awake
    world.settle()

    assert world.status["runID"] not in (None, run)
    spec = world.workload["spec"]
    assert spec.get("replicas") == 1 or spec.get("suspend") is False


def test_our_own_pause_is_never_taken_for_somebody_elses() -> None:
    world = running(session())
    awake, world.builder = world.builder, world.builder.with_spec(hibernated=True)
    world.step()
    world.stop_pod()
    world.builder = awake  # resumed before anybody could tell of the pause

    assert kinds(world.step()) == [("patch", "StatefulSet")]
    assert "Healthy" not in reasons(world)


def test_a_pause_under_the_go_operator_ends_with_its_resume_under_ours() -> None:
    world = running(session())
    still(world, "manager")
    world.status |= {"state": "Hibernated", "runID": None, "hibernatedSince": "2026-11-22T13:06:00Z"}

    assert ("patch", "StatefulSet") in kinds(world.step())
    assert world.workload["spec"]["replicas"] == 1


def test_a_queue_that_places_the_job_as_it_admits_it_has_edited_nothing_by_hand() -> None:
    world = running(JOB)
    still(world, KUEUE)
    world.step()
    still(world, KUEUE, awake=True)
    world.edit("Job", [{"op": "add", "path": "/spec/template/spec/nodeSelector", "value": {"pool": "gpu"}}])
    world.start_pod()
    world.settle()
    assert (world.status["state"], pending(world)) == ("Running", None)


APPLIED = {"always": "example.org/lab:2", "whenFailedOrHibernated": "example.org/lab:1"}
"""What runs once a session is given back, by its reconcileStrategy."""


def image(world: World) -> str:
    return str(world.template["spec"]["containers"][0]["image"])


@pytest.mark.parametrize("strategy", APPLIED)
@pytest.mark.parametrize("builder", [session(), JOB], ids=["StatefulSet", "Job"])
def test_a_change_of_the_users_waits_while_somebody_holds_the_session_down_and_is_not_lost(
    builder: SessionBuilder, strategy: str
) -> None:
    world = running(builder.with_session(image="example.org/lab:1").with_spec(reconcileStrategy=strategy))
    still(world, "kube-downscaler")
    world.step()
    world.builder = world.builder.with_session(image="example.org/lab:2")

    noted = world.step()
    assert not touches_template(noted)
    assert world.step().writes == ()
    assert not world.workload["spec"].get("replicas", 0)
    assert world.workload["spec"].get("suspend", True)

    still(world, "kube-downscaler", awake=True)
    world.start_pod()
    world.settle()
    world.start_pod()
    world.settle()
    job = world.workload["kind"] == "Job"
    assert image(world) == ("example.org/lab:1" if job else APPLIED[strategy])
    assert pending(world) == (None if image(world) == "example.org/lab:2" else "SpecChanged")
    assert world.step().writes == ()
    record = world.workload["metadata"]["annotations"][names.ANNOTATION_APPLIED]
    assert "held" not in record, "a later takeover by another operator is recognised"


def test_a_change_that_another_operator_applied_while_a_session_was_held_restarts_nobody() -> None:
    world = running(session().with_session(image="example.org/lab:1").with_spec(reconcileStrategy="always"))
    still(world, KUEUE)
    world.step()
    world.builder = world.builder.with_session(image="example.org/lab:2")
    world.step()
    rolled_out: list[dict[str, Any]] = [
        {"op": "replace", "path": "/spec/replicas", "value": 1},
        {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "example.org/lab:2"},
        {"op": "add", "path": "/spec/template/metadata/labels/go", "value": "1"},
    ]
    world.edit("StatefulSet", rolled_out)
    world.written.clear()  # a new leader: it has seen nothing of that
    world.start_pod()
    assert not touches_template(world.step())


def test_a_change_of_a_job_that_a_queue_holds_is_said_to_wait_for_its_next_start() -> None:
    world = running(JOB.with_session(image="example.org/lab:1"))
    still(world, KUEUE)
    world.step()
    world.builder = world.builder.with_session(image="example.org/lab:2")
    world.settle()
    assert pending(world) == "SpecChanged"

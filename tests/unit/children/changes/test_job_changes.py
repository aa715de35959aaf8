"""A job that runs twice may overwrite what it made the first time; one that is never run again is lost."""

from collections.abc import Callable

import pytest

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.testing.builders import session
from amalthea.testing.observations import READY_AT, condition, container, terminated
from tests.unit.children.world import World, kinds, pending, reasons

STRATEGIES = ("always", "whenFailedOrHibernated", "never")
COMPLETE = condition("Complete", "True", READY_AT)
FAILED = condition("Failed", "True", READY_AT, reason="BackoffLimitExceeded")
JOB = session().as_job().with_spec(culling={"maxAge": "8h"})


def working(strategy: str = "always") -> World:
    """Return a job that works."""
    world = World(JOB.with_spec(reconcileStrategy=strategy))
    world.settle()
    world.start_pod()
    world.settle()
    assert world.status["state"] == "Running"
    return world


def ended(how: Manifest, strategy: str = "always") -> World:
    """Return a job that has ended."""
    world = working(strategy)
    world.start_pod(container(state=terminated(3 if how is FAILED else 0)))
    world.workload["status"] = {"conditions": [how]}
    world.settle()
    return world


def delete_job(world: World) -> None:
    """Let somebody delete the Job, and the garbage collector its pod."""
    del world.objects["Job", "demo"]
    world.pods = []


def pause(world: World, paused: bool = True) -> None:
    world.builder = world.builder.with_spec(hibernated=paused)
    world.settle()


def test_a_job_has_a_volume_and_an_internal_secret_and_nothing_to_open() -> None:
    world = World(session().as_job().with_token().with_ingress())

    assert kinds(world.step()) == [("create", "PersistentVolumeClaim"), ("create", "Secret"), ("create", "Job")]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("how", "state"), [(COMPLETE, "Succeeded"), (FAILED, "Failed")], ids=["well", "badly"])
def test_a_job_that_ended_is_never_touched_again(how: Manifest, state: str, strategy: str) -> None:
    world = ended(how, strategy)
    before = world.status
    assert before["state"] == state

    for change in ({"hibernated": True}, {"hibernated": False}, {"session": {"image": "example.org/lab:2"}}):
        world.builder = world.builder.with_spec(**change)
        assert world.step().writes == ()
        assert world.status == before


@pytest.mark.parametrize("paused", [False, True], ids=["not paused", "paused"])
@pytest.mark.parametrize(("how", "state"), [(COMPLETE, "Succeeded"), (FAILED, "Failed")], ids=["well", "badly"])
def test_a_job_that_ended_does_not_run_again_because_somebody_deleted_it(
    how: Manifest, state: str, paused: bool
) -> None:
    world = ended(how)
    pause(world, paused)
    before = world.status
    delete_job(world)

    for _ in range(3):
        assert world.step().writes == ()
        assert world.status == before
    assert before["state"] == state


def test_a_job_that_still_worked_is_made_again_when_somebody_deletes_it() -> None:
    world = working()
    delete_job(world)

    assert kinds(world.step()) == [("create", "Job")]


def test_a_job_for_which_a_quota_left_no_room_is_tried_again_and_again() -> None:
    """Its status says Failed with a run id, as that of a job that has ended does."""
    world = working()
    delete_job(world)
    world.status = {"state": "Failed", "runID": world.status["runID"], "error": "exceeded quota"}

    assert kinds(world.step()) == [("create", "Job")]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_paused_job_is_made_anew_with_its_new_run_and_template_when_resumed(strategy: str) -> None:
    world = working(strategy)
    first, claim = world.status["runID"], world.child("PersistentVolumeClaim")["metadata"]["uid"]
    pause(world)
    assert world.workload["spec"]["suspend"] is True
    assert world.status["state"] == "NotReady"
    world.stop_pod()
    world.settle()
    assert world.status["state"] == "Hibernated"

    world.builder = world.builder.with_spec(hibernated=False).with_session(image="example.org/lab:2")
    assert kinds(world.step()) == [("delete", "Job")]
    second = world.status["runID"]
    assert kinds(world.step()) == [("create", "Job")]

    assert second != first
    assert world.template["metadata"]["annotations"][names.ANNOTATION_RUN_ID] == second
    assert world.template["spec"]["containers"][0]["image"] == "example.org/lab:2"
    assert not world.workload["spec"].get("suspend")
    assert world.child("PersistentVolumeClaim")["metadata"]["uid"] == claim
    assert world.step().writes == ()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_job_that_may_not_be_deleted_is_resumed_as_it_is_and_says_what_waits(strategy: str) -> None:
    world = working(strategy)
    world.keeps = frozenset({"Job"})
    first, template = world.status["runID"], world.template
    pause(world)
    world.stop_pod()
    world.settle()
    world.builder = world.builder.with_spec(hibernated=False).with_session(image="example.org/lab:2")
    world.step()

    assert not world.workload["spec"].get("suspend")
    assert world.template == template
    assert world.status["runID"] == world.workload["metadata"]["annotations"][names.ANNOTATION_RUN_ID] != first
    assert world.step().writes == ()
    assert pending(world) == "SpecChanged"


def test_a_resumed_job_waits_for_its_former_self_to_go_and_keeps_its_new_run() -> None:
    world = working()
    pause(world)
    world.stop_pod()
    world.settle()
    world.builder = world.builder.with_spec(hibernated=False)
    old = world.workload
    world.step()
    run = world.status["runID"]

    world.objects["Job", "demo"] = {**old, "metadata": {**old["metadata"], "deletionTimestamp": READY_AT}}
    for _ in range(3):
        assert world.step().writes == ()
        assert world.status["runID"] == run
    del world.objects["Job", "demo"]
    world.step()
    assert world.workload["metadata"]["annotations"][names.ANNOTATION_RUN_ID] == run


def delete_the_job_only(world: World) -> None:
    del world.objects["Job", "demo"]


def pause_and_resume(world: World) -> None:
    pause(world)
    world.builder = world.builder.with_spec(hibernated=False)


TWICE = {"somebody deletes the Job": delete_the_job_only, "it is paused and resumed": pause_and_resume}


@pytest.mark.parametrize("leaving", [False, True], ids=["not told yet", "stops"])
@pytest.mark.parametrize("act", TWICE.values(), ids=TWICE)
def test_two_pods_of_a_job_never_write_to_one_volume(act: Callable[[World], None], leaving: bool) -> None:
    world = working()
    first, former = world.status["runID"], world.workload["metadata"]["uid"]
    act(world)
    if leaving:
        world.pods[0]["metadata"]["deletionTimestamp"] = READY_AT

    for _ in range(3):
        assert world.step().writes == ()
    assert (world.status["state"], reasons(world)["ChildrenInPlace"]) == ("NotReady", "Terminating")
    world.stop_pod()
    world.settle()
    assert world.workload["metadata"]["uid"] != former
    assert not world.workload["spec"].get("suspend")
    assert "ChildrenInPlace" not in reasons(world)
    assert (world.status["runID"] == first) is (act is delete_the_job_only)


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_former_pod_that_is_over_keeps_no_job_from_its_next_run(phase: str) -> None:
    """It may be counted for long: it writes nothing any more."""
    world = working()
    pause(world)
    world.pods[0]["metadata"]["deletionTimestamp"] = READY_AT
    world.pods[0]["status"]["phase"] = phase
    world.builder = world.builder.with_spec(hibernated=False)

    assert kinds(world.step()) == [("delete", "Job")]
    assert kinds(world.step()) == [("create", "Job")]


def test_a_job_that_works_keeps_its_template_whatever_changes() -> None:
    world = working("always")
    world.builder = world.builder.with_session(image="example.org/lab:2")

    assert world.step().writes == ()
    assert pending(world) == "SpecChanged"


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("max_age", "deadline"), [("9h", 9 * 3600), ("0", None)], ids=["longer", "no limit"])
def test_a_job_that_works_gets_its_new_time_limit(strategy: str, max_age: str, deadline: int | None) -> None:
    world = working(strategy)
    world.builder = world.builder.with_spec(culling={"maxAge": max_age})

    assert kinds(world.step()) == [("patch", "Job")]
    assert world.workload["spec"].get("activeDeadlineSeconds") == deadline
    assert world.step().writes == ()
    assert pending(world) is None

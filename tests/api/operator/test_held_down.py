"""Queues, downscalers and admins take a session's pod: no run may be lost for it, and nobody fought."""

from functools import partial

import pytest

from tests.api.operator.specs import JOB, PLAIN
from tests.support.world import Object, World, condition

pytestmark = pytest.mark.usefixtures("operator")


def is_held_down(session: Object) -> bool:
    return (condition(session, "Healthy") or {}).get("reason") == "HeldDown"


def scale(world: World, replicas: int) -> None:
    """Scale as `kubectl scale` does, by a program of some name."""
    path = world.path("StatefulSet", "one") + "/scale?fieldManager=kube-downscaler"
    world.api.patch(path, {"spec": {"replicas": replicas}})


def suspend(world: World, *, wanted: bool) -> None:
    """Suspend or admit a Job as a queue does."""
    world.api.patch(world.path("Job", "one") + "?fieldManager=kueue", {"spec": {"suspend": wanted}})


def stays(world: World, kind: str) -> None:
    """Have the operator look twice at all of the session, and check that it writes nothing to the workload."""
    before = world.get(kind, "one")
    assert before is not None
    for mark in ("once", "twice"):  # a pass makes all of its writes before the next one begins
        world.patch_spec("one", template={"metadata": {"annotations": {"mark": mark}}})
        world.wait_for("Secret", "one---internal", partial(is_marked, mark))
    now = world.get(kind, "one")
    assert now is not None
    assert (now["spec"], now["metadata"]["uid"]) == (before["spec"], before["metadata"]["uid"])


def is_marked(mark: str, found: Object) -> bool:
    return bool(found["metadata"].get("annotations", {}).get("mark") == mark)


def test_who_sets_the_replicas_of_a_session_to_none_is_named(world: World) -> None:
    world.run("one", PLAIN)
    world.api.patch(world.path("StatefulSet", "one") + "?fieldManager=kube-downscaler", {"spec": {"replicas": 0}})
    held = world.wait_for("AmaltheaSession", "one", is_held_down)
    assert "by somebody else (kube-downscaler)" in held["status"]["error"]


def test_who_scales_a_session_down_may_scale_it_up_again(world: World) -> None:
    """Nobody is named: the API server leaves a 0 out of a scale, and keeps no manager of it."""
    running = world.run("one", PLAIN)
    scale(world, 0)
    held = world.wait_for("AmaltheaSession", "one", is_held_down)
    assert held["status"]["state"] == "NotReady"
    assert "by somebody else (an administrator, a downscaler" in held["status"]["error"]
    stays(world, "StatefulSet")
    scale(world, 1)
    world.wait_for("Pod", "one-0", partial(is_marked, "twice"))  # what the user changed meanwhile is not lost
    world.make_pod_ready("one")
    again = world.wait_for_state("one", "Running")
    assert again["status"]["runID"] == running["status"]["runID"]


def test_a_pause_and_a_resume_win_against_who_scaled_it_down(world: World) -> None:
    running = world.run("one", PLAIN)
    scale(world, 0)
    world.wait_for("AmaltheaSession", "one", is_held_down)
    world.patch_spec("one", hibernated=True)
    world.wait_for_state("one", "Hibernated")
    world.patch_spec("one", hibernated=False)
    world.make_pod_ready("one")
    again = world.wait_for_state("one", "Running")
    assert again["status"]["runID"] > running["status"]["runID"]


def test_a_running_job_that_somebody_suspends_is_the_same_job_when_it_goes_on(world: World) -> None:
    world.session("one", JOB)
    world.job_pod("one")
    job = world.get("Job", "one")
    assert job is not None
    suspend(world, wanted=True)
    held = world.wait_for("AmaltheaSession", "one", is_held_down)
    assert "(kueue)" in held["status"]["error"]
    stays(world, "Job")
    suspend(world, wanted=False)
    pod = world.job_pod("one")
    assert pod["metadata"]["annotations"]["renku.io/run_id"] == held["status"]["runID"]
    world.wait_for("AmaltheaSession", "one", lambda session: not is_held_down(session))
    assert (world.get("Job", "one") or job)["metadata"]["uid"] == job["metadata"]["uid"]

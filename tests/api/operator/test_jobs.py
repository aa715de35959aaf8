"""Batch sessions: a Job that runs once, is recreated after a pause, and is never run again after its end."""

import time
from collections.abc import Callable

import pytest

from tests.api.operator.specs import JOB
from tests.support.world import Object, World, condition

pytestmark = pytest.mark.usefixtures("operator")


def end(world: World, pod: Object, exit_code: int) -> None:
    """Play the kubelet: the pod's container ends."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    ended = {"exitCode": exit_code, "reason": "Completed", "startedAt": now, "finishedAt": now}
    container = {"name": "amalthea-session", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
    status = {
        "phase": "Succeeded" if exit_code == 0 else "Failed",
        "startTime": now,
        "containerStatuses": [{**container, "state": {"terminated": ended}}],
    }
    world.set_pod_status(pod, status)


def test_a_job_that_ends_well_succeeds_and_has_neither_service_nor_ingress(world: World) -> None:
    world.session("one", JOB)
    end(world, world.job_pod("one"), 0)
    session = world.wait_for_state("one", "Succeeded")
    assert session["status"]["idle"]
    assert session["status"]["idleSince"]
    assert session["status"]["url"] == "None"
    assert world.get("Service", "one") is None
    assert world.get("Ingress", "one") is None
    world.wait_for_events(session, "Succeeded")


def test_a_job_that_ends_badly_is_failed_with_its_exit_code(world: World) -> None:
    world.session("one", JOB)
    end(world, world.job_pod("one"), 3)
    session = world.wait_for_state("one", "Failed")
    assert "exit code 3" in session["status"]["error"]


def test_a_job_that_has_ended_is_not_run_again_because_somebody_deleted_it(world: World) -> None:
    world.session("one", JOB)
    end(world, world.job_pod("one"), 0)
    world.wait_for_state("one", "Succeeded")
    world.delete("Job", "one")
    world.wait_until_gone("Job", "one")
    world.patch("AmaltheaSession", "one", metadata={"labels": {"looked": "at"}})
    world.session("two", JOB)
    world.job_pod("two")
    assert world.get("Job", "one") is None
    assert world.wait_for_state("one", "Succeeded")


def test_a_paused_job_is_made_anew_with_a_new_run(world: World) -> None:
    world.session("one", JOB)
    first = world.job_pod("one")
    job = world.get("Job", "one")
    assert job is not None
    world.patch_spec("one", hibernated=True)
    world.wait_for_state("one", "Hibernated")
    suspended = world.get("Job", "one")
    assert suspended is not None
    assert suspended["spec"]["suspend"] is True
    world.patch_spec("one", hibernated=False)
    again = world.wait_for("Job", "one", lambda found: found["metadata"]["uid"] != job["metadata"]["uid"])
    run = again["metadata"]["annotations"]["renku.io/run_id"]
    assert run > first["metadata"]["annotations"]["renku.io/run_id"]
    second = world.job_pod("one")
    assert second["metadata"]["annotations"]["renku.io/run_id"] == run
    world.wait_for("AmaltheaSession", "one", lambda session: session["status"].get("runID") == run)
    claim = world.get("PersistentVolumeClaim", "one")
    assert claim is not None


HOLD = "example.org/hold"


def hold(world: World, pod: Object) -> None:
    """Let a pod take its time to stop, once it is to."""
    name = pod["metadata"]["name"]
    world.patch("Pod", name, metadata={"finalizers": [*pod["metadata"].get("finalizers", []), HOLD]})


def let_go(world: World, pod: Object) -> None:
    """Let a pod that was held go; one that nobody stops, an admin deletes."""
    name = pod["metadata"]["name"]
    world.delete("Pod", name)
    left = world.wait_for("Pod", name, lambda found: "deletionTimestamp" in found["metadata"])["metadata"]
    world.patch("Pod", name, metadata={"finalizers": [each for each in left["finalizers"] if each != HOLD]})


def pause_and_resume(world: World) -> None:
    world.patch_spec("one", hibernated=True)
    world.wait_for("Job", "one", lambda job: job["spec"]["suspend"])
    world.patch_spec("one", hibernated=False)


def delete_the_job(world: World) -> None:
    """Delete the Job as kubectl does: its pod is to follow it."""
    world.api.delete(world.path("Job", "one") + "?propagationPolicy=Background")


def leave_the_pod_behind(world: World) -> None:
    """Delete the Job as clients do that say nothing of its pod: that goes on."""
    world.delete("Job", "one")


@pytest.mark.parametrize("act", [pause_and_resume, delete_the_job, leave_the_pod_behind])
def test_two_pods_of_a_job_never_write_to_one_volume(act: Callable[[World], None], world: World) -> None:
    world.session("one", JOB)
    first = world.job_pod("one")
    hold(world, first)
    act(world)

    def waits(session: Object) -> bool:
        told = condition(session, "ChildrenInPlace") or {"message": ""}
        return first["metadata"]["name"] in told["message"]

    session = world.wait_for("AmaltheaSession", "one", waits)
    assert session["status"]["state"] == "NotReady"
    world.patch("AmaltheaSession", "one", metadata={"labels": {"looked": "at"}})
    world.session("two", JOB)
    world.job_pod("two")
    mine = [pod["metadata"]["name"] for pod in world.all("Pod") if pod["metadata"]["labels"]["job-name"] == "one"]
    assert mine == [first["metadata"]["name"]]

    let_go(world, first)
    assert world.job_pod("one")["metadata"]["name"] != first["metadata"]["name"]
    world.wait_for("AmaltheaSession", "one", lambda session: condition(session, "ChildrenInPlace") is None)

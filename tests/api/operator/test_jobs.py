"""Batch sessions: a Job that runs once, is made anew after a pause, and is never run again after its end."""

import time

import pytest

from tests.api.operator.specs import JOB
from tests.support.world import Object, World

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

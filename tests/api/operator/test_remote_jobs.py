"""The reports of a remote session's controller reach its user; an impostor in its place harms nobody else.

The controllers are small servers at the addresses of the pods.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.api.operator.conftest import Operators
from tests.api.operator.ends import paused, stopped
from tests.api.operator.specs import PLAIN
from tests.support import doors
from tests.support.doors import PlayedDoor
from tests.support.world import Object, World, condition, ready_status

REMOTE = {**PLAIN, "location": "remote"}
CAUSE = "The job needed more memory than it asked for (OUT_OF_MEMORY). Ask for more memory, then resume the session."


@pytest.fixture
def controller() -> Iterator[PlayedDoor]:
    with doors.played() as opened:
        opened.path = "/remote_status"
        yield opened


def says(controller: PlayedDoor, **told: object) -> None:
    controller.says = lambda: json.dumps({"version": 1, **told}).encode()


def submitted(world: World, controller: PlayedDoor, name: str = "one", **spec: object) -> None:
    """Create a remote session whose pod is ready, since it has no probe, and whose controller has run for a while."""
    path = {"host": "lab.localhost", "pathPrefix": f"/s/{name}"}
    world.session(name, {**REMOTE, "ingress": path, **spec})
    run_for_a_while(world, controller, world.make_pod_ready(name))


def run_for_a_while(world: World, controller: PlayedDoor, pod: Object) -> None:
    """Play the kubelet: a ready pod runs where its controller answers, and has for a minute."""
    long_ago = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    statuses = [{**s, "state": {"running": {"startedAt": long_ago}}} for s in pod["status"]["containerStatuses"]]
    addresses = {"podIP": controller.address, "podIPs": [{"ip": controller.address}]}
    world.set_pod_status(pod, {"containerStatuses": statuses, **addresses})


def submitted_batch(world: World, controller: PlayedDoor, **spec: object) -> None:
    """Create the remote batch session `one`, whose controller has run for a while."""
    world.session("one", {**REMOTE, "sessionType": "NonInteractive", **spec})
    pod = world.job_pod("one")
    run_for_a_while(world, controller, world.set_pod_status(pod, ready_status(pod)))


def told(session: Object, kind: str) -> tuple[str, str]:
    """Return reason and message of a condition."""
    found = condition(session, kind) or {}
    return str(found.get("reason", "")), str(found.get("message", ""))


def test_a_job_in_the_queue_is_told_with_its_reason_and_its_expected_start(
    world: World, controller: PlayedDoor, operators: Operators
) -> None:
    operators().start()
    says(controller, status="NotReady", schedulerState="PENDING", reason="Priority", expectedStart=1795701900)
    submitted(world, controller)
    queued = world.wait_for("AmaltheaSession", "one", lambda s: "in the queue" in told(s, "Progressing")[1])
    assert told(queued, "Progressing")[1].endswith("in the queue: Priority; expected to start at 2026-11-26T14:05:00Z.")
    assert (told(queued, "Progressing")[0], queued["status"]["state"]) == ("Queued", "NotReady")
    assert len(controller.asked) == 1


def test_why_a_job_failed_is_told_and_a_resume_starts_anew(
    world: World, controller: PlayedDoor, operators: Operators
) -> None:
    operators().start()
    says(controller, status="Failed", schedulerState="OUT_OF_MEMORY", error=CAUSE)
    submitted(world, controller)
    failed = world.wait_for_state("one", "Failed")
    assert failed["status"]["error"] == CAUSE
    assert told(failed, "Healthy") == ("RemoteJobFailed", CAUSE)
    world.patch_spec("one", hibernated=True)
    world.wait_for_state("one", "Hibernated")
    says(controller, status="Running", schedulerState="RUNNING")
    world.patch_spec("one", hibernated=False)
    run_for_a_while(world, controller, world.make_pod_ready("one"))
    again = world.wait_for_state("one", "Running")
    assert "error" not in again["status"]
    assert again["status"]["runID"] != failed["status"]["runID"]


def test_a_job_that_has_completed_is_paused_as_idle_without_any_measurement(
    world: World, controller: PlayedDoor, operators: Operators
) -> None:
    operators().start()
    says(controller, status="Completed", schedulerState="COMPLETED")
    submitted(world, controller, culling={"maxIdleDuration": "5s"})
    world.wait_for_state("one", "Succeeded")
    paused(world)
    assert stopped(world)[0] == "Idle"


def test_a_batch_job_tells_its_place_in_the_queue_and_ends_as_its_work_does(
    world: World, controller: PlayedDoor, operators: Operators
) -> None:
    """Nothing in its pod ends with the work, so the Job of this cluster goes on until the pause."""
    first = operators().start()
    says(controller, status="NotReady", schedulerState="PENDING", reason="Priority")
    submitted_batch(world, controller, culling={"maxIdleDuration": "5s"})
    queued = world.wait_for("AmaltheaSession", "one", lambda s: "in the queue" in told(s, "Progressing")[1])
    assert (told(queued, "Progressing")[0], queued["status"]["state"]) == ("Queued", "NotReady")
    assert len(controller.asked) == 1, "once a minute at most"
    first.terminate()
    says(controller, status="Completed", schedulerState="COMPLETED")
    operators().start()  # who begins anew asks at once
    ended = world.wait_for_state("one", "Succeeded")
    assert ended["status"]["idleSince"]
    paused(world)
    world.wait_for_state("one", "Hibernated")
    assert stopped(world)[0] == "Idle"


def test_why_a_batch_job_failed_is_told(world: World, controller: PlayedDoor, operators: Operators) -> None:
    operators().start()
    says(controller, status="Failed", schedulerState="OUT_OF_MEMORY", error=CAUSE)
    submitted_batch(world, controller)
    failed = world.wait_for_state("one", "Failed")
    assert failed["status"]["error"] == CAUSE
    assert told(failed, "Healthy") == ("RemoteJobFailed", CAUSE)


def late() -> bytes:
    time.sleep(20)
    return b"{}"


HOSTILE = {
    "ten-megabytes": lambda: b"x" * 10_000_000,
    "html": lambda: b"<html>password=s3cret</html>",
    "no-json": lambda: b'{"status": ',
    "deep": lambda: b"[" * 10_000,
    "hanging": late,
}


def test_what_no_controller_would_say_leaves_a_session_as_its_readiness_shows_it_and_harms_no_other(
    world: World, operators: Operators
) -> None:
    operator = operators().start()
    with ExitStack() as stack:
        for name, answer in HOSTILE.items():
            opened = stack.enter_context(doors.played())
            opened.path, opened.says = "/remote_status", answer
            submitted(world, opened, name)
        good = stack.enter_context(doors.played())
        good.path = "/remote_status"
        says(good, status="Failed", error=CAUSE)
        submitted(world, good)
        assert world.wait_for_state("one", "Failed")["status"]["error"] == CAUSE
        for name in HOSTILE:
            assert "error" not in world.wait_for_state(name, "Running")["status"]
    assert "s3cret" not in operator.log
    assert '"level": "error"' not in operator.log

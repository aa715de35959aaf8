"""A trial shows whether sessions can be used here: it must not pass where nothing runs, and never leave its session."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.control_plane.control_plane import ControlPlane
from tests.support.world import World

WITHIN = 20.0


def start(kubeconfig: Path, namespace: str, timeout: float) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-m", "amalthea.main", "trial", "--image=probe", f"--kubeconfig={kubeconfig}"]
    argv += [f"--namespace={namespace}", f"--timeout={timeout}"]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})


def the_session(world: World) -> str:
    """Return the name of the one session, once it is there."""
    deadline = time.monotonic() + WITHIN
    while True:
        found = world.api.get(world.path("AmaltheaSession"))["items"]
        if found:
            name: str = found[0]["metadata"]["name"]
            return name
        assert time.monotonic() < deadline, "no session was created"
        time.sleep(0.05)


def test_a_session_that_gets_ready_is_deleted_and_passes(control_plane: ControlPlane, world: World) -> None:
    with start(control_plane.kubeconfig, world.namespace, WITHIN) as trial:
        name = the_session(world)
        world.api.patch(world.path("AmaltheaSession", name) + "/status", {"status": {"state": "Running"}})
        said, errors = trial.communicate(timeout=WITHIN)
    assert (trial.returncode, errors) == (0, "")
    assert said.splitlines()[1:] == ["It is ready.", "It is deleted, with everything that belonged to it."]
    assert world.get("AmaltheaSession", name) is None


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({}, "No operator has reported on it: check that one runs, and that it serves this namespace."),
        ({"state": "NotReady", "error": "no such image"}, "Its state is NotReady. no such image"),
    ],
    ids=["no operator", "no image"],
)
def test_a_session_that_does_not_get_ready_says_how_far_it_came_and_goes(
    control_plane: ControlPlane, world: World, status: dict[str, str], told: str
) -> None:
    with start(control_plane.kubeconfig, world.namespace, 2.0) as trial:
        name = the_session(world)
        world.api.patch(world.path("AmaltheaSession", name) + "/status", {"status": status or None})
        _, errors = trial.communicate(timeout=WITHIN)
    assert trial.returncode == 1
    assert errors.startswith("The session was not ready in time. ")
    assert told in errors
    assert world.get("AmaltheaSession", name) is None


def test_who_may_not_create_sessions_is_told_so(control_plane: ControlPlane, world: World) -> None:
    nobody = control_plane.user_kubeconfig("nobody")
    with start(nobody, world.namespace, 2.0) as trial:
        _, errors = trial.communicate(timeout=WITHIN)
    assert trial.returncode == 1
    assert errors.startswith("The session is refused in ")
    assert "Traceback" not in errors

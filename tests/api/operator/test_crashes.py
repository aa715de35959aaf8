"""Crashes at any moment: the next operator completes the work, and nothing is done twice."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.control_plane.control_plane import ControlPlane
from lab.control_plane.flags import Settings
from tests.api.operator.conftest import Operators, install_crd
from tests.api.operator.specs import PLAIN, TOKEN
from tests.support.processes import OperatorProcess
from tests.support.world import World

CHILDREN = ("PersistentVolumeClaim", "Service", "Ingress", "StatefulSet")
SESSIONS = [f"s{number}" for number in range(8)]


@pytest.mark.parametrize("writes", [1, 3, 8, 21, 34])
def test_a_crash_during_creation_leaves_nothing_half_made(writes: int, world: World, operators: Operators) -> None:
    world.secret("door", auth="authproxy: {token: t}")
    first = operators().start()
    for name in SESSIONS:
        world.session(name, TOKEN)
    first.kill_after_writes(writes)
    made_before = {kind: {o["metadata"]["uid"] for o in world.all(kind)} for kind in CHILDREN}
    operators().start()
    for name in SESSIONS:
        pod = world.make_pod_ready(name)
        session = world.wait_for_state(name, "Running")
        assert pod["metadata"]["annotations"]["renku.io/run_id"] == session["status"]["runID"]
        assert session["metadata"]["finalizers"] == ["amalthea.dev/secrets-finalizer"]
    for kind in CHILDREN:
        now = world.all(kind)
        assert len(now) == len(SESSIONS)
        assert made_before[kind] <= {o["metadata"]["uid"] for o in now}, f"a {kind} was made twice"


def test_a_crash_during_a_pause_and_a_resume_is_made_good(world: World, operators: Operators) -> None:
    first = operators().start()
    world.run("one", PLAIN)
    world.patch_spec("one", hibernated=True)
    first.kill()
    second = operators().start()
    world.wait_for_state("one", "Hibernated")
    world.patch_spec("one", hibernated=False)
    second.kill()
    operators().start()
    pod = world.make_pod_ready("one")
    session = world.wait_for_state("one", "Running")
    assert pod["metadata"]["annotations"]["renku.io/run_id"] == session["status"]["runID"]


def test_a_crash_during_a_deletion_forgets_no_secret(world: World, operators: Operators) -> None:
    world.secret("door", auth="authproxy: {token: t}")
    first = operators().start()
    world.run("one", TOKEN)
    first.kill()
    world.delete("AmaltheaSession", "one")
    assert world.get("Secret", "door") is not None
    operators().start()
    world.wait_until_gone("AmaltheaSession", "one")
    assert world.get("Secret", "door") is None


def test_a_restarted_container_takes_its_own_lease_back_at_once(world: World, operators: Operators) -> None:
    operators().start().kill()
    operators().start()
    started = time.monotonic()
    world.session("one", PLAIN)
    world.wait_for("StatefulSet", "one", lambda _: True)
    assert time.monotonic() - started < 10, "waited for the old lease to run out"


def test_only_the_leader_acts_and_another_takes_over_when_it_ends(world: World, operators: Operators) -> None:
    first, second = operators(POD_NAME="first").start(), operators(POD_NAME="second").start()
    world.wait_for("Lease", "d2dc1fe0.amalthea.dev", lambda lease: lease["spec"]["holderIdentity"] == "first")
    world.run("one", PLAIN)
    assert "amalthea_leading 1.0" in first.metrics()
    assert "amalthea_leading 0.0" in second.metrics()
    assert 'verb="create"' not in second.metrics()
    assert first.terminate() == 0
    world.session("two", PLAIN)
    world.wait_for("StatefulSet", "two", lambda _: True, within=8)
    assert "amalthea_leading 1.0" in second.metrics()


@pytest.fixture
def own_control_plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """An API server that the test may restart."""
    with ControlPlane(tmp_path / "control-plane", Settings(controller_manager=True)) as started:
        install_crd(started)
        yield started


def test_an_api_server_that_restarts_in_mid_flight_loses_no_session(
    own_control_plane: ControlPlane, tmp_path: Path
) -> None:
    world = World(own_control_plane.api, "default")
    operator = OperatorProcess(own_control_plane.kubeconfig, tmp_path, "default").start()
    try:
        world.run("before", PLAIN)
        for name in SESSIONS:
            world.session(name, PLAIN)
        own_control_plane.restart_api_server(down_for=1.0)
        world.session("after", PLAIN)
        for name in (*SESSIONS, "after"):
            world.make_pod_ready(name, within=40)  # watches are tried again after 25 s at most
            world.wait_for_state(name, "Running", within=40)
        assert world.wait_for_state("before", "Running")["status"]["runID"]
        assert len(world.all("StatefulSet")) == len(SESSIONS) + 2
    finally:
        operator.kill()

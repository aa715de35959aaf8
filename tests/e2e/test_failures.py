"""What goes wrong with real pods: the session says so in a sentence, says it once, and recovers by itself if it can."""

import time

import pytest

from tests.e2e.specs import READY_IN_HALF_A_MINUTE, STARTS, environment, opened_at
from tests.support.world import Object, World

RETRIED = 90.0
"""Seconds within which the kubelet tries again what has failed some times."""


def error_of(session: Object) -> str:
    return str(session.get("status", {}).get("error", ""))


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("localhost:9/nobody/nothing:1", "its image cannot be pulled"),
        ("Not a name", "the name of its image is not valid"),
    ],
)
def test_a_bad_image_fails_with_a_sentence_that_names_it(image: str, told: str, world: World, name: str) -> None:
    world.session(name, opened_at(name, image=image))
    failed = world.wait_for_state(name, "Failed", STARTS)
    assert told in error_of(failed)
    assert image in error_of(failed)
    assert failed["status"]["failingSince"]
    world.patch_spec(name, session={"image": "docker.io/amalthea/probe:dev"})
    running = world.wait_for_state(name, "Running", RETRIED)
    assert "failingSince" not in running["status"]
    assert error_of(running) == ""


def test_a_crash_tells_its_exit_code_and_a_crash_loop_stays_failed(world: World, name: str) -> None:
    crashing = environment(PROBE_RUN_SECONDS="1", PROBE_EXIT_CODE="3")
    world.session(name, opened_at(name, env=crashing, readinessProbe=READY_IN_HALF_A_MINUTE))
    failed = world.wait_for_state(name, "Failed", STARTS)
    assert "exit code 3" in error_of(failed)
    deadline = time.monotonic() + RETRIED
    told = set()
    while restarts(world, name) < 2:
        session = world.wait_for("AmaltheaSession", name, lambda _: True)
        assert session["status"]["state"] == "Failed", error_of(session)
        assert session["status"]["failingSince"] == failed["status"]["failingSince"]
        told.add(error_of(session))
        assert time.monotonic() < deadline, "no crash loop came about"
    assert all("exit code 3" in error for error in told), told


def restarts(world: World, name: str) -> int:
    pod = world.wait_for("Pod", f"{name}-0", lambda _: True)
    count: int = pod["status"]["containerStatuses"][0]["restartCount"]
    return count


def test_a_session_that_lacks_a_secret_is_starting_with_a_warning_and_then_runs(world: World, name: str) -> None:
    missing = {"name": f"{name}-password", "key": "password"}
    env = [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": missing}}]
    world.session(name, opened_at(name, env=env))
    starting = world.wait_for("AmaltheaSession", name, lambda s: f"{name}-password" in error_of(s), STARTS)
    assert starting["status"]["state"] == "NotReady"
    world.secret(f"{name}-password", password="of no importance")
    running = world.wait_for_state(name, "Running", RETRIED)
    assert error_of(running) == ""


def test_a_session_that_lacks_a_volume_is_starting_and_then_runs(world: World, name: str) -> None:
    volume = {"name": "later", "secret": {"secretName": f"{name}-later"}}
    mount = {"name": "later", "mountPath": "/later"}
    world.session(name, {**opened_at(name, extraVolumeMounts=[mount]), "extraVolumes": [volume]})
    world.wait_for("Pod", f"{name}-0", lambda pod: pod["status"].get("containerStatuses"), STARTS)
    starting = world.wait_for("AmaltheaSession", name, lambda _: True)
    assert starting["status"]["state"] == "NotReady"
    world.secret(f"{name}-later", file="here")
    world.wait_for_state(name, "Running", RETRIED)

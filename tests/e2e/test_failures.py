"""Troubles of real pods: the session reports them in a sentence, once, and recovers by itself if it can."""

import time
from collections.abc import Iterator

import pytest

from tests.e2e.specs import STARTS, opened_at
from tests.support.world import Object, World, condition

RETRIED = 90.0
"""Seconds within which the kubelet tries again what has failed some times."""


TOLD_BY_EVENTS = 60.0
"""Seconds within which Events explain what no status does."""
MOUNTED_AGAIN = 150.0
"""Seconds within which the kubelet tries again to mount what was not there: it waits for two minutes at most."""
DISK_IS_MEASURED = 150.0
"""Seconds within which the kubelet finds that a pod uses too much of its disk: it measures each minute."""


def python(*statements: str) -> list[str]:
    """Return a command that does what is said in Python, and waits."""
    return ["python3", "-c", "; ".join(("import time", *statements, "time.sleep(600)"))]


def told(session: Object) -> str:
    """Return the code of what is wrong."""
    healthy = condition(session, "Healthy")
    return healthy["reason"] if healthy is not None else ""


def error_of(session: Object) -> str:
    return str(session.get("status", {}).get("error", ""))


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("localhost:9/nobody/nothing:1", "the registry of its image does not answer"),
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
    world.session(name, opened_at(name, command=python("time.sleep(1)", "exit(3)")))
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
    starting = world.wait_for("AmaltheaSession", name, lambda s: told(s) == "DependencyMissing", TOLD_BY_EVENTS)
    assert starting["status"]["state"] == "NotReady"
    assert f"{name}-later" in error_of(starting)
    world.secret(f"{name}-later", file="here")
    running = world.wait_for_state(name, "Running", MOUNTED_AGAIN)
    assert error_of(running) == ""


def test_a_session_that_needs_more_memory_than_it_has_is_told_its_limit(world: World, name: str) -> None:
    greedy = python("hog = bytearray(10**9)")
    resources = {"limits": {"memory": "64Mi"}}
    world.session(name, opened_at(name, command=greedy, resources=resources))
    failed = world.wait_for_state(name, "Failed", STARTS)
    assert told(failed) == "OutOfMemory"
    assert "more memory than its limit of 64Mi" in error_of(failed)


def test_a_program_that_is_none_is_told_as_such(world: World, name: str) -> None:
    writes = python("import os", "open('/work/nonsense', 'wb').write(b'nonsense')", "os.chmod('/work/nonsense', 493)")
    writer = {
        "name": "writer",
        "image": "docker.io/amalthea/probe:dev",
        "imagePullPolicy": "IfNotPresent",
        "command": [*writes[:2], writes[2].partition("; time.sleep")[0]],
        "volumeMounts": [{"name": "amalthea-volume", "mountPath": "/work"}],
    }
    spec = opened_at(name, command=["/work/nonsense"])
    world.session(name, {**spec, "initContainers": [writer]})
    failed = world.wait_for_state(name, "Failed", STARTS)
    assert told(failed) in ("ImageUnsuitable", "Crashed")


def test_a_session_that_no_node_can_take_is_starting_and_is_told_what_is_short(world: World, name: str) -> None:
    world.session(name, opened_at(name, resources={"requests": {"memory": "1000Gi"}}))
    starting = world.wait_for("AmaltheaSession", name, lambda s: told(s) == "Unschedulable", STARTS)
    assert starting["status"]["state"] == "NotReady"
    assert starting["status"]["failedSchedulingSince"]
    assert "too little memory is free" in error_of(starting)


@pytest.fixture
def quota(world: World, name: str) -> Iterator[str]:
    """A quota that leaves no room for pods that ask for local disk, and so concerns no other test."""
    limit = {"requests.ephemeral-storage": "1Gi"}
    world.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}, "spec": {"hard": limit}})
    world.wait_for("ResourceQuota", name, lambda quota: quota.get("status", {}).get("hard"))
    yield name
    world.delete("ResourceQuota", name)


def test_a_quota_that_refuses_the_pod_is_told_with_its_name_and_figures(world: World, name: str, quota: str) -> None:
    world.session(name, opened_at(name, resources={"requests": {"ephemeral-storage": "2Gi"}}))
    failed = world.wait_for_state(name, "Failed", TOLD_BY_EVENTS)
    assert told(failed) == "QuotaExceeded"
    assert f'the quota "{quota}"' in error_of(failed)
    assert "asks for requests.ephemeral-storage 2Gi; 0 of 1Gi" in error_of(failed)
    world.delete("ResourceQuota", quota)
    world.patch_spec(name, session={"resources": {"requests": {"ephemeral-storage": "1Mi"}}})
    running = world.wait_for_state(name, "Running", RETRIED)
    assert error_of(running) == ""


def test_a_volume_of_no_class_is_told_while_the_session_waits_for_it(world: World, name: str) -> None:
    storage = {"size": "10Mi", "mountPath": "/work", "className": "no-such-class"}
    world.session(name, opened_at(name, storage=storage))
    starting = world.wait_for("AmaltheaSession", name, lambda s: told(s) == "VolumePending", TOLD_BY_EVENTS)
    assert starting["status"]["state"] == "NotReady"
    assert "no-such-class" in error_of(starting)


def test_a_session_that_fills_its_nodes_disk_is_told_where_to_write(world: World, name: str) -> None:
    fills = python("open('/scratch/much', 'wb').write(bytes(5 << 20))")
    mount = {"name": "scratch", "mountPath": "/scratch"}
    volume = {"name": "scratch", "emptyDir": {"sizeLimit": "1Mi"}}
    spec = opened_at(name, command=fills, extraVolumeMounts=[mount])
    world.session(name, {**spec, "extraVolumes": [volume]})
    failed = world.wait_for_state(name, "Failed", DISK_IS_MEASURED)
    assert told(failed) == "DiskFull"
    assert "keep files on the session's volume" in error_of(failed)

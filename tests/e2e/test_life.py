"""A session's life on real pods: it runs, pauses, comes back with its files, and survives what happens to others."""

from collections.abc import Callable

from lab.cluster.admin import Admin
from tests.e2e.operator_pod import Installation
from tests.e2e.pages import page_of
from tests.e2e.specs import STARTS, opened_at
from tests.support.world import Object, World, condition

LEASE_AND_START = 75.0
"""Seconds within which a new pod of the operator takes over from a dead one, and sessions then run."""


def is_another(former: Object | None) -> Callable[[Object], bool]:
    """Return a check for an object that is not the former one."""
    assert former is not None
    return lambda found: found["metadata"]["uid"] != former["metadata"]["uid"]


def is_stopping(session: Object) -> bool:
    return (condition(session, "Ready") or {}).get("reason") == "Stopping"


def test_a_session_runs_within_seconds_and_answers_at_its_url(world: World, name: str, cluster: Admin) -> None:
    world.session(name, opened_at(name))
    running = world.wait_for_state(name, "Running", STARTS)
    assert running["status"]["url"] == f"http://{name}.localhost/"
    answer = page_of(running, cluster.http_port).wait_for(lambda answer: answer.is_success)
    assert f"{name}-0".encode() in answer.body


def test_files_outlive_a_pause_and_the_address_does_not(world: World, name: str, cluster: Admin) -> None:
    world.session(name, opened_at(name))
    first = world.wait_for_state(name, "Running", STARTS)
    page = page_of(first, cluster.http_port)
    page.write("thesis.txt", b"chapter one")
    world.patch_spec(name, hibernated=True)
    world.wait_for_state(name, "Hibernated", STARTS)
    assert world.get("Ingress", name) is None
    page.wait_for(lambda answer: answer.status == 404)
    world.patch_spec(name, hibernated=False)
    second = world.wait_for_state(name, "Running", STARTS)
    assert second["status"]["runID"] > first["status"]["runID"]
    assert page.read("thesis.txt") == b"chapter one"


def test_hibernated_is_told_only_when_the_pod_is_really_gone(world: World, name: str) -> None:
    slow_to_stop = ["/bin/sh", "-c", "trap 'sleep 4; exit 1' TERM; probe & wait"]
    world.session(name, opened_at(name, command=slow_to_stop))
    world.wait_for_state(name, "Running", STARTS)
    world.patch_spec(name, hibernated=True)
    stopping = world.wait_for("AmaltheaSession", name, is_stopping)
    pod = world.get("Pod", f"{name}-0")
    assert pod is not None
    assert stopping["status"]["state"] == "NotReady"
    hibernated = world.wait_for_state(name, "Hibernated", STARTS)
    assert world.get("Pod", f"{name}-0") is None
    assert "error" not in hibernated["status"], "the exit code of a pod that was told to stop is no failure"


def test_a_deleted_session_takes_everything_along(world: World, name: str) -> None:
    world.session(name, opened_at(name))
    world.wait_for_state(name, "Running", STARTS)
    owned = {f"{kind}/{name}" for kind in ("StatefulSet", "Service", "Ingress", "PersistentVolumeClaim")}
    assert owned | {f"Pod/{name}-0", f"Secret/{name}---internal"} <= set(world.belongings_of(name))
    world.delete("AmaltheaSession", name)
    world.wait_until_nothing_is_left(name, STARTS)


def test_deleted_children_come_back_within_seconds_and_the_pod_stays(world: World, name: str) -> None:
    world.session(name, opened_at(name))
    world.wait_for_state(name, "Running", STARTS)
    pod = world.get("Pod", f"{name}-0")
    children = (("Service", name), ("Ingress", name), ("Secret", f"{name}---internal"))
    former = [(kind, child, world.get(kind, child)) for kind, child in children]
    for kind, child, _ in former:
        world.delete(kind, child)
    for kind, child, old in former:
        world.wait_for(kind, child, is_another(old), within=5)
    same = world.get("Pod", f"{name}-0")
    assert same is not None
    assert not is_another(pod)(same)


def test_a_deleted_workload_comes_back_and_goes_on_with_its_files(world: World, name: str, cluster: Admin) -> None:
    world.session(name, opened_at(name))
    first = world.wait_for_state(name, "Running", STARTS)
    page = page_of(first, cluster.http_port)
    page.write("thesis.txt", b"chapter one")
    pod = world.get("Pod", f"{name}-0")
    world.delete("StatefulSet", name)
    world.wait_for("Pod", f"{name}-0", is_another(pod), STARTS)
    again = world.wait_for_state(name, "Running", STARTS)
    assert again["status"]["runID"] == first["status"]["runID"]
    assert page.read("thesis.txt") == b"chapter one"


def test_an_operator_killed_in_mid_flight_loses_nothing_and_does_nothing_twice(
    operator: Installation, world: World, names: Callable[[], str]
) -> None:
    sessions = [names() for _ in range(4)]
    for name in sessions[:3]:
        world.session(name, opened_at(name))
    operator.kill()
    world.session(sessions[3], opened_at(sessions[3]))
    for name in sessions:
        running = world.wait_for_state(name, "Running", LEASE_AND_START)
        pod = world.wait_for("Pod", f"{name}-0", lambda _: True)
        assert pod["metadata"]["annotations"]["renku.io/run_id"] == running["status"]["runID"]
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 0
        statefulset = world.wait_for("StatefulSet", name, lambda _: True)
        assert statefulset["metadata"]["generation"] == 1
    operator.wait_until_ready()

"""Batch jobs on real pods: they end once, well or badly, and can be paused before that."""

from collections.abc import Callable

from tests.e2e.specs import STARTS, job
from tests.support.world import Object, World, as_written


def uid(found: Object | None) -> str:
    """Return the UID of an object that must be there."""
    assert found is not None
    return str(found["metadata"]["uid"])


def test_a_job_that_ends_well_is_succeeded_and_is_not_run_again(world: World, name: str) -> None:
    world.session(name, job())
    ended = world.wait_for_state(name, "Succeeded", STARTS)
    assert ended["status"]["url"] == "None"
    assert "error" not in ended["status"]
    world.wait_for("Job", name, lambda found: found["status"].get("succeeded") == 1)
    assert world.get("Service", name) is None
    assert world.get("Ingress", name) is None


def test_a_job_that_ends_badly_is_failed(world: World, name: str) -> None:
    world.session(name, job(exit_code=3))
    failed = world.wait_for_state(name, "Failed", STARTS)
    assert "exit code 3" in failed["status"]["error"]
    world.wait_for("Job", name, lambda found: found["status"].get("failed") == 1)
    assert world.wait_for_state(name, "Failed")["status"]["failingSince"] == failed["status"]["failingSince"]


def test_a_job_that_takes_too_long_is_failed_and_its_pod_goes(world: World, name: str) -> None:
    world.session(name, {**job(seconds=120), "culling": {"maxAge": "1h"}})
    world.wait_for_state(name, "Running", STARTS)
    (pod,) = [each.removeprefix("Pod/") for each in world.belongings_of(name) if each.startswith("Pod/")]
    world.patch_spec(name, culling={"maxAge": "8s"})
    failed = world.wait_for_state(name, "Failed", STARTS)
    assert "longer than its maxAge" in failed["status"]["error"]
    assert not failed["spec"]["hibernated"], "a job is left to its deadline"
    world.wait_until_gone("Pod", pod, STARTS)
    assert world.wait_for_state(name, "Failed", STARTS)["status"]["failingSince"] == failed["status"]["failingSince"]


def test_a_sidecar_counts_while_it_runs_and_does_not_keep_the_job_from_its_end(world: World, name: str) -> None:
    """The git proxy of a job is such an init container: it runs beside the job, and is stopped after it."""
    sidecar = {
        "name": "beside",
        "image": "docker.io/amalthea/probe:dev",
        "imagePullPolicy": "IfNotPresent",
        "restartPolicy": "Always",
        "command": ["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 600 & wait"],
    }
    world.session(name, {**job(seconds=5), "initContainers": [sidecar]})
    running = world.wait_for_state(name, "Running", STARTS)
    assert running["status"]["initContainerCounts"] == {"ready": 1, "total": 1}
    assert running["status"]["containerCounts"] == {"ready": 1, "total": 1}
    ended = world.wait_for_state(name, "Succeeded", STARTS)
    assert "error" not in ended["status"]


def test_nothing_is_written_of_a_job_that_has_ended(world: World, names: Callable[[], str]) -> None:
    first, second = names(), names()
    world.session(first, job())
    world.wait_for_state(first, "Succeeded", STARTS)
    world.wait_for("Job", first, lambda found: found["status"].get("completionTime"))
    world.session(second, job(seconds=3))
    world.wait_for_state(second, "Running", STARTS)
    ended = [world.get("AmaltheaSession", first), as_written(world.get("Job", first))]
    world.wait_for_state(second, "Succeeded", STARTS)
    assert [world.get("AmaltheaSession", first), as_written(world.get("Job", first))] == ended


def test_a_paused_job_lets_its_pod_go_and_starts_anew_when_it_is_resumed(world: World, name: str) -> None:
    world.session(name, job(seconds=6))
    first = world.wait_for_state(name, "Running", STARTS)
    former, volume = world.get("Job", name), world.get("PersistentVolumeClaim", name)
    world.patch_spec(name, hibernated=True)
    world.wait_for_state(name, "Hibernated", STARTS)
    assert not [each for each in world.belongings_of(name) if each.startswith("Pod/")]
    world.patch_spec(name, hibernated=False)
    ended = world.wait_for_state(name, "Succeeded", STARTS)
    assert ended["status"]["runID"] > first["status"]["runID"]
    assert uid(world.get("Job", name)) != uid(former)
    assert uid(world.get("PersistentVolumeClaim", name)) == uid(volume)
    world.delete("AmaltheaSession", name)
    world.wait_until_nothing_is_left(name, STARTS)

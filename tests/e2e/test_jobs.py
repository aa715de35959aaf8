"""Batch jobs on real pods: they end once, well or badly, and can be paused before that."""

from tests.e2e.specs import STARTS, job
from tests.support.world import World


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


def test_a_paused_job_lets_its_pod_go_and_starts_anew_when_it_is_resumed(world: World, name: str) -> None:
    world.session(name, job(seconds=6))
    first = world.wait_for_state(name, "Running", STARTS)
    world.patch_spec(name, hibernated=True)
    world.wait_for_state(name, "Hibernated", STARTS)
    assert not [each for each in world.belongings_of(name) if each.startswith("Pod/")]
    world.patch_spec(name, hibernated=False)
    ended = world.wait_for_state(name, "Succeeded", STARTS)
    assert ended["status"]["runID"] > first["status"]["runID"]
    world.delete("AmaltheaSession", name)
    world.wait_until_nothing_is_left(name, STARTS)

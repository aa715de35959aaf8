"""A resumed session must have what waited for it, a run of its own, and never the template of before for a moment."""

from collections.abc import Callable

import pytest

from amalthea.api import names
from amalthea.testing.builders import session
from tests.unit.children.world import World, kinds, pending, running

STRATEGIES = ("always", "whenFailedOrHibernated", "never")
NEW_IMAGE = "example.org/lab:2"


def awake(strategy: str) -> World:
    """Return a session that runs."""
    return running(session().with_token().with_spec(reconcileStrategy=strategy))


def asleep(strategy: str = "always") -> World:
    """Return a session that was paused."""
    world = awake(strategy)
    world.builder = world.builder.with_spec(hibernated=True)
    world.settle()
    world.stop_pod()
    world.settle()
    return world


def upgrade(world: World) -> None:
    world.builder = world.builder.with_settings(sidecars_image="renku/sidecars:2")


def edit(world: World) -> None:
    world.edit("StatefulSet", [{"op": "add", "path": "/spec/template/spec/shareProcessNamespace", "value": True}])


def change(world: World) -> None:
    world.builder = world.builder.with_session(image=NEW_IMAGE)


def image(world: World) -> str:
    found: str = world.template["spec"]["containers"][0]["image"]
    return found


WAITED = {"an upgrade": upgrade, "an edit": edit, "a change": change}


@pytest.mark.parametrize("act", WAITED.values(), ids=WAITED)
@pytest.mark.parametrize("strategy", ["always", "whenFailedOrHibernated"])
def test_a_change_that_waited_is_there_at_the_next_start(strategy: str, act: Callable[[World], None]) -> None:
    world = asleep(strategy)
    act(world)
    world.settle()
    fresh = World(world.builder.with_spec(hibernated=False))
    fresh.settle()

    world.builder = world.builder.with_spec(hibernated=False)
    world.settle()

    run = {names.ANNOTATION_RUN_ID: ""}
    assert world.workload["spec"]["replicas"] == 1
    assert world.template["spec"] == fresh.template["spec"]
    assert world.template["metadata"]["annotations"] | run == fresh.template["metadata"]["annotations"] | run
    assert pending(world) is None


def test_a_resume_and_a_new_template_in_one_patch_are_written_in_one() -> None:
    world = asleep()
    world.builder = world.builder.with_spec(hibernated=False).with_session(image=NEW_IMAGE)

    changes = world.step()

    assert [kind for kind in kinds(changes) if kind[1] == "StatefulSet"] == [("patch", "StatefulSet")]
    assert (image(world), world.workload["spec"]["replicas"]) == (NEW_IMAGE, 1)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_start_is_a_run_of_its_own_and_pod_and_status_know_it(strategy: str) -> None:
    world = awake(strategy)
    first = world.status["runID"]
    world.builder = world.builder.with_spec(hibernated=True)
    world.settle()
    assert "runID" not in world.status
    world.stop_pod()
    world.builder = world.builder.with_spec(hibernated=False)
    world.settle()

    second = world.status["runID"]
    assert second != first
    assert world.workload["metadata"]["annotations"][names.ANNOTATION_RUN_ID] == second
    assert world.template["metadata"]["annotations"][names.ANNOTATION_RUN_ID] == second


def test_a_strategy_of_never_pauses_and_resumes_and_changes_nothing_else() -> None:
    world = asleep("never")
    before = world.template["spec"]
    world.builder = world.builder.with_session(image=NEW_IMAGE)
    world.builder = world.builder.with_spec(hibernated=False)
    world.settle()

    assert world.workload["spec"]["replicas"] == 1
    assert world.template["spec"] == before

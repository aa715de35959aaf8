"""A session must restart for its user's change only; and that change must not get lost, whatever else changed."""

from collections.abc import Callable

import pytest

from amalthea.children.changes import applied
from amalthea.testing.builders import SessionBuilder, session
from amalthea.testing.observations import container, terminated, unscheduled_pod, waiting
from tests.unit.children.world import World, kinds, pending, running, touches_template

GPU = {"tolerations": [{"key": "gpu", "operator": "Exists"}]}
SHELL = [{"op": "add", "path": "/spec/template/spec/shareProcessNamespace", "value": True}]
STRATEGIES = ("always", "whenFailedOrHibernated", "never")


def awake(strategy: str = "always", builder: SessionBuilder | None = None) -> World:
    """Return a session that runs."""
    return running((builder or session().with_token()).with_spec(reconcileStrategy=strategy))


def upgrade(world: World) -> None:
    """Let a newer operator render the pod otherwise."""
    world.builder = world.builder.with_settings(sidecars_image="renku/sidecars:2")


def change(world: World, **session_fields: object) -> None:
    """Let the user change the session's container."""
    world.builder = world.builder.with_session(**session_fields)


def edit(world: World) -> None:
    """Let somebody change the StatefulSet by hand."""
    world.edit("StatefulSet", SHELL)


def place(world: World) -> None:
    """Let the user change where the pod runs."""
    world.builder = world.builder.with_spec(**GPU)


def fill_in(world: World) -> None:
    """Let a newer CRD fill in what it has defaults for."""
    change(world, imagePullPolicy="Always", readinessProbe={"type": "tcp"}, runAsUser=1000)


def cull(world: World) -> None:
    """Let the user change something that the pod knows nothing of."""
    world.builder = world.builder.with_spec(culling={"lastInteraction": "2026-11-22T13:00:00Z"})


def image(world: World) -> str:
    found: str = world.template["spec"]["containers"][0]["image"]
    return found


NO_REASON_TO_RESTART: dict[str, tuple[tuple[Callable[[World], None], ...], str | None]] = {
    "a newer operator": ((upgrade,), "OperatorChanged"),
    "an edit by hand": ((edit,), "Edited"),
    "a change that the pod knows nothing of": ((cull,), None),
    "a change that the pod knows nothing of, after an upgrade": ((upgrade, cull), "OperatorChanged"),
    "a newer CRD": ((fill_in,), None),
    "a newer operator, then its CRD": ((upgrade, fill_in), "OperatorChanged"),
    "a newer CRD, then its operator": ((fill_in, upgrade), "OperatorChanged"),
    "a change of where it runs": ((place,), "SpecChanged"),
    "a change of where it runs, after an upgrade": ((upgrade, place), "SpecChanged"),
    "a change of where it runs, after an edit": ((edit, place), "SpecChanged"),
}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("acts", "reason"), NO_REASON_TO_RESTART.values(), ids=NO_REASON_TO_RESTART)
def test_a_running_session_does_not_restart_without_its_users_change(
    strategy: str, acts: tuple[Callable[[World], None], ...], reason: str | None
) -> None:
    world = awake(strategy)
    for act in acts:
        act(world)
        assert not touches_template(world.step())
    world.settle()

    kept_for_good = strategy == "never" and reason in ("OperatorChanged", "Edited")
    assert pending(world) == (None if kept_for_good else reason)


def test_a_users_change_reaches_a_running_session_under_always() -> None:
    world = awake("always")
    change(world, image="example.org/lab:2")

    assert kinds(world.step()) == [("patch", "StatefulSet")]
    assert image(world) == "example.org/lab:2"
    assert pending(world) is None
    assert world.step().writes == ()


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("strategy", ["always", "whenFailedOrHibernated", "never"])
def test_another_form_of_the_door_waits_for_the_next_start(strategy: str, native: bool) -> None:
    """The cluster was upgraded, the setting was changed, or the session is of a release before native sidecars."""
    world = running(
        session().with_token().with_spec(reconcileStrategy=strategy).with_settings(native_sidecars=not native)
    )
    template = world.template
    world.builder = world.builder.with_settings(native_sidecars=native)
    world.settle()
    assert world.template == template
    assert pending(world) == (None if strategy == "never" else "OperatorChanged")

    world.builder = world.builder.with_spec(hibernated=True)
    world.settle()
    world.stop_pod()
    world.builder = world.builder.with_spec(hibernated=False)
    world.settle()
    assert ("initContainers" in world.template["spec"]) == (native if strategy != "never" else not native)


def test_a_users_change_after_an_upgrade_brings_the_upgrade_too() -> None:
    world = awake("always")
    upgrade(world)
    world.settle()
    change(world, image="example.org/lab:2")
    world.settle()

    assert image(world) == "example.org/lab:2"
    assert world.template["spec"]["initContainers"][0]["image"] == "renku/sidecars:2"
    assert pending(world) is None


def test_an_upgrade_is_not_taken_for_the_users_change_that_came_before_it_and_had_no_effect() -> None:
    """A variable that is overruled by the next one of its name is a change of the raw spec, and changes no pod."""
    world = awake("always", session().with_token().with_env(("A", "1")))
    change(world, env=[{"name": "A", "value": "0"}, {"name": "A", "value": "1"}])
    assert not touches_template(world.step())
    upgrade(world)

    assert not touches_template(world.step())
    assert pending(world) == "OperatorChanged"


@pytest.mark.parametrize("strategy", ["whenFailedOrHibernated", "never"])
def test_a_users_change_waits_where_the_strategy_says_so(strategy: str) -> None:
    world = awake(strategy)
    change(world, image="example.org/lab:2")

    assert not touches_template(world.step())
    assert pending(world) == "SpecChanged"
    change(world, image="example.org/lab:1")
    world.settle()
    assert pending(world) is None


def test_it_is_said_that_a_strategy_of_never_lets_no_change_through() -> None:
    world = awake("never")
    change(world, image="example.org/lab:2")
    world.settle()

    (message,) = [c["message"] for c in world.status["conditions"] if c["type"] == "UpdatePending"]
    assert "reconcileStrategy is never" in message


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_workload_that_somebody_scaled_up_gets_its_one_pod_back(strategy: str) -> None:
    """Two pods would share a volume. Who scales it down is let (test_held_down.py)."""
    world = awake(strategy)
    world.edit("StatefulSet", [{"op": "replace", "path": "/spec/replicas", "value": 3}])
    world.settle()

    assert world.workload["spec"]["replicas"] == 1


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_placement_of_a_pod_changes_at_once_while_it_waits_for_a_node(strategy: str) -> None:
    world = World(session().with_token().with_spec(reconcileStrategy=strategy, nodeSelector={"gpu": "no"}))
    world.settle()
    world.start_pod()
    owner = world.pods[0]["metadata"]
    world.pods = [{**unscheduled_pod("no room"), "metadata": owner}]
    world.settle()
    world.builder = world.builder.with_spec(**GPU, nodeSelector=None)

    assert kinds(world.step()) == [("patch", "StatefulSet")]
    assert world.template["spec"]["tolerations"] == GPU["tolerations"]
    assert "nodeSelector" not in world.template["spec"]
    assert world.step().writes == ()
    assert pending(world) is None


@pytest.mark.parametrize("strategy", ["always", "whenFailedOrHibernated"])
def test_a_failed_session_is_mended_by_its_users_change(strategy: str) -> None:
    world = awake(strategy)
    world.start_pod(container(state=waiting("ImagePullBackOff", "not found")))
    world.settle()
    assert world.status["state"] == "Failed"
    change(world, image="example.org/lab:2")
    world.settle()

    assert image(world) == "example.org/lab:2"


def test_a_failed_session_is_not_written_again_and_again() -> None:
    world = awake()
    world.start_pod(container(state=terminated(1)))

    world.settle()
    assert world.step().writes == ()


def test_a_change_of_the_schemes_version_restarts_nobody_and_loses_no_later_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labelled = session().with_token().with_spec(template={"metadata": {"labels": {"mine": "1"}}})
    world = awake("always", labelled)
    assert world.workload["metadata"]["labels"]["mine"] == "1"
    monkeypatch.setattr(applied, "SCHEME", applied.SCHEME + 1)
    monkeypatch.setattr(applied, "digest", lambda data: f"new-{hash(repr(data))}")

    assert not touches_template(world.step())
    world.settle()
    assert pending(world) == "OperatorChanged"
    change(world, image="example.org/lab:2")
    world.builder = world.builder.with_spec(template=None)
    world.settle()
    assert image(world) == "example.org/lab:2"
    assert "mine" not in world.workload["metadata"]["labels"]

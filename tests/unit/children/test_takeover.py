"""The Go operator's live sessions must not notice that another operator took them over."""

from typing import Any

import pytest

from amalthea.api import names
from amalthea.testing.builders import session
from tests import recorded
from tests.unit.children.world import World, kinds, pending, running, touches_template

AWAKE = [name for name in recorded.NAMES if name not in ("asleep", "job")]
INTERACTIVE = [name for name in recorded.NAMES if name != "job"]


def uids(world: World) -> dict[tuple[str, str], str]:
    return {key: body["metadata"]["uid"] for key, body in world.objects.items()}


@pytest.mark.parametrize("name", recorded.NAMES)
def test_taking_over_makes_deletes_and_restarts_nothing(name: str) -> None:
    world = World.recorded(name)
    before, template = uids(world), world.template
    conditions = world.status["conditions"]

    changes = world.step()

    assert {what for what, _ in kinds(changes)} <= {"patch"}
    assert not touches_template(changes)
    assert world.step().writes == ()
    assert (uids(world), world.template) == (before, template)
    routing = next(each for each in world.status["conditions"] if each["type"] == "RoutingReady")
    former = next(each for each in conditions if each["type"] == "RoutingReady")
    assert routing["lastTransitionTime"] == former["lastTransitionTime"]


def test_the_workload_of_a_paused_session_is_not_even_marked() -> None:
    """Its next start writes it whole; hundreds of paused sessions must not cost hundreds of writes before."""
    world = World.recorded("asleep")

    assert "StatefulSet" not in {kind for _, kind in kinds(world.step())}


@pytest.mark.parametrize("name", recorded.NAMES)
def test_the_fields_that_clients_read_stay_as_they_were(name: str) -> None:
    world = World.recorded(name)
    before = world.status
    world.settle()

    for field in ("state", "url", "runID", "hibernatedSince", "idleSince"):
        assert world.status.get(field) == before.get(field), field


@pytest.mark.parametrize("strategy", ["always", "whenFailedOrHibernated"])
@pytest.mark.parametrize("name", AWAKE)
def test_the_first_change_of_a_user_after_the_take_over_is_known_as_one(name: str, strategy: str) -> None:
    world = World.recorded(name)
    world.builder = world.builder.with_spec(reconcileStrategy=strategy)
    world.settle()
    assert pending(world) == "OperatorChanged"

    world.builder = world.builder.with_session(env=[{"name": "NEW", "value": "1"}])
    world.settle()

    assert pending(world) == (None if strategy == "always" else "SpecChanged")


FILLED_IN = {"imagePullPolicy": "Always", "readinessProbe": {"type": "tcp"}, "stripURLPath": False, "urlPath": "/"}


@pytest.mark.parametrize("name", ["minimal", "token", "oauth", "oidc"])
def test_a_crd_that_comes_after_the_take_over_and_fills_in_defaults_restarts_nobody(name: str) -> None:
    """Every session that was taken over would be rendered otherwise today: nothing else keeps it from a restart."""
    world = World.recorded(name)
    newer = {field: value for field, value in FILLED_IN.items() if world.builder.raw["session"].get(field) == value}
    world.builder = world.builder.with_spec(reconcileStrategy="always").with_session(**dict.fromkeys(newer))
    world.settle()
    world.builder = world.builder.with_session(**newer)

    assert newer
    assert not touches_template(world.step())
    assert pending(world) == "OperatorChanged"


def back_and_forth(world: World, image: str) -> None:
    """Let the Go operator roll out another image, while ours is away."""
    world.builder = world.builder.with_session(image=image)
    containers = world.template["spec"]["containers"]
    theirs = [{**containers[0], "image": image}, *({**each, "securityContext": {}} for each in containers[1:])]
    world.edit("StatefulSet", [{"op": "replace", "path": "/spec/template/spec/containers", "value": theirs}])
    world.written = {}


@pytest.mark.parametrize("strategy", ["always", "whenFailedOrHibernated", "never"])
def test_a_change_that_the_go_operator_rolled_out_in_between_is_not_rolled_out_again(strategy: str) -> None:
    world = running(session().with_token().with_spec(reconcileStrategy=strategy))
    back_and_forth(world, "example.org/lab:2")
    template = world.template
    changes = world.step()
    assert not touches_template(changes)
    assert world.step().writes == ()
    assert world.template == template

    world.builder = world.builder.with_session(image="example.org/lab:3")
    world.settle()

    assert pending(world) == (None if strategy == "always" else "SpecChanged")
    assert (world.template["spec"]["containers"][0]["image"] == "example.org/lab:3") == (strategy == "always")


def test_our_own_pause_and_a_users_scaling_are_not_taken_for_another_operators() -> None:
    world = running(session().with_token().with_spec(reconcileStrategy="always"))
    for replicas in (3, 0):
        world.edit("StatefulSet", [{"op": "replace", "path": "/spec/replicas", "value": replicas}])
        world.settle()
    world.builder = world.builder.with_spec(hibernated=True)
    world.settle()
    world.builder = world.builder.with_spec(hibernated=False)
    world.settle()
    world.written = {}
    world.builder = world.builder.with_session(image="example.org/lab:2")
    world.settle()

    assert world.template["spec"]["containers"][0]["image"] == "example.org/lab:2"


@pytest.mark.parametrize("strategy", ["always", "whenFailedOrHibernated", "never"])
@pytest.mark.parametrize("name", AWAKE)
def test_a_session_that_was_taken_over_can_be_paused_and_resumed(name: str, strategy: str) -> None:
    world = World.recorded(name)
    world.builder = world.builder.with_spec(reconcileStrategy=strategy)
    world.settle()
    former_run = world.status["runID"]
    world.builder = world.builder.with_spec(hibernated=True)
    world.settle()
    world.stop_pod()
    world.settle()
    assert world.status["state"] == "Hibernated"

    world.builder = world.builder.with_spec(hibernated=False)
    world.settle()

    assert world.workload["spec"]["replicas"] == 1
    assert world.status["runID"] not in (None, former_run)
    assert world.template["metadata"]["annotations"][names.ANNOTATION_RUN_ID] == world.status["runID"]


def as_an_older_release(world: World, **metadata: Any) -> None:  # noqa: ANN401
    """Take away what older releases did not write."""
    workload = world.workload
    workload["metadata"] = {**{k: v for k, v in workload["metadata"].items() if k != "annotations"}, **metadata}
    template = {k: v for k, v in world.template["metadata"].items() if k != "annotations"}
    workload["spec"] = {**workload["spec"], "template": {**world.template, "metadata": template}}
    world.status = {key: value for key, value in world.status.items() if key != "runID"}
    world.builder = world.builder.with_spec(location=None, sessionType=None, template=None)
    world.objects.pop(("Secret", names.internal_secret(world.builder.name)), None)


@pytest.mark.parametrize("strategy", ["always", "whenFailedOrHibernated", "never"])
def test_a_session_of_an_older_release_without_annotations_can_be_paused_and_resumed(strategy: str) -> None:
    world = World.recorded("minimal")
    as_an_older_release(world)
    world.builder = world.builder.with_spec(reconcileStrategy=strategy)
    changes = world.step()
    assert not touches_template(changes)
    assert ("create", "Secret") in kinds(changes)
    assert (world.status["state"], world.status.get("runID")) == ("Running", None)

    world.builder = world.builder.with_spec(hibernated=True)
    world.settle()
    world.stop_pod()
    world.builder = world.builder.with_spec(hibernated=False)
    world.settle()

    run = world.status["runID"]
    assert world.workload["metadata"]["annotations"][names.ANNOTATION_RUN_ID] == run
    assert world.template["metadata"]["annotations"][names.ANNOTATION_RUN_ID] == run
    assert names.ANNOTATION_APPLIED in world.workload["metadata"]["annotations"]


def test_a_workload_of_an_older_release_that_sleeps_under_never_keeps_both_marks_when_it_is_resumed() -> None:
    world = World.recorded("asleep")
    as_an_older_release(world)
    world.builder = world.builder.with_spec(reconcileStrategy="never", hibernated=False)
    world.settle()

    assert set(world.workload["metadata"]["annotations"]) >= {names.ANNOTATION_RUN_ID, names.ANNOTATION_APPLIED}


@pytest.mark.parametrize("name", INTERACTIVE)
def test_stale_keys_of_the_go_operator_are_not_fought_over(name: str) -> None:
    """Keys that it wrote and we do not are left where they are: nobody knows whose they are."""
    world = World.recorded(name)
    for body in world.objects.values():
        body["metadata"]["labels"] = {**body["metadata"]["labels"], "its.own/label": "x"}
    world.settle()

    assert all(body["metadata"]["labels"]["its.own/label"] == "x" for body in world.objects.values())

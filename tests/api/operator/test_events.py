"""Troubles that only Events report: a pod that is not accepted, by a real quota, and a node that is coming."""

from datetime import UTC, datetime, timedelta

import pytest

from amalthea.model.times import rfc3339
from tests.api.operator.conftest import Operators
from tests.api.operator.specs import JOB, PLAIN
from tests.support.processes import OperatorProcess
from tests.support.world import Object, World, condition

EXPLAINED = 45.0
"""Seconds within which a question was put: the first after fifteen, a second one soon after."""
HARD = {"hard": {"pods": "0"}}


def quota(world: World) -> None:
    """Leave no room for any pod."""
    world.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full"}, "spec": HARD})
    world.wait_for("ResourceQuota", "full", lambda found: found.get("status", {}).get("hard"))


UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}


def now() -> str:
    return rfc3339(datetime.now(UTC))


def leave_without_a_node(world: World, pod: Object, since: str) -> None:
    """Do what the scheduler does with a pod that no node can take."""
    conditions = [{**UNSCHEDULABLE, "lastTransitionTime": since}]
    world.set_pod_status(pod, {"phase": "Pending", "conditions": conditions})


def scale_up(world: World, pod: Object) -> None:
    """Report what the Cluster Autoscaler reports when it makes a node for a pod."""
    about = {name: pod["metadata"][name] for name in ("name", "namespace", "uid")}
    event = {"apiVersion": "v1", "kind": "Event", "metadata": {"generateName": f"{about['name']}."}}
    said = {"reason": "TriggeredScaleUp", "message": "pod triggered scale-up", "type": "Normal", "lastTimestamp": now()}
    world.create({**event, "involvedObject": {"kind": "Pod", **about}, **said})


def told(session: Object) -> str:
    """Return the code of what is wrong."""
    healthy = condition(session, "Healthy")
    return healthy["reason"] if healthy is not None else ""


@pytest.mark.usefixtures("operator")
def test_a_quota_that_refuses_the_pod_fails_sessions_and_jobs_with_its_name_and_figures(world: World) -> None:
    quota(world)
    world.session("one", PLAIN)
    world.session("two", JOB)
    for name in ("one", "two"):
        failed = world.wait_for_state(name, "Failed", EXPLAINED)
        assert told(failed) == "QuotaExceeded"
        assert 'the quota "full" of its namespace' in failed["status"]["error"]
        assert "It asks for pods 1; 0 of 0 are in use." in failed["status"]["error"]


@pytest.mark.usefixtures("operator")
def test_a_session_that_no_node_takes_is_failed_ten_minutes_after_the_scheduler_said_so(world: World) -> None:
    world.session("one", PLAIN)
    pod = world.wait_for("Pod", "one-0", lambda _: True)
    said_at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=9, seconds=40)
    leave_without_a_node(world, pod, rfc3339(said_at))
    world.wait_for("AmaltheaSession", "one", lambda session: told(session) == "Unschedulable")
    failed = world.wait_for_state("one", "Failed", EXPLAINED)
    assert told(failed) == "Unschedulable"
    late = datetime.fromisoformat(failed["status"]["failingSince"]) - said_at - timedelta(minutes=10)
    assert timedelta(0) <= late < timedelta(seconds=2)


@pytest.mark.usefixtures("operator")
def test_the_refusals_of_a_run_are_not_held_against_the_next(world: World) -> None:
    quota(world)
    world.session("one", PLAIN)
    world.wait_for_state("one", "Failed", EXPLAINED)
    world.patch_spec("one", hibernated=True)
    paused = world.wait_for_state("one", "Hibernated")
    assert told(paused) == ""
    assert "error" not in paused["status"]
    world.delete("ResourceQuota", "full")
    world.patch_spec("one", hibernated=False)
    world.make_pod_ready("one")
    assert told(world.wait_for_state("one", "Running")) == ""


def test_an_operator_that_was_restarted_keeps_a_session_failed_until_it_knows_more(
    operators: Operators, world: World
) -> None:
    first: OperatorProcess = operators().start()
    quota(world)
    world.session("one", PLAIN)
    failed = world.wait_for_state("one", "Failed", EXPLAINED)
    first.kill()
    operators().start()
    world.patch("AmaltheaSession", "one", metadata={"labels": {"looked": "at"}})
    world.session("two", PLAIN)
    world.wait_for("StatefulSet", "two", lambda _: True)
    again = world.wait_for_state("one", "Failed")
    assert again["status"] == failed["status"]


@pytest.mark.usefixtures("operator")
def test_that_a_node_is_coming_is_told_to_all_who_wait_for_one_and_nobody_else(world: World) -> None:
    names = [f"s-{number}" for number in range(5)]
    for name in names:
        world.session(name, PLAIN)
    pods = [world.wait_for("Pod", f"{name}-0", lambda _: True) for name in names]
    for pod in pods:
        leave_without_a_node(world, pod, now())
    for pod in pods[1:]:
        scale_up(world, pod)
    for name in names[1:]:
        world.wait_for("AmaltheaSession", name, lambda session: told(session) == "NodeComing", EXPLAINED)
    first = world.get("AmaltheaSession", names[0])
    assert first is not None
    assert told(first) == "Unschedulable"

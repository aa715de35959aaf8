"""Sessions end in time, for the reported cause, and never while somebody works or nobody knows.

The metrics API is played by a custom resource of its name: real lists by label, and measurements that a test writes.
"""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.api.operator.conftest import Operators
from tests.api.operator.ends import LATE, changed_at, measure, paused, stopped
from tests.api.operator.specs import JOB, PLAIN
from tests.support.processes import OperatorProcess
from tests.support.world import Object, World, condition


def culled(**limits: str) -> Object:
    return {**PLAIN, "culling": limits}


def test_a_session_that_is_too_old_is_paused_at_the_time_that_was_told(world: World, operator: OperatorProcess) -> None:
    world.run("one", culled(maxAge="6s"))
    promised = world.wait_for("AmaltheaSession", "one", lambda s: s["status"].get("willHibernateAt"))["status"]
    soon = world.wait_for("AmaltheaSession", "one", lambda s: condition(s, "StoppingSoon"))
    assert not soon["spec"]["hibernated"]
    session = paused(world)
    due = datetime.fromisoformat(promised["willHibernateAt"]).timestamp()
    assert due <= time.time() < due + LATE + 1  # the API server's times are whole seconds
    assert 0 <= changed_at(session, "amalthea") - due < LATE
    reason, message = stopped(world)
    assert reason == "TooOld"
    assert "because it has run for 6 seconds" in message
    session = world.wait_for_state("one", "Hibernated")
    assert "willHibernateAt" not in session["status"]
    assert condition(session, "StoppingSoon") is None
    world.wait_for_events(session, "Running", "StoppingSoon", "Hibernated", besides="Stopping")
    gauge = f'amalthea_session_will_hibernate_at{{name="one",namespace="{world.namespace}"}} 0.0'
    assert gauge in operator.metrics(), "else it would be overdue for ever"


@pytest.mark.usefixtures("operator")
def test_a_session_that_does_not_start_is_paused(world: World) -> None:
    world.session("one", culled(maxStartingDuration="2s"))
    paused(world)
    assert stopped(world)[0] == "StartingTooLong"


@pytest.mark.usefixtures("operator")
def test_a_session_that_fails_is_paused_and_frees_its_resources(world: World) -> None:
    world.session("one", culled(maxFailedDuration="1s", maxStartingDuration="1h"))
    pod = world.wait_for("Pod", "one-0", lambda _: True)
    crash = {"terminated": {"exitCode": 1, "reason": "Error"}}
    status = {
        "name": "amalthea-session",
        "image": "x",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": crash,
    }
    world.set_pod_status(pod, {"phase": "Running", "containerStatuses": [status]})
    paused(world)
    assert stopped(world)[0] == "FailedTooLong"
    world.wait_for_state("one", "Hibernated")
    assert world.get("Pod", "one-0") is None


@pytest.mark.usefixtures("operator")
def test_a_session_that_was_ready_once_is_not_starting_for_too_long(world: World) -> None:
    world.run("one", culled(maxStartingDuration="3s"))
    pod = world.wait_for("Pod", "one-0", lambda _: True)
    unready = [{**c, "status": "False"} if c["type"] == "Ready" else c for c in pod["status"]["conditions"]]
    world.set_pod_status(pod, {"conditions": unready})
    session = world.wait_for_state("one", "NotReady")
    assert "willHibernateAt" not in session["status"]
    time_is_up = datetime.fromisoformat(session["metadata"]["creationTimestamp"]).timestamp() + 3 + LATE
    world.session("clock", culled(maxAge="5s"))
    paused(world, "clock")
    assert time.time() > time_is_up
    assert not world.wait_for("AmaltheaSession", "one", lambda _: True)["spec"]["hibernated"]


@pytest.mark.usefixtures("operator")
def test_the_user_is_named_who_pauses(world: World) -> None:
    world.run("one", culled(maxAge="24h"))
    world.patch_spec("one", hibernated=True)
    reason, message = stopped(world)
    assert reason == "User"
    assert "on request by" in message
    assert "amalthea," not in message
    world.patch_spec("one", hibernated=False)
    world.make_pod_ready("one")
    assert condition(world.wait_for_state("one", "Running"), "Stopped") is None


@pytest.mark.usefixtures("operator")
def test_a_resumed_session_has_its_whole_time_again(world: World) -> None:
    world.run("one", culled(maxAge="4s"))
    paused(world)
    world.wait_for_state("one", "Hibernated")
    resumed = int(time.time())
    world.patch_spec("one", hibernated=False)
    world.make_pod_ready("one")
    session = world.wait_for_state("one", "Running")
    due = datetime.fromisoformat(session["status"]["willHibernateAt"]).timestamp()
    assert due >= resumed + 4


@pytest.mark.usefixtures("operator")
def test_a_paused_session_is_deleted_in_time_with_all_that_belongs_to_it(world: World) -> None:
    session = world.run("one", culled(maxHibernatedDuration="2s"))
    world.patch_spec("one", hibernated=True)
    world.wait_for("AmaltheaSession", "one", lambda s: condition(s, "DeletingSoon"))
    world.wait_until_nothing_is_left("one")
    world.wait_for_events(session, "Running", "Hibernated", "DeletingSoon", "Expired", besides="Stopping")


@pytest.mark.usefixtures("operator")
def test_a_job_that_has_ended_is_deleted_in_time_and_never_for_zero(world: World) -> None:
    for name, kept in (("one", "1s"), ("two", "0s")):
        world.session(name, {**JOB, "culling": {"maxHibernatedDuration": kept}})
        status = {"name": "amalthea-session", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
        ended = {"terminated": {"exitCode": 0, "reason": "Completed"}}
        world.set_pod_status(
            world.job_pod(name), {"phase": "Succeeded", "containerStatuses": [{**status, "state": ended}]}
        )
    world.wait_until_nothing_is_left("one")
    assert world.wait_for_state("two", "Succeeded")


def idle(session: Object) -> str | None:
    found = condition(session, "Idle")
    return found["status"] if found is not None else None


def warm(world: World) -> None:
    """Let a session run whose container seems to run for a minute already."""
    world.session("one", culled(maxIdleDuration="5s"))
    pod = world.make_pod_ready("one")
    long_ago = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    statuses = [{**s, "state": {"running": {"startedAt": long_ago}}} for s in pod["status"]["containerStatuses"]]
    world.set_pod_status(pod, {"containerStatuses": statuses})
    world.wait_for_state("one", "Running")


@pytest.mark.usefixtures("metrics_api")
def test_an_idle_session_is_paused_and_says_so_before_and_after(world: World, operators: Operators) -> None:
    operators(AMALTHEA_USAGE_INTERVAL="1s").start()
    warm(world)
    measure(world, "1m")
    session = world.wait_for("AmaltheaSession", "one", lambda s: idle(s) == "True")
    since = datetime.fromisoformat(session["status"]["idleSince"]).timestamp()
    due = datetime.fromisoformat(session["status"]["willHibernateAt"]).timestamp()
    assert due == since + 5
    assert 0 <= changed_at(paused(world), "amalthea") - due < LATE
    reason, message = stopped(world)
    assert reason == "Idle"
    assert "because nobody has worked in it for 5 seconds" in message


@pytest.mark.usefixtures("metrics_api")
def test_who_computes_or_says_that_they_are_at_work_is_not_stopped(world: World, operators: Operators) -> None:
    operators(AMALTHEA_USAGE_INTERVAL="1s").start()
    warm(world)
    measure(world, "1m")
    world.wait_for("AmaltheaSession", "one", lambda s: condition(s, "StoppingSoon"))
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    world.patch_spec("one", culling={"lastInteraction": now})
    later = world.wait_for("AmaltheaSession", "one", lambda s: condition(s, "StoppingSoon") is None)
    assert not later["spec"]["hibernated"]
    due = datetime.fromisoformat(later["status"]["willHibernateAt"])
    assert due.timestamp() == datetime.fromisoformat(now).timestamp() + 5
    measure(world, "900m")
    busy = world.wait_for("AmaltheaSession", "one", lambda s: idle(s) == "False")
    assert not busy["spec"]["hibernated"]
    assert "willHibernateAt" not in busy["status"]
    measure(world, "1m")
    world.patch("AmaltheaSession", "one", metadata={"annotations": {"amalthea.dev/busy-until": "2099-01-01T00:00:00Z"}})
    declared = world.wait_for(
        "AmaltheaSession", "one", lambda s: (condition(s, "Idle") or {}).get("reason") == "DeclaredBusy"
    )
    assert not declared["spec"]["hibernated"]


@pytest.mark.usefixtures("metrics_api")
def test_a_restart_of_the_operator_makes_nobody_seem_to_work(world: World, operators: Operators) -> None:
    first = operators(AMALTHEA_USAGE_INTERVAL="1s").start()
    warm(world)
    world.patch_spec("one", culling={"maxIdleDuration": "1h"})
    measure(world, "1m")
    before = world.wait_for("AmaltheaSession", "one", lambda s: idle(s) == "True")
    first.terminate()
    operators(AMALTHEA_USAGE_INTERVAL="1s").start()
    world.run("two", PLAIN)
    after = world.wait_for("AmaltheaSession", "one", lambda _: True)
    moved = datetime.fromisoformat(after["status"]["idleSince"]) - datetime.fromisoformat(before["status"]["idleSince"])
    assert timedelta(0) <= moved < timedelta(seconds=20)  # while nobody looked


@pytest.mark.usefixtures("operator")
def test_without_measurements_nobody_is_paused_for_being_idle(world: World) -> None:
    warm(world)
    session = world.wait_for("AmaltheaSession", "one", lambda s: idle(s) == "Unknown")
    assert "willHibernateAt" not in session["status"]
    assert not session["status"].get("idle")

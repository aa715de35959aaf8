"""Users who work in a browser are not paused though no CPU is used; nor are those about whom nobody can be asked.

The doors are small servers at the addresses of the pods; the metrics API is played as in test_culling.py.
"""

import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from amalthea.engine.lease.elector import Candidate
from tests.api.operator.conftest import Operators
from tests.api.operator.ends import LATE, changed_at, measure, paused, stopped
from tests.api.operator.specs import PLAIN, TOKEN
from tests.support import doors
from tests.support.doors import PlayedDoor
from tests.support.world import Object, World, condition

SPAN = 6
"""Seconds of idleness after which these sessions are paused; people are told a tenth of that before."""

pytestmark = pytest.mark.usefixtures("metrics_api")


@pytest.fixture
def door() -> Iterator[PlayedDoor]:
    with doors.played() as opened:
        yield opened


def quiet(world: World, door: PlayedDoor, span: int = SPAN, name: str = "one") -> Object:
    """Let a session run behind a door, in which no CPU is used; return it as soon as it counts as idle."""
    world.secret("door", auth="authproxy:\n  token: open\n")
    world.session(name, {**TOKEN, "culling": {"maxIdleDuration": f"{span}s"}})
    pod = world.make_pod_ready(name)
    long_ago = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    statuses = [{**s, "state": {"running": {"startedAt": long_ago}}} for s in pod["status"]["containerStatuses"]]
    addresses = {"podIP": door.address, "podIPs": [{"ip": door.address}]}
    world.set_pod_status(pod, {"containerStatuses": statuses, **addresses})
    world.wait_for_state(name, "Running")
    measure(world, "1m", name)
    return world.wait_for("AmaltheaSession", name, lambda s: s["status"].get("idle"))


def due(session: Object) -> float:
    """Return when a session is to be paused, in Unix time."""
    return datetime.fromisoformat(session["status"]["willHibernateAt"]).timestamp()


def reason(session: Object) -> str:
    """Return the reason of the condition Idle."""
    return str((condition(session, "Idle") or {}).get("reason", ""))


def moved(world: World, promised: float, name: str = "one") -> Object:
    """Return the session as soon as it is to be paused later than was announced."""
    return world.wait_for("AmaltheaSession", name, lambda s: due(s) > promised, SPAN * 3)


def test_a_tab_that_is_only_open_is_paused_in_time_and_asked_about_twice(
    world: World, door: PlayedDoor, operators: Operators
) -> None:
    operators(AMALTHEA_USAGE_INTERVAL="1s").start()
    promised = due(quiet(world, door))
    world.wait_for("AmaltheaSession", "one", lambda s: condition(s, "StoppingSoon"))
    assert 0 <= changed_at(paused(world), "amalthea") - promised < LATE
    assert stopped(world)[0] == "Idle"
    first, last = (asked.timestamp() for asked in door.asked)
    assert promised - SPAN / 2 < first < promised <= last < promised + LATE


def test_who_works_in_the_browser_is_neither_warned_nor_paused(
    world: World, door: PlayedDoor, operators: Operators
) -> None:
    operators(AMALTHEA_USAGE_INTERVAL="1s").start()
    door.says = doors.somebody_works
    promised = due(quiet(world, door))
    for _ in range(2):
        later = moved(world, promised)
        assert reason(later) == "Quiet"
        assert condition(later, "StoppingSoon") is None
        promised = due(later)
    door.says = lambda: doors.nobody_works_since("2026-01-01T00:00:00Z")
    paused(world)


def test_work_at_the_last_second_wins(world: World, door: PlayedDoor, operators: Operators) -> None:
    operators(AMALTHEA_USAGE_INTERVAL="1s").start()
    promised = due(quiet(world, door))
    world.wait_for("AmaltheaSession", "one", lambda s: condition(s, "StoppingSoon"))
    door.says = doors.somebody_works
    later = world.wait_for("AmaltheaSession", "one", lambda s: condition(s, "StoppingSoon") is None)
    assert due(later) >= promised + SPAN
    assert not later["spec"]["hibernated"]


def test_a_restart_of_the_operator_forgets_no_work(world: World, door: PlayedDoor, operators: Operators) -> None:
    first = operators(AMALTHEA_USAGE_INTERVAL="1s").start()
    door.says = doors.somebody_works
    worked = due(moved(world, due(quiet(world, door, 10))))
    first.kill()
    door.says = lambda: doors.nobody_works_since("2026-01-01T00:00:00Z")
    operators(AMALTHEA_USAGE_INTERVAL="1s").start()
    world.wait_for("AmaltheaSession", "one", lambda s: s["spec"]["hibernated"], 40)
    # The time in which no operator looked is left out, from the last renewal of the Lease on.
    assert 0 <= changed_at(paused(world), "amalthea") - worked < LATE + Candidate("any").duration


def test_a_door_that_does_not_answer_pauses_nobody_and_says_what_to_check(world: World, operators: Operators) -> None:
    with doors.played() as gone:
        pass
    operator = operators(AMALTHEA_USAGE_INTERVAL="1s").start()
    quiet(world, gone)
    silent = world.wait_for("AmaltheaSession", "one", lambda s: reason(s) == "DoorSilent")
    told = condition(silent, "Idle")
    assert told is not None
    assert told["status"] == "Unknown"
    assert "must reach port 65534" in told["message"]
    world.session("clock", {**PLAIN, "culling": {"maxAge": f"{SPAN}s"}})
    paused(world, "clock")
    after = world.wait_for("AmaltheaSession", "one", lambda _: True)
    assert after["status"] == silent["status"]
    assert not after["spec"]["hibernated"]
    assert "willHibernateAt" not in after["status"]
    assert operator.log.count("does not report whether somebody works") == 1


def test_a_door_of_an_older_release_leaves_the_pause_to_the_others(
    world: World, door: PlayedDoor, operators: Operators
) -> None:
    operators(AMALTHEA_USAGE_INTERVAL="1s").start()
    door.says = doors.of_an_older_release
    quiet(world, door)
    world.wait_for("AmaltheaSession", "one", lambda s: reason(s) == "DoorTooOld")
    paused(world)
    assert stopped(world)[0] == "Idle"


def test_an_operator_that_is_told_not_to_ask_goes_by_the_others(
    world: World, door: PlayedDoor, operators: Operators
) -> None:
    operators(AMALTHEA_USAGE_INTERVAL="1s", AMALTHEA_ASK_DOORS="false").start()
    door.says = doors.somebody_works
    quiet(world, door)
    paused(world)
    assert door.asked == []

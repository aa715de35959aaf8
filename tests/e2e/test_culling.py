"""Idleness on real pods, measured by the real metrics server: who rests is paused, who computes is not."""

from collections.abc import Callable
from datetime import UTC, datetime

from tests.e2e.specs import STARTS, opened_at
from tests.support.world import Object, World, condition

MEASURED = 90.0
"""Seconds within which a new pod is measured: the metrics server looks each ten, and needs two looks."""
BUSY = ["/bin/sh", "-c", "probe & while :; do :; done"]
SOME_CPU = {"limits": {"cpu": "600m"}}


def idle(session: Object) -> str:
    found = condition(session, "Idle")
    return str(found["status"]) if found is not None else ""


def test_who_rests_is_paused_and_who_computes_is_not(world: World, name: str, names: Callable[[], str]) -> None:
    limits = {"culling": {"maxIdleDuration": "6s"}}
    busy = names()
    world.session(busy, {**opened_at(busy, command=BUSY, resources=SOME_CPU), **limits})
    world.session(name, {**opened_at(name), **limits})
    for each in (name, busy):
        world.wait_for_state(each, "Running", STARTS)
    resting = world.wait_for("AmaltheaSession", name, lambda s: idle(s) == "True", MEASURED)
    assert resting["status"]["idleSince"]
    assert resting["status"]["willHibernateAt"]
    world.wait_for("AmaltheaSession", name, lambda s: condition(s, "StoppingSoon"))
    paused = world.wait_for_state(name, "Hibernated", STARTS)
    stopped = condition(paused, "Stopped")
    assert stopped is not None
    assert stopped["reason"] == "Idle"
    at_work = world.wait_for("AmaltheaSession", busy, lambda s: idle(s) == "False", MEASURED)
    assert (condition(at_work, "Idle") or {})["reason"] == "UsesCPU"
    assert not at_work["spec"]["hibernated"]


def test_a_session_is_paused_at_its_time_and_deleted_at_its_time(world: World, name: str) -> None:
    world.session(name, {**opened_at(name), "culling": {"maxAge": "1h", "maxHibernatedDuration": "4s"}})
    running = world.wait_for_state(name, "Running", STARTS)
    age = datetime.now(UTC) - datetime.fromisoformat(running["metadata"]["creationTimestamp"])
    world.patch_spec(name, culling={"maxAge": f"{int(age.total_seconds()) + 10}s"})
    far = running["status"]["willHibernateAt"]
    near = world.wait_for("AmaltheaSession", name, lambda s: s["status"].get("willHibernateAt", far) != far)
    due = datetime.fromisoformat(near["status"]["willHibernateAt"])
    paused = world.wait_for("AmaltheaSession", name, lambda s: s["spec"]["hibernated"], STARTS)
    by_us = [
        e["time"]
        for e in paused["metadata"]["managedFields"]
        if "f:hibernated" in str(e) and e["manager"] == "amalthea"
    ]
    assert 0 <= (datetime.fromisoformat(by_us[0]) - due).total_seconds() <= 2
    world.wait_until_nothing_is_left(name, STARTS)

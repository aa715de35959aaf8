"""An operator on a node with a wrong clock: what is due, the API server's time says, and beyond a minute nobody."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import pytest
from prometheus_client import CollectorRegistry

from amalthea.engine import server_time
from amalthea.engine.clock import SystemClock
from amalthea.engine.server_time import ServerClock
from amalthea.kube.auth import config
from amalthea.kube.client import Client
from amalthea.model.status import report
from amalthea.operator.instance import Operator
from amalthea.operator.telemetry.metrics import OperatorMetrics
from amalthea.settings import Settings
from amalthea.testing.clock import SkewedClock
from lab.control_plane.control_plane import ControlPlane
from tests.api.operator.conftest import Operators
from tests.api.operator.ends import LATE, changed_at, paused
from tests.api.operator.specs import PLAIN
from tests.support.world import Object, World, condition

T = TypeVar("T")
WAITS = "waits, since the clocks of the operator's node and of the API server differ by more than a minute"


@asynccontextmanager
async def operator(control_plane: ControlPlane, world: World, machine: SkewedClock) -> AsyncIterator[None]:
    """Run an operator, in this process, on a node with that clock."""
    clock, stop = ServerClock(machine), asyncio.Event()
    cluster = config.load({}, machine, control_plane.kubeconfig)
    settings = Settings(namespace=world.namespace, identity="off", lease_namespace=world.namespace)
    async with Client(cluster, date_observer=clock.learn) as client:
        made = Operator(client, settings, OperatorMetrics(CollectorRegistry()), clock)
        running = asyncio.create_task(made.run(stop, made.elector(client)))
        try:
            yield
        finally:
            stop.set()
            await running


async def meanwhile(act: Callable[..., T], *arguments: object) -> T:
    """Let a user act, or wait, while the operator works."""
    return await asyncio.to_thread(act, *arguments)


def culled(**limits: str) -> Object:
    return {**PLAIN, "culling": limits}


@pytest.mark.parametrize("skew", [40.0, -40.0], ids=["ahead", "behind"])
async def test_a_session_is_paused_by_the_servers_time(
    full_control_plane: ControlPlane, world: World, skew: float
) -> None:
    async with operator(full_control_plane, world, SkewedClock(SystemClock(), skew)):
        await meanwhile(world.run, "one", culled(maxAge="6s"))
        promised = await meanwhile(
            world.wait_for, "AmaltheaSession", "one", lambda s: s["status"].get("willHibernateAt")
        )
        session = await meanwhile(paused, world)
    due = datetime.fromisoformat(promised["status"]["willHibernateAt"]).timestamp()
    created = datetime.fromisoformat(session["metadata"]["creationTimestamp"]).timestamp()
    assert created + 6 <= due < created + 6 + abs(skew) / 2
    assert 0 <= changed_at(session, "amalthea") - due < LATE + 1  # the API server's times are whole seconds


@pytest.mark.parametrize("skew", [300.0, -300.0], ids=["ahead", "behind"])
async def test_beyond_a_minute_of_difference_nothing_ends_until_the_clocks_agree(
    full_control_plane: ControlPlane, world: World, monkeypatch: pytest.MonkeyPatch, skew: float
) -> None:
    monkeypatch.setattr(server_time, "CALM", 1.0)
    monkeypatch.setattr(report, "_LOOK_AGAIN", report._LOOK_AGAIN / 30)
    machine = SkewedClock(SystemClock(), skew)
    async with operator(full_control_plane, world, machine):
        await meanwhile(world.run, "one", culled(maxAge="3s"))
        await meanwhile(world.session, "paused", {**culled(maxHibernatedDuration="1s"), "hibernated": True})
        for name, kind in (("one", "StoppingSoon"), ("paused", "DeletingSoon")):
            told = await meanwhile(
                world.wait_for, "AmaltheaSession", name, lambda s, kind=kind: WAITS in _message(s, kind)
            )
            assert told["spec"]["hibernated"] is (name == "paused")
        machine.skew = 0.0
        await meanwhile(paused, world)
        await meanwhile(world.wait_until_gone, "AmaltheaSession", "paused")


AHEAD = """
from datetime import timedelta
from amalthea.engine.clock import SystemClock
right = SystemClock.now
SystemClock.now = lambda self: right(self) + timedelta(minutes=5)
"""


def test_an_operator_whose_clock_is_wrong_says_so_and_ends_nothing(
    world: World, operators: Operators, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(AHEAD)
    operator = operators(PYTHONPATH=str(tmp_path)).start()
    world.run("one", culled(maxAge="3s"))
    told = world.wait_for("AmaltheaSession", "one", lambda s: WAITS in _message(s, "StoppingSoon"))
    assert not told["spec"]["hibernated"]
    skew = re.search(r"^amalthea_clock_skew_seconds (\S+)$", operator.metrics(), re.MULTILINE)
    assert skew is not None
    assert 298 < float(skew.group(1)) <= 300
    assert operator.log.count("the clocks of this node and of the API server differ") == 1


def _message(session: Object, kind: str) -> str:
    found = condition(session, kind)
    return str(found["message"]) if found is not None else ""

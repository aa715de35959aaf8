"""Whatever fails beside the sessions, or with one of them, must harm no other, nor end the operator."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import pytest
from prometheus_client import CollectorRegistry

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.engine.clock import SystemClock
from amalthea.kube.client import Client
from amalthea.model.findings import Finding
from amalthea.model.plan import Plan
from amalthea.model.status.report import Context, Outcome, report
from amalthea.model.views.observed import Observed
from amalthea.operator import reconcile
from amalthea.operator.instance import Operator
from amalthea.operator.telemetry import gauges
from amalthea.operator.telemetry.metrics import OperatorMetrics
from amalthea.settings import Settings
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Choice
from amalthea.testing.builders import SessionBuilder, session
from amalthea.testing.waiting import eventually
from tests.support.loop import PATHS


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


def failing_once(work: Callable[[], Awaitable[None]], again: asyncio.Event) -> Callable[[], Awaitable[None]]:
    """Return work that raises when it is begun for the first time."""
    failed = False

    async def run() -> None:
        nonlocal failed
        if not failed:
            failed = True
            raise ZeroDivisionError("a secret value")
        again.set()
        await work()

    return run


PARTS = {"doorman": "_door_poller", "job_asker": "_job_poller", "inquirer": "_event_lookup"}
"""Parts of the operator that are not called as the metric's label calls their task."""


@pytest.mark.parametrize("task", ["recorder", "usage", "doorman", "job_asker", "inquirer", "first_poll", "audit"])
async def test_background_work_that_fails_is_counted_logged_with_an_id_and_restarted(
    api: FakeApi, task: str, caplog: pytest.LogCaptureFixture
) -> None:
    registry, stop, again = CollectorRegistry(), asyncio.Event(), asyncio.Event()
    async with Client(api.config) as client:
        operator = Operator(client, Settings(namespace=None, identity="a"), OperatorMetrics(registry), SystemClock())
        beside = getattr(operator, PARTS.get(task, f"_{task}"))
        beside.run = failing_once(beside.run, again)
        running = asyncio.create_task(operator.run(stop, None))
        await eventually(lambda: failures(registry, task) == 1)
        api.objects.create(PATHS[names.KIND], "team", session("demo").manifest())
        await eventually(lambda: "status" in api.objects.get(PATHS[names.KIND], ("team", "demo")))
        await again.wait()
        stop.set()
        await running
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert (vars(record)["task"], len(vars(record)["defect"])) == (task, 8)


def failures(registry: CollectorRegistry, task: str) -> float | None:
    return registry.get_sample_value("amalthea_task_failures_total", {"task": task})


async def test_a_session_that_the_operator_fails_on_is_reported_and_leaves_the_others_alone(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(observed: Observed, plan: Plan, findings: Iterable[Finding], context: Context) -> Outcome:
        if observed.name == "bad":
            raise ZeroDivisionError("a secret value")
        return report(observed, plan, findings, context)

    def conditions(name: str) -> Manifest:
        status: Manifest = api.objects.get(PATHS[names.KIND], ("team", name)).get("status", {})
        return {each["type"]: each for each in status.get("conditions", ())}

    monkeypatch.setattr(reconcile, "report", defective)
    stop = asyncio.Event()
    for name in ("bad", "good"):
        api.objects.create(PATHS[names.KIND], "team", adopting(name).manifest())
    async with Client(api.config) as client:
        operator = Operator(
            client, Settings(namespace=None, identity="a"), OperatorMetrics(CollectorRegistry()), SystemClock()
        )
        running = asyncio.create_task(operator.run(stop, None))
        await eventually(lambda: "Healthy" in conditions("bad") and "Ready" in conditions("good"))
        assert conditions("bad")["Healthy"]["reason"] == "InternalError"
        assert {row.name for row in gauges.rows(operator.caches, operator.clock)} == {"bad", "good"}
        for name in ("bad", "good"):
            api.objects.delete(PATHS[names.KIND], ("team", name), {})
        await eventually(lambda: not api.objects.select(Choice(PATHS[names.KIND])))
        stop.set()
        await running


def adopting(name: str) -> SessionBuilder:
    """Return a session that a finalizer of ours holds."""
    adopted = {"type": "token", "secretRef": {"name": "door", "key": "auth", "adopt": True}}
    return session(name).with_spec(authentication=adopted).with_metadata(finalizers=[names.FINALIZER])

"""Whatever happens in the work beside the sessions must end nobody's session, nor the operator."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry

from amalthea.api import names
from amalthea.api.settings import Settings
from amalthea.engine.clock import SystemClock
from amalthea.kube.client import Client
from amalthea.operator.run import Operator
from amalthea.telemetry.metrics import OperatorMetrics
from amalthea.testing.api import FakeApi
from amalthea.testing.builders import session
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


@pytest.mark.parametrize("task", ["recorder", "usage", "doorman", "inquirer"])
async def test_work_beside_the_sessions_that_fails_is_counted_told_with_an_id_and_begun_again(
    api: FakeApi, task: str, caplog: pytest.LogCaptureFixture
) -> None:
    registry, stop, again = CollectorRegistry(), asyncio.Event(), asyncio.Event()
    async with Client(api.config) as client:
        operator = Operator(client, Settings(namespace=None, identity="a"), OperatorMetrics(registry), SystemClock())
        beside = getattr(operator, f"_{task}")
        beside.run = failing_once(beside.run, again)
        running = asyncio.create_task(operator.run(stop, None))
        await eventually(lambda: failures(registry, task) == 1)
        api.objects.create(PATHS[names.KIND], "team", session("demo").manifest())
        await eventually(lambda: "status" in api.objects.get(PATHS[names.KIND], ("team", "demo")))
        await again.wait()
        stop.set()
        await running
    (told,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert (vars(told)["task"], len(vars(told)["defect"])) == (task, 8)


def failures(registry: CollectorRegistry, task: str) -> float | None:
    return registry.get_sample_value("amalthea_task_failures_total", {"task": task})

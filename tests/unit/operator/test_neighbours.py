"""A webhook that hangs must hold up the sessions that it concerns, and no others."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from amalthea.api import names
from amalthea.api.settings import Settings
from amalthea.engine import slots
from amalthea.engine.clock import SystemClock
from amalthea.kube.client import Client
from amalthea.operator.instance import ROOM, Operator
from amalthea.telemetry.metrics import OperatorMetrics
from amalthea.testing.api import FakeApi
from amalthea.testing.builders import session
from amalthea.testing.objects import Choice
from amalthea.testing.waiting import eventually
from tests.support.loop import PATHS

WORKERS = 4
HANGING = ROOM * WORKERS  # twice as many as may be under way of one namespace

WITHIN = 25.0
"""Seconds: less than a request that hangs has."""


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


def is_told(api: FakeApi, namespace: str) -> bool:
    return "conditions" in api.objects.get(PATHS[names.KIND], (namespace, "quick")).get("status", {})


@pytest.mark.parametrize("namespace", ["other", "team"])
async def test_a_webhook_on_ingresses_that_hangs_holds_up_no_session_without_one(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, namespace: str
) -> None:
    monkeypatch.setattr(slots, "PATIENCE", 0.1)
    hanging = 0

    async def fault(request: web.Request) -> None:
        nonlocal hanging
        if request.path.endswith("/ingresses"):
            hanging += 1
            await asyncio.Event().wait()

    api.fail("create", fault)
    async with Client(api.config, pool=8) as client:
        settings = Settings(namespace=None, workers=WORKERS)
        operator = Operator(client, settings, OperatorMetrics(CollectorRegistry()), SystemClock())
        crowd = HANGING if namespace == "other" else WORKERS * 2
        for number in range(crowd):
            api.objects.create(PATHS[names.KIND], "team", session(f"hangs-{number}").with_ingress().manifest())
        running = asyncio.create_task(operator.run(asyncio.Event(), None))
        try:
            await eventually(lambda: hanging >= min(crowd, HANGING // 2), WITHIN)
            api.objects.create(PATHS[names.KIND], namespace, session("quick").manifest())
            await eventually(lambda: is_told(api, namespace), WITHIN)
        finally:
            running.cancel()
            await asyncio.wait({running})
        assert hanging <= HANGING
        assert not api.objects.select(Choice(PATHS["Ingress"]))

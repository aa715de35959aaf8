"""A webhook that hangs must hold up the sessions that it concerns, and no others."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from amalthea.api import names
from amalthea.engine import slots
from amalthea.engine.clock import SystemClock
from amalthea.engine.work import room
from amalthea.kube import crowd
from amalthea.kube.client import Client
from amalthea.operator.instance import AGAIN, Operator
from amalthea.operator.telemetry.metrics import OperatorMetrics
from amalthea.settings import Settings
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Choice
from amalthea.testing.builders import session
from amalthea.testing.waiting import eventually
from tests.support.loop import PATHS

WORKERS = 4
CROWD = 3 * AGAIN

WITHIN = 25.0
"""Seconds: less than a request that hangs has."""

SLACK = 8
"""Requests more than are under way that the server may see: it learns late that one was given up."""


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


def is_reported(api: FakeApi, namespace: str) -> bool:
    return "conditions" in api.objects.get(PATHS[names.KIND], (namespace, "quick")).get("status", {})


@pytest.mark.parametrize(
    ("spaces", "hangs", "namespace"),
    [
        (1, "/ingresses", "team-0"),
        (1, "/ingresses", "other"),
        (CROWD, "/ingresses", "other"),
        (1, "/namespaces/team-", "other"),
        (CROWD, "/namespaces/team-", "other"),
    ],
)
async def test_a_webhook_that_hangs_holds_up_no_session_that_it_does_not_concern(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, spaces: int, hangs: str, namespace: str
) -> None:
    """It hangs for more sessions than there is room for, on Ingresses alone or on all that is made of a session."""
    monkeypatch.setattr(slots, "PATIENCE", 0.1)
    monkeypatch.setattr(crowd, "PATIENCE", 0.025)
    monkeypatch.setattr(room, "HANGS", 0.5)
    monkeypatch.setattr(crowd, "MOST", CROWD // 2)
    hanging: set[asyncio.Task[None] | None] = set()
    most = 0

    async def fault(request: web.Request) -> None:
        nonlocal most
        if hangs in request.path:
            hanging.add(task := asyncio.current_task())
            most = max(most, len(hanging))
            try:
                await asyncio.Event().wait()
            finally:
                hanging.remove(task)

    api.fail("create", fault)
    async with Client(api.config, pool=8) as client:
        settings = Settings(namespace=None, workers=WORKERS)
        operator = Operator(client, settings, OperatorMetrics(CollectorRegistry()), SystemClock())
        for number in range(CROWD):
            hung = session(f"hangs-{number}").with_ingress().manifest()
            api.objects.create(PATHS[names.KIND], f"team-{number % spaces}", hung)
        running = asyncio.create_task(operator.run(asyncio.Event(), None))
        try:
            await eventually(lambda: most >= CROWD // 2, WITHIN)
            api.objects.create(PATHS[names.KIND], namespace, session("quick").manifest())
            await eventually(lambda: is_reported(api, namespace), WITHIN)
        finally:
            running.cancel()
            await asyncio.wait({running})
        assert most <= CROWD // 2 + SLACK
        assert not api.objects.select(Choice(PATHS["Ingress"]))

"""Whoever reaches the metrics' port may ask, as often as they like: no session may have to wait, or end, for that."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from amalthea.engine.clock import SystemClock
from amalthea.kube.client import Client
from amalthea.operator import web
from amalthea.operator.telemetry import metrics_access
from amalthea.operator.telemetry.metrics import SessionRow
from amalthea.testing.api_server import faults
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.waiting import eventually
from tests.support.processes import free_port

ROW = SessionRow("team", "demo", "Running", False, 1, 1, 0.0, 0.0, 0.0, 0.0, 0.0)
ASKING = 40


async def ask(client: aiohttp.ClientSession, url: str) -> int:
    async with client.get(url, headers={"Authorization": "Bearer made-up"}) as got:
        return got.status


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as made:
        yield made


async def test_most_of_many_simultaneous_scrapes_are_refused(client: aiohttp.ClientSession) -> None:
    begun, ended, most = 0, 0, 0

    def rows() -> Iterator[SessionRow]:
        nonlocal begun, ended, most
        begun += 1
        for _ in range(3000):
            most = max(most, begun - ended)
            yield ROW
        ended += 1

    address = f"127.0.0.1:{free_port()}"
    async with web.serving(web.metrics(CollectorRegistry(), rows, SystemClock()), address):
        found = await asyncio.gather(*(ask(client, f"http://{address}/metrics") for _ in range(ASKING)))
        assert most <= web.SCRAPES
        served = web.SCRAPES + web.WAITING_SCRAPES
        assert Counter(found) == {200: served, 503: ASKING - served}
        assert await ask(client, f"http://{address}/metrics") == 200


async def test_a_client_that_stops_reading_is_cut_off_and_others_are_served(
    client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(web, "SCRAPE_LIMIT", 1.0)
    address = f"127.0.0.1:{free_port()}"
    app = web.metrics(CollectorRegistry(), lambda: iter([ROW] * 20_000), SystemClock())
    async with web.serving(app, address), AsyncExitStack() as silent:
        for _ in range(web.SCRAPES):
            await silent.enter_async_context(client.get(f"http://{address}/metrics"))
        monkeypatch.setattr(web, "SCRAPE_LIMIT", 30.0)
        assert await asyncio.wait_for(ask(client, f"http://{address}/metrics"), 20) == 200
    assert caplog.records == []


async def test_made_up_tokens_leave_the_api_server_to_sessions(client: aiohttp.ClientSession) -> None:
    gate, address = asyncio.Event(), f"127.0.0.1:{free_port()}"
    async with FakeApi() as api, Client(api.config) as asks:
        api.fail("create", faults.wait_for(gate))
        app = metrics_access.guarded(web.metrics(CollectorRegistry(), lambda: iter([ROW]), SystemClock()), asks)
        async with web.serving(app, address):
            asking = [asyncio.create_task(ask(client, f"http://{address}/metrics")) for _ in range(ASKING)]
            most = metrics_access.REVIEWS + metrics_access.WAITING
            await eventually(lambda: sum(each.done() for each in asking) == ASKING - most)
            assert api.count("create") <= metrics_access.REVIEWS
            gate.set()
            found = Counter(await asyncio.gather(*asking))
    assert found == {401: most, 503: ASKING - most}

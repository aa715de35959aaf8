"""A scrape of ten thousand sessions goes through the loop that serves users: it must not keep them waiting."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from amalthea.api import names
from amalthea.engine.clock import SystemClock
from amalthea.model.views.objects import SessionView
from amalthea.operator import web
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.telemetry import gauges
from amalthea.operator.telemetry.metrics import OperatorMetrics
from tests.support.blocks import blocks
from tests.support.processes import free_port
from tests.unit.operator.inputs.test_cache import KEY, session


class Crowd(Caches):
    """Caches in which each session is there many times."""

    times = 1

    def sessions(self) -> tuple[SessionView, ...]:
        return super().sessions() * self.times


@pytest.fixture
def crowd() -> Crowd:
    caches = Crowd(lambda *_: None)
    caches.observe(names.KIND, session(1, state="Running"))
    return caches


@asynccontextmanager
async def scraped(caches: Caches) -> AsyncIterator[aiohttp.ClientResponse]:
    registry, clock = CollectorRegistry(), SystemClock()
    OperatorMetrics(registry)
    app = web.metrics(registry, lambda: gauges.rows(caches, clock), clock)
    address = f"127.0.0.1:{free_port()}"
    async with (
        web.serving(app, address),
        aiohttp.ClientSession() as client,
        client.get(f"http://{address}/metrics") as got,
    ):
        yield got


async def test_a_scrape_of_ten_thousand_sessions_blocks_the_loop_for_milliseconds_only(crowd: Crowd) -> None:
    crowd.times = 10_000
    assert min([await _longest_block(crowd) for _ in range(3)]) < 0.02  # a neighbour on the same core slows some down


async def _longest_block(crowd: Crowd) -> float:
    async with blocks() as longest, scraped(crowd) as answer:
        lines = 0
        async for chunk in answer.content.iter_chunked(2**16):
            lines += chunk.count(b"\n")
    assert answer.status == 200
    assert lines > 14 * 10_000
    return longest()


async def test_a_session_that_is_gone_has_no_series_left(crowd: Crowd) -> None:
    async with scraped(crowd) as answer:
        assert f'name="{KEY[1]}"' in await answer.text()
    crowd.stores[names.KIND].observe_deleted(KEY, "s")
    async with scraped(crowd) as answer:
        text = await answer.text()
    assert f'name="{KEY[1]}"' not in text
    assert 'amalthea_sessions_total{state="Running"} 0.0' in text
    assert "amalthea_queue_depth" in text


async def test_a_client_that_leaves_during_a_scrape_leaves_nothing_behind(crowd: Crowd) -> None:
    crowd.times = 10_000
    before = asyncio.all_tasks()
    async with scraped(crowd) as answer:
        await answer.content.readany()
        answer.close()
    assert asyncio.all_tasks() == before

"""A container of 64 MiB carries eight downloads at once, at a bounded price. `make bench-tunnel` measures more."""

import os
import time
from collections.abc import AsyncIterator

import pytest

from tests.sidecars.authproxy.limited import Limited
from tests.sidecars.tunnel.conftest import Dial, Listen
from tests.sidecars.tunnel.ends import MEBIBYTE
from tests.sidecars.tunnel.traffic import CPU_PER_GIBIBYTE, GIBIBYTE, LIMIT, Traffic, traffic


@pytest.fixture
async def moving(listen: Listen, dial: Dial) -> AsyncIterator[Traffic]:
    group = Limited(f"amalthea-traffic-{os.getpid()}-{time.monotonic_ns()}", LIMIT)
    made = await traffic(listen, dial, group)
    yield made
    made.stop()
    group.remove()


async def test_eight_downloads_at_once_fit_into_the_container_and_cost_what_they_may(moving: Traffic) -> None:
    each = 48 * MEBIBYTE
    before = sum(moving.cpu_seconds)
    await moving.fetch(moving.tunnel, each, times=8)
    spent = sum(moving.cpu_seconds) - before
    assert spent / (8 * each / GIBIBYTE) <= CPU_PER_GIBIBYTE
    assert moving.group.kills == 0
    assert moving.group.own + moving.group.sockets < LIMIT

"""Helpers of the tests of leader election."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from amalthea.testing.clock import FakeClock
from tests.unit.engine.lease.lease_fakes import Lease


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def lease() -> AsyncIterator[Lease]:
    """The one Lease; those who stand for it end with the test."""
    made = Lease()
    yield made
    for process in made.processes:
        process.kill()
    await asyncio.gather(*(process.task for process in made.processes), return_exceptions=True)

"""A fake API server, and a client that talks to it over a real socket of this machine."""

from collections.abc import AsyncIterator

import pytest

from amalthea.kube.client import Client
from amalthea.testing.api_server.api import FakeApi


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


@pytest.fixture
async def client(api: FakeApi) -> AsyncIterator[Client]:
    async with Client(api.config) as made:
        yield made

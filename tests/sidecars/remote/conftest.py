"""A pod for a remote session, with a cluster of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sidecars.remote.pod import Pod


@pytest.fixture
async def pod(tmp_path: Path) -> AsyncIterator[Pod]:
    async with Pod(tmp_path).world() as made:
        yield made

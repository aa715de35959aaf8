"""A whole remote session, but for Kubernetes and Slurm: controller and tunnel from the image, and a real job.

The job's script runs the tunnel's client that came with it; the page is asked for where the pod's door asks for it.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from amalthea.testing.remote.disk import DiskFiles
from amalthea.testing.waiting import eventually
from tests.sidecars.remote.cluster import BashScheduler
from tests.sidecars.remote.pod import Pod, ended
from tests.support.processes import free_port


class Session:
    """One session: its pod, the cluster, and the ports of the pod."""

    def __init__(self, pod: Pod, cluster: BashScheduler) -> None:
        self.pod, self.cluster = pod, cluster
        self.front, self.entry = free_port(), free_port()
        self.env = {
            "RSC_SESSION_PORT": str(self.front),
            "RSC_READINESS_PROBE_TYPE": "http",
            "RENKU_BASE_URL": f"http://127.0.0.1:{self.entry}",
        }

    async def controller(self) -> asyncio.subprocess.Process:
        return await self.pod.start(**self.env)

    async def is_ready(self) -> bool:
        return (await self.pod.get("/ready"))[0] == 200

    async def page(self) -> str:
        """Return what the session's front end answers, empty if it does not."""
        limits = aiohttp.ClientTimeout(total=5)
        where = f"http://127.0.0.1:{self.front}/"
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with aiohttp.ClientSession(timeout=limits) as asking, asking.get(where) as answer:
                return await answer.text()
        return ""


@pytest.fixture
async def session(tmp_path: Path, pod: Pod) -> AsyncIterator[Session]:
    cluster = BashScheduler(tmp_path)
    pod.firecrest.files, pod.firecrest.scheduler = DiskFiles(), cluster
    pod.firecrest.scratch = str(tmp_path / "scratch")
    try:
        yield Session(pod, cluster)
    finally:
        cluster.close()


@pytest.mark.timeout(120)
async def test_the_page_comes_from_the_job_and_goes_with_it_and_comes_again(session: Session) -> None:
    async with session.pod.tunnel(session.entry, session.front):
        controller = await session.controller()
        await eventually(session.is_ready, 40)
        assert "Directory listing" in await session.page()
        [job] = session.cluster.all
        assert os.listdir(f"{job.folder}/secrets") == []  # noqa: PTH208  (pathlib may not be used in a coroutine)
        lines, _ = await ended(controller)
        assert controller.returncode == 0
        assert any(line.startswith("[session/stdout] the program listens at ") for line in lines)
        await eventually(lambda: not session.cluster.left(job.id), 20)
        assert await session.page() == ""
        resumed = await session.controller()
        await eventually(session.is_ready, 40)
        await ended(resumed)
        assert [job.id for job in session.cluster.all] == ["1", "2"]
        await eventually(lambda: not session.cluster.left("2"), 20)


@pytest.mark.timeout(120)
async def test_a_session_outlives_its_controller_and_its_tunnel(session: Session) -> None:
    async with session.pod.tunnel(session.entry, session.front):
        controller = await session.controller()
        await eventually(session.is_ready, 40)
        await ended(controller, signal.SIGKILL)
        assert "Directory listing" in await session.page()
    async with session.pod.tunnel(session.entry, session.front):
        controller = await session.controller()
        await eventually(session.is_ready, 40)
        assert "Directory listing" in await session.page()
        await ended(controller)
    [job] = session.cluster.all
    await eventually(lambda: not session.cluster.left(job.id), 20)

"""The cost of talking to the API server: CPU time of this process per write, and per event of a watch.

Writes go to a real API server (the lab's, control plane only), events come at full speed from a fake one in another
process. Run: `python -m bench.client`.
"""

import argparse
import asyncio
import gc
import multiprocessing
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

import msgspec

from amalthea.engine.cache.store import Store
from amalthea.engine.clock import SystemClock
from amalthea.kube.auth import config
from amalthea.kube.client import Client
from amalthea.kube.resource import Resource, Selection
from amalthea.kube.watch import KubeSource
from amalthea.model.views import decoding
from amalthea.model.views.pods import PodView
from amalthea.testing.api_server.api import FakeApi
from lab.control_plane.control_plane import ControlPlane

IN_FLIGHT = 16
BODY = {"data": {"text": "x" * 2000}}
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
PODS = Resource("", "v1", "pods", "Pod")


@dataclass
class Meter:
    """Measures CPU and wall time of a block."""

    name: str
    count: int
    begun: float = 0.0
    begun_cpu: float = 0.0

    def __enter__(self) -> Self:
        gc.collect()
        self.begun, self.begun_cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        cpu, wall = time.process_time() - self.begun_cpu, time.perf_counter() - self.begun
        print(
            f"{self.name:<10}{self.count:>8} {cpu / self.count * 1e6:>8.0f} µs of CPU each {self.count / wall:>8.0f} /s"
        )


async def write(kubeconfig: Path, count: int) -> None:
    """Create objects of 2 KB, and patch each once."""
    async with Client(config.load({}, SystemClock(), kubeconfig), pool=IN_FLIGHT) as client:

        async def one_lane(lane: int, patch: bool) -> None:
            for number in range(lane, count, IN_FLIGHT):
                name = f"bench-{number}"
                if patch:
                    await client.patch_merge(CONFIG_MAPS, ("default", name), {"data": {"new": "y"}}, msgspec.Raw)
                else:
                    body = {"metadata": {"name": name}, **BODY}
                    await client.create(CONFIG_MAPS, "default", body, msgspec.Raw)

        for name, patch in (("creates", False), ("patches", True)):
            with Meter(name, count):
                await asyncio.gather(*(one_lane(lane, patch) for lane in range(IN_FLIGHT)))


async def watch(api: config.Config, count: int) -> None:
    """Take in events of pods of 10 KB, as the operator does: decoded to what it reads, and stored."""
    store: Store[PodView] = Store({"session": lambda pod: [pod.metadata.labels.get("app", "")]})
    async with Client(api) as client:
        source = KubeSource(client, PODS, decoding.pod, Selection(), lambda *_: None)
        with Meter("events", count):
            async with source.watch("0") as events:
                await _take(events, store, count)


async def _take(events: AsyncIterator[Any], store: Store[PodView], count: int) -> None:
    async for event in events:
        store.apply(event)
        count -= 1
        if not count:
            return


@asynccontextmanager
async def feeder(count: int) -> AsyncIterator[config.Config]:
    """Run a fake server with so many events in another process."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_feed, args=(theirs, count))
    process.start()
    try:
        yield config.Config(server=await asyncio.to_thread(ours.recv))
    finally:
        process.terminate()
        await asyncio.to_thread(process.join)


def _feed(port: Connection, count: int) -> None:
    async def serve() -> None:
        async with FakeApi() as api:
            for number in range(count):
                api.objects.create("v1/pods", "default", _pod(number))
            port.send(api.config.server)
            await asyncio.Event().wait()

    asyncio.run(serve())


def _pod(number: int) -> dict[str, Any]:
    env = [{"name": f"VARIABLE_{index}", "value": "v" * 40} for index in range(30)]
    containers = [{"name": f"c{index}", "image": "image:1", "env": env} for index in range(3)]
    ready = [{"name": f"c{index}", "ready": True, "state": {"running": {}}} for index in range(3)]
    return {
        "metadata": {"name": f"pod-{number}", "labels": {"app": f"session-{number}"}},
        "spec": {"containers": containers},
        "status": {"phase": "Running", "containerStatuses": ready},
    }


async def main(writes: int, events: int) -> None:
    with tempfile.TemporaryDirectory() as state, ControlPlane(Path(state)) as control_plane:
        await write(control_plane.kubeconfig, writes)
    async with feeder(events) as api:
        await watch(api, events)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writes", type=int, default=2000)
    parser.add_argument("--events", type=int, default=10000)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.writes, arguments.events))

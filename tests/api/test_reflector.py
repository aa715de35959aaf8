"""The reflector on a real API server: what it shows is what is there, also when the server goes away in between."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from amalthea.engine.backoff import Backoff
from amalthea.engine.cache.reflector import Reflector
from amalthea.engine.cache.store import Store
from amalthea.engine.clock import SystemClock
from amalthea.kube import watch
from amalthea.kube.auth import config
from amalthea.kube.client import Client
from amalthea.kube.errors import AlreadyExists, ApiError
from amalthea.kube.resource import Selection
from amalthea.kube.transport import Call
from amalthea.kube.watch import KubeSource
from amalthea.testing.waiting import eventually
from lab.control_plane.control_plane import ControlPlane
from lab.control_plane.flags import Settings
from tests.unit.engine.things import WatchReports
from tests.unit.kube.parts import CONFIG_MAPS, ConfigMap, config_map, decode

LABELLED = "amalthea.dev/test=mine"


@dataclass
class Following:
    client: Client
    calls: list[Call]
    store: Store[ConfigMap] = field(default_factory=Store)
    reports: WatchReports = field(default_factory=WatchReports)
    gone: set[str] = field(default_factory=set)

    def listen(self, old: ConfigMap | None, new: ConfigMap | None) -> None:
        if old is not None and new is None:
            self.gone.add(old.metadata.name)

    def names(self) -> set[str]:
        return {obj.metadata.name for obj in self.store.values()}

    def lists(self) -> int:
        return sum(call.verb == "list" for call in self.calls)


@asynccontextmanager
async def following(control_plane: ControlPlane, namespace: str) -> AsyncIterator[Following]:
    """Run a reflector on the config maps of a namespace that carry our label."""
    clock, calls = SystemClock(), list[Call]()
    async with Client(config.load({}, clock, control_plane.kubeconfig), calls.append) as client:
        made = Following(client, calls)
        made.store.on_change(made.listen)
        unreadable: list[object] = []
        source = KubeSource(
            client, CONFIG_MAPS, decode, Selection(namespace, LABELLED), lambda *of: unreadable.append(of)
        )
        backoff = Backoff(random.Random(1), base=0.1, cap=1.0)
        reflector = Reflector(source, made.store, clock, backoff, made.reports)
        task = asyncio.create_task(reflector.run())
        try:
            async with asyncio.timeout(10):
                await reflector.synced.wait()
            yield made
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.wait({task})
        assert unreadable == []


async def make(client: Client, namespace: str, name: str, label: str = LABELLED) -> None:
    key, _, value = label.partition("=")
    body = config_map(name, at="first") | {"metadata": {"name": name, "labels": {key: value}}}
    await client.create(CONFIG_MAPS, namespace, body, dict)


async def test_changes_arrive_as_projections_of_the_selection(control_plane: ControlPlane, namespace: str) -> None:
    async with following(control_plane, namespace) as run:
        await make(run.client, namespace, "mine")
        await make(run.client, namespace, "other", "amalthea.dev/test=yours")
        await eventually(lambda: run.names() == {"mine"})
        await run.client.patch_merge(CONFIG_MAPS, (namespace, "mine"), {"data": {"at": "second"}}, dict)
        await eventually(lambda: [obj.data for obj in run.store.values()] == [{"at": "second"}])
        relabel = {"metadata": {"labels": {"amalthea.dev/test": "yours"}}}
        await run.client.patch_merge(CONFIG_MAPS, (namespace, "mine"), relabel, dict)
        await eventually(lambda: run.gone == {"mine"})
        assert run.reports.errors == []


async def test_our_own_write_is_known_at_once_and_its_event_changes_nothing(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with following(control_plane, namespace) as run:
        await make(run.client, namespace, "mine")
        await eventually(lambda: run.names() == {"mine"})
        seen = run.reports.events
        patch = {"data": {"at": "second"}}
        answer = await run.client.patch_merge(CONFIG_MAPS, (namespace, "mine"), patch, ConfigMap)
        run.store.observe(answer)
        assert run.store.get((namespace, "mine")) == answer
        await eventually(lambda: run.reports.events > seen)
        assert run.store.get((namespace, "mine")) == answer


@pytest.mark.parametrize("page", [500, 7])
async def test_a_list_is_complete_streamed_and_in_pages(
    control_plane: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(watch, "PAGE", page)
    names = {f"m{number}" for number in range(20)}
    async with following(control_plane, namespace) as first:
        await asyncio.gather(*(make(first.client, namespace, name) for name in names))
        await eventually(lambda: first.names() == names)
        assert first.lists() == 1
    async with following(control_plane, namespace) as streamed:
        assert streamed.names() == names
        assert streamed.lists() == 1
    monkeypatch.setattr(KubeSource, "_stream_list", KubeSource._page_list)
    async with following(control_plane, namespace) as paged:
        assert paged.names() == names
        assert paged.lists() == (1 if page == 500 else 3)
        await make(paged.client, namespace, "late")
        await eventually(lambda: "late" in paged.names())


@pytest.mark.timeout(120)
async def test_nothing_is_missed_when_the_api_server_restarts_in_mid_flight(tmp_path: Path) -> None:
    """This server cannot stream lists, as many cannot: the first is refused, the rest come in pages."""
    settings = Settings(api_server_flags={"feature-gates": "WatchList=false"})
    with ControlPlane(tmp_path / "cluster", settings) as control_plane:
        async with following(control_plane, "default") as run:
            assert run.lists() == 2
            await make(run.client, "default", "before")
            await make(run.client, "default", "doomed")
            writer = asyncio.create_task(_write_until(run.client, 40))
            await eventually(lambda: len(run.store) > 8, within=10)
            await asyncio.to_thread(control_plane.stop_api_server, 0)
            await eventually(lambda: run.reports.errors, within=10)
            await asyncio.to_thread(control_plane.start_api_server)
            assert await run.client.delete(CONFIG_MAPS, ("default", "doomed"))
            await writer
            expected = {"before"} | {f"w{number}" for number in range(40)}
            await eventually(lambda: run.names() == expected, within=20)
            assert run.gone == {"doomed"}
            assert len(run.calls) < 200


async def _write_until(client: Client, count: int) -> None:
    """Write so many objects, each again until it is there."""
    for number in range(count):
        there = False
        while not there:
            try:
                await make(client, "default", f"w{number}")
            except AlreadyExists:
                there = True
            except ApiError:
                await asyncio.sleep(0.1)

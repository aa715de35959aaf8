"""Helpers of the tests of the client: a projection, a kind, and a reflector that follows a fake server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from amalthea.engine.backoff import Backoff
from amalthea.engine.cache.reflector import Reflector
from amalthea.engine.cache.store import Store
from amalthea.engine.ports import Key
from amalthea.kube.client import Client
from amalthea.kube.resource import Resource, Selection
from amalthea.kube.watch import KubeSource
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Choice
from amalthea.testing.clock import FakeClock
from amalthea.testing.waiting import eventually
from tests.unit.engine.things import Half, WatchReports

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
KIND = "v1/configmaps"


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class ConfigMap(msgspec.Struct, frozen=True):
    """A config map, of which the data is read."""

    metadata: Meta = Meta()
    data: dict[str, str] = {}


decode = msgspec.json.Decoder(ConfigMap).decode


def config_map(name: str, **data: object) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@dataclass
class Following:
    """A reflector that keeps a store equal to a fake server, on a clock that is moved by hand."""

    api: FakeApi
    client: Client
    clock: FakeClock = field(default_factory=FakeClock)
    store: Store[ConfigMap] = field(default_factory=Store)
    reports: WatchReports = field(default_factory=WatchReports)
    unread: list[Key] = field(default_factory=list)
    changes: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store.on_change(self._remember)
        source = KubeSource(self.client, CONFIG_MAPS, decode, Selection(), lambda _, key, __: self.unread.append(key))
        self.reflector = Reflector(source, self.store, self.clock, Backoff(Half()), self.reports)

    def _remember(self, old: ConfigMap | None, new: ConfigMap | None) -> None:
        present = new or old
        assert present is not None
        self.changes.append(("gone" if new is None else "there", present.metadata.name))

    async def pass_time(self, seconds: float) -> None:
        """Move the clock, giving requests the real time they need: only a reflector that waits lets time pass."""
        end = self.clock.monotonic() + seconds
        while (left := end - self.clock.monotonic()) > 0:
            await eventually(lambda: self.clock.next_due is not None or self.api.watching)
            await self.clock.advance(min(left, self.clock.next_due or left))

    @property
    def equal(self) -> bool:
        """Return whether the store holds what the server does."""
        there = {obj["metadata"]["name"]: obj for obj in self.api.objects.select(Choice(KIND))}
        held = {obj.metadata.name: obj for obj in self.store.values()}
        return there.keys() == held.keys() and all(
            held[name].metadata.resource_version == there[name]["metadata"]["resourceVersion"]
            and held[name].data == there[name]["data"]
            for name in there
        )


@asynccontextmanager
async def following(api: FakeApi) -> AsyncIterator[Following]:
    """Run a reflector on config maps."""
    async with Client(api.config) as client:
        made = Following(api, client)
        task = asyncio.create_task(made.reflector.run())
        try:
            yield made
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.wait({task})

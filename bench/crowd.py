"""The users of the benchmark: a web back end that creates, pauses, resumes and deletes sessions, many at a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from msgspec import Raw

from amalthea.api import names
from amalthea.kube.client import Client
from amalthea.kube.resource import Selection
from amalthea.operator.inputs.usage_poller import POD_METRICS
from amalthea.operator.kinds import CHILD_KINDS, PODS, SECRETS, SESSIONS
from bench import manifests
from bench.observer import BenchError, patience
from lab.control_plane import metrics_api

WRITERS = 16
_POLL = 0.2


@dataclass(frozen=True)
class Instant:
    """A moment by both clocks: the monotonic one, and Unix time, which the audit log has."""

    monotonic: float
    wall: float

    @classmethod
    def now(cls) -> "Instant":
        return cls(time.monotonic(), time.time())


async def side_by_side(items: Iterable[str], writers: int, act: Callable[[str], Awaitable[object]]) -> None:
    """Do something for every item, `writers` at a time."""
    waiting = iter(items)

    async def writer() -> None:
        for item in waiting:
            await act(item)

    await asyncio.gather(*(writer() for _ in range(writers)))


class Crowd:
    """Sessions of a namespace, and their users; `begun` has the time of each one's last action."""

    def __init__(self, client: Client, namespace: str, sessions: list[str]) -> None:
        self.names = sessions
        self.begun: dict[str, Instant] = {}
        self._client = client
        self._namespace = namespace

    async def prepare(self) -> None:
        """Create the secrets that the sessions adopt."""

        async def create(name: str) -> None:
            await self._client.create(SECRETS, self._namespace, manifests.secret(self._namespace, name), Raw)

        await side_by_side(self.names, WRITERS, create)

    async def create(self, culling: Mapping[str, Mapping[str, str]] = MappingProxyType({})) -> None:
        """Create the sessions, with limits of their own for those that are named."""

        async def create(name: str) -> None:
            limits = culling.get(name, manifests.CULLING)
            await self._client.create(SESSIONS, self._namespace, manifests.session(self._namespace, name, limits), Raw)

        await self._act(create)

    async def rest(self) -> None:
        """Let the metrics API say, from now on, that no session computes."""

        async def write(name: str) -> None:
            quiet = metrics_api.measurement(f"{name}-0", names.selector_labels(name), {names.CONTAINER_SESSION: "1m"})
            await self._client.create(POD_METRICS, self._namespace, quiet, Raw)

        await side_by_side(self.names, WRITERS, write)

    async def hibernate(self) -> None:
        """Pause the sessions."""
        await self._set_hibernated(hibernated=True)

    async def resume(self) -> None:
        """Resume the sessions."""
        await self._set_hibernated(hibernated=False)

    async def delete(self) -> None:
        """Delete the sessions, without waiting for what that leads to."""

        async def delete(name: str) -> None:
            await self._client.delete(SESSIONS, (self._namespace, name))

        await self._act(delete)

    async def nothing_left(self) -> None:
        """Return when no child, pod or secret of any session is left; raise BenchError after a long while."""
        deadline = time.monotonic() + patience(len(self.names))
        for resource in (*(child.resource for child in CHILD_KINDS.values()), PODS, SECRETS):
            selection = Selection(self._namespace)
            while items := (await self._client.list(resource, selection, Raw, limit=1)).items:
                if time.monotonic() > deadline:
                    raise BenchError(f"{resource.plural} are left, such as {bytes(items[0])[:300].decode()}")
                await asyncio.sleep(_POLL)

    def since_begun(self, moments: Mapping[str, float]) -> list[float]:
        """Return the seconds from each session's request to its moment of the monotonic clock."""
        return [moment - self.begun[name].monotonic for name, moment in moments.items() if name in self.begun]

    async def _set_hibernated(self, *, hibernated: bool) -> None:
        patch: dict[str, Any] = {"spec": {"hibernated": hibernated}}

        async def write(name: str) -> None:
            await self._client.patch_merge(SESSIONS, (self._namespace, name), patch, Raw)

        await self._act(write)

    async def _act(self, act: Callable[[str], Awaitable[object]]) -> None:
        self.begun.clear()

        async def begin(name: str) -> None:
            self.begun[name] = Instant.now()
            await act(name)

        await side_by_side(self.names, WRITERS, begin)

"""An API server in the test's own process, which fails on command, as a real one does not.

It knows no kinds and checks no schema: any path is a kind. ``objects.py`` holds its state, ``verbs.py`` does what
requests ask for, ``faults.py`` makes it fail. Use: ``async with FakeApi() as api: ... Client(api.config)``.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Self

import msgspec
from aiohttp import web

from amalthea.kube.auth.config import Config
from amalthea.testing.api_server.faults import Fault, describe
from amalthea.testing.api_server.objects import Happened, Objects, Refusal
from amalthea.testing.api_server.verbs import Wanted, concerns, do, initial, line, wanted


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that arrived."""

    verb: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(slots=True)
class _Pending:
    fault: Fault
    times: int | None


@dataclass(slots=True, eq=False)
class _Watcher:
    request: Wanted
    lines: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    dead: bool = False

    @property
    def lists(self) -> bool:
        return self.request.verb == "list"

    def tell(self, change: Happened) -> None:
        if not self.dead and concerns(self.request, change.kind, change.object):
            self.lines.put_nowait(line(change.type, change.object))


class FakeApi:
    """A server on a port of its own; ``objects`` can be changed directly, ``asked`` holds the requests that it got."""

    def __init__(self) -> None:
        self.objects = Objects()
        self.asked: list[Asked] = []
        self.port = 0
        self._faults: dict[str, _Pending] = {}
        self._watchers: list[_Watcher] = []
        self._runner: web.AppRunner | None = None
        self.objects.listeners.append(self._tell)

    @property
    def config(self) -> Config:
        """Return the client configuration for it."""
        return Config(server=f"http://127.0.0.1:{self.port}")

    @property
    def watching(self) -> int:
        """Count the watches that are open; lists that are streamed are not meant."""
        return sum(not watcher.lists for watcher in self._watchers)

    def count(self, verb: str) -> int:
        """Count the requests of a verb: get, list (streamed ones too), watch, create, update, patch, delete."""
        return sum(asked.verb == verb for asked in self.asked)

    def fail(self, verb: str, fault: Fault, times: int | None = None) -> None:
        """Let requests of a verb meet a fault, the next ``times`` of them or (None) all until ``heal``."""
        self._faults[verb] = _Pending(fault, times)

    def heal(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def bookmark(self) -> None:
        """Send a bookmark on every watch."""
        for watcher in self._watchers:
            watcher.lines.put_nowait(line("BOOKMARK", {"metadata": {"resourceVersion": str(self.objects.version)}}))

    def deaden(self, resource: str) -> None:
        """Silence the watches of a resource that are open now, as if their packets were dropped."""
        for watcher in self._watchers:
            watcher.dead |= watcher.request.kind.endswith(f"/{resource}")

    def hang_up(self) -> None:
        """End all open watches cleanly, as a server does when their time is over."""
        for watcher in self._watchers:
            watcher.lines.put_nowait(b"")

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    async def up(self) -> None:
        """Listen, on the same port as before."""
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.01, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def down(self) -> None:
        """Break all connections and refuse new ones."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = wanted(request.method, request.path, request.query, request.content_type)
        self.asked.append(Asked(asked.verb, request.path, dict(request.query), dict(request.headers)))
        try:
            if (fault := self._next_fault(asked.verb)) and (answer := await fault(request)) is not None:
                return answer
            if request.query.get("watch") == "true":
                return await self._watch(request, asked)
            return web.json_response(do(self.objects, asked, await request.read()), dumps=_dumps)
        except Refusal as refusal:
            described = describe(refusal.code, refusal.reason, str(refusal))
            return web.json_response(described, status=refusal.code)

    def _next_fault(self, verb: str) -> Fault | None:
        pending = self._faults.get(verb)
        if pending is None or pending.times == 0:
            return None
        if pending.times is not None:
            pending.times -= 1
        return pending.fault

    async def _watch(self, request: web.Request, asked: Wanted) -> web.StreamResponse:
        watcher = _Watcher(asked)
        for each in initial(self.objects, asked):
            watcher.lines.put_nowait(each)
        self._watchers.append(watcher)
        try:
            response = web.StreamResponse()
            await response.prepare(request)
            while said := await watcher.lines.get():
                await response.write(said)
            return response
        finally:
            self._watchers.remove(watcher)

    def _tell(self, change: Happened) -> None:
        for watcher in self._watchers:
            watcher.tell(change)


def _dumps(value: object) -> str:
    return msgspec.json.encode(value).decode()

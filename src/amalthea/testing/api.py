"""An API server in the test's own process, for what a real one does not do on command: fail.

It knows no kinds and checks no schema: any path is a kind. ``objects.py`` holds its state, ``faults.py`` its moods.
Use: ``async with FakeApi() as api: ... Client(api.config)``.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
from aiohttp import web

from amalthea.engine.ports import Key
from amalthea.kube.config import Config
from amalthea.testing import patches
from amalthea.testing.faults import Fault, describe
from amalthea.testing.objects import Choice, Happened, Manifest, Objects, Refusal

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


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


@dataclass(frozen=True, slots=True)
class _Target:
    """What a path means."""

    kind: str
    namespace: str | None
    name: str
    subresource: str

    @property
    def key(self) -> Key:
        return self.namespace or "", self.name


@dataclass(frozen=True, slots=True, eq=False)
class _Watcher:
    choice: Choice
    lists: bool
    lines: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)

    def tell(self, change: Happened) -> None:
        if change.kind == self.choice.kind and self.choice.takes(change.object):
            self.lines.put_nowait(_line(change.type, change.object))


class FakeApi:
    """A server on a port of its own; ``objects`` can be changed behind its back, ``asked`` is what it was asked."""

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
        """How to reach it."""
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
        """Let there be no more faults."""
        self._faults.clear()

    def bookmark(self) -> None:
        """Send a bookmark on every watch."""
        for watcher in self._watchers:
            watcher.lines.put_nowait(_line("BOOKMARK", {"metadata": {"resourceVersion": str(self.objects.version)}}))

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
        target = _target(request.path)
        verb = VERBS.get(request.method) or _reading_verb(target, request)
        self.asked.append(Asked(verb, request.path, dict(request.query), dict(request.headers)))
        try:
            if (fault := self._next_fault(verb)) and (answer := await fault(request)) is not None:
                return answer
            if request.query.get("watch") == "true":
                return await self._watch(request, _choice(target, request))
            body = await request.read()
            return web.json_response(self._do(verb, target, request, body), dumps=_dumps)
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

    def _do(self, verb: str, target: _Target, request: web.Request, body: bytes) -> Manifest:
        sent: Any = msgspec.json.decode(body) if body else {}
        match verb:
            case "get":
                return self.objects.get(target.kind, target.key)
            case "list":
                return self._list(_choice(target, request), request)
            case "create":
                return self.objects.create(target.kind, target.namespace or "", sent)
            case "update":
                return self.objects.update(target.kind, target.key, sent, target.subresource)
            case "delete":
                held = self.objects.delete(target.kind, target.key, sent.get("preconditions", {}))
                return held or {"kind": "Status", "status": "Success"}
        held = self.objects.get(target.kind, target.key)
        try:
            changed = (patches.merge if "merge" in request.content_type else patches.apply)(held, sent)
        except patches.PatchError:
            message = "the server rejected our request due to an error in our request"
            raise Refusal(422, "Invalid", message) from None
        return self.objects.update(target.kind, target.key, changed, target.subresource)

    def _list(self, choice: Choice, request: web.Request) -> Manifest:
        version, _, after = request.query.get("continue", "").partition(":")
        found = [obj for obj in self.objects.select(choice) if _position(obj) > after]
        limit = int(request.query.get("limit", "0")) or len(found)
        metadata = {"resourceVersion": version or str(self.objects.version)}
        if len(found) > limit:
            metadata["continue"] = f"{metadata['resourceVersion']}:{_position(found[limit - 1])}"
        return {"kind": "List", "metadata": metadata, "items": found[:limit]}

    async def _watch(self, request: web.Request, choice: Choice) -> web.StreamResponse:
        watcher = _Watcher(choice, lists="sendInitialEvents" in request.query)
        self._begin(watcher, request)
        self._watchers.append(watcher)
        try:
            response = web.StreamResponse()
            await response.prepare(request)
            while line := await watcher.lines.get():
                await response.write(line)
            return response
        finally:
            self._watchers.remove(watcher)

    def _begin(self, watcher: _Watcher, request: web.Request) -> None:
        """Send what is there, or what happened since the version that was named."""
        if watcher.lists:
            for obj in self.objects.select(watcher.choice):
                watcher.lines.put_nowait(_line("ADDED", obj))
            metadata: dict[str, Any] = {"resourceVersion": str(self.objects.version)}
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
            watcher.lines.put_nowait(_line("BOOKMARK", {"metadata": metadata}))
        else:
            for change in self.objects.since(int(request.query["resourceVersion"])):
                watcher.tell(change)

    def _tell(self, change: Happened) -> None:
        for watcher in self._watchers:
            watcher.tell(change)


def _target(path: str) -> _Target:
    parts = iter(path.strip("/").split("/"))
    group = "" if next(parts) == "api" else f"{next(parts)}/"
    version = next(parts)
    rest = list(parts)
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "")[:3]
    return _Target(f"{group}{version}/{plural}", namespace, name, subresource)


def _reading_verb(target: _Target, request: web.Request) -> str:
    if target.name:
        return "get"
    follows = request.query.get("watch") == "true" and "sendInitialEvents" not in request.query
    return "watch" if follows else "list"


def _choice(target: _Target, request: web.Request) -> Choice:
    query = request.query
    return Choice(target.kind, target.namespace, query.get("labelSelector", ""), query.get("fieldSelector", ""))


def _position(obj: Manifest) -> str:
    return f"{obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"


def _line(type_: str, obj: Manifest) -> bytes:
    return msgspec.json.encode({"type": type_, "object": obj}) + b"\n"


def _dumps(value: object) -> str:
    return msgspec.json.encode(value).decode()

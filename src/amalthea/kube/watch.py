"""Lists and watches of one kind of object: the engine's `Source` over HTTP.

Lists come as a stream where the server can do that (it then keeps no copy of the whole), else in pages. A watch that
says nothing for longer than bookmarks take is ended: it may be half-open. `engine.reflector` decides what comes next.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from typing import Generic, TypeAlias, TypeVar

import msgspec

from amalthea.engine.ports import EventType, Key, Listed, T, WatchEvent, key_of
from amalthea.kube import errors, nesting
from amalthea.kube.client import Client
from amalthea.kube.resource import Resource, Selection
from amalthea.kube.transport import Request
from amalthea.kube.watch_lines import Frame, LineSplitter, Metadata, frame, metadata

E = TypeVar("E")

PAGE = 500
"""Objects per page of a list."""

SILENCE = 90.0
"""Seconds without a message after which a watch is taken for half-open: bookmarks come about once a minute."""

LIST_SILENCE = 10.0
"""Seconds without a message after which a streamed list is given up: with an old etcd it never ends."""

LIST_LIMIT = 60.0
"""Seconds after which a streamed list is given up although messages come: a server that takes it for a watch sends the
changes of a busy kind for ever."""

Decode: TypeAlias = Callable[[msgspec.Raw], T]
"""Makes a projection of an object's JSON; raises if it cannot, mostly msgspec.ValidationError."""

Unreadable: TypeAlias = Callable[[str, Key, Exception], None]
"""Called with the kind, the key and the reason when an object cannot be decoded: it stays as it was."""


class KubeSource(Generic[T]):
    """One kind of object, or a selection of it, each as the projection that `decode` makes."""

    def __init__(
        self, client: Client, resource: Resource, decode: Decode[T], selection: Selection, unreadable: Unreadable
    ) -> None:
        self._client = client
        self._resource = resource
        self._decode = nesting.tolerant(decode)
        self._selection = selection
        self._unreadable = unreadable
        self._can_stream_lists = True

    @property
    def name(self) -> str:
        """The kind's plural name."""
        return self._resource.plural

    async def list(self) -> Listed[T]:
        """Return all objects, as of now."""
        if self._can_stream_lists:
            try:
                async with asyncio.timeout(LIST_LIMIT):
                    return await self._stream_list()
            except (errors.Invalid, TimeoutError, _Incomplete):
                self._can_stream_lists = False
        return await self._page_list()

    @asynccontextmanager
    async def watch(self, resource_version: str) -> AsyncIterator[AsyncIterator[WatchEvent[T]]]:
        """Follow what happens after a version; the stream ends when the server ends it, or falls silent."""
        # No timeoutSeconds: the server then draws one of its own, of half an hour to an hour.
        request = self._request("watch", {"resourceVersion": resource_version})
        async with (
            self._client.transport.stream(request, SILENCE) as chunks,
            aclosing(_follow(chunks, lambda line: self._event(frame(line, str(request))))) as events,
        ):
            yield events

    def _event(self, said: Frame) -> WatchEvent[T]:
        type_ = EventType(said.type)
        if type_ in {EventType.ADDED, EventType.MODIFIED}:
            obj = self._read(said.object)
            if not isinstance(obj, Metadata):
                return WatchEvent(type_, obj.metadata.resource_version, key_of(obj), obj)
            return WatchEvent(EventType.BOOKMARK, obj.resource_version)
        known = metadata(said.object)
        return WatchEvent(type_, known.resource_version, known.key if type_ is EventType.DELETED else None)

    def _read(self, body: msgspec.Raw) -> T | Metadata:
        """Decode an object; only its metadata, and say so, if it is not as it should be."""
        try:
            return self._decode(body)
        except Exception as error:  # noqa: BLE001 one object must not hide all others of its kind
            known = metadata(body)
            self._unreadable(self.name, known.key, error)
            return known

    async def _stream_list(self) -> Listed[T]:
        request = self._request("list", {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"})
        found: dict[Key, T | Metadata] = {}
        async with (
            self._client.transport.stream(request, LIST_SILENCE) as chunks,
            aclosing(_follow(chunks, lambda line: frame(line, str(request)))) as frames,
        ):
            async for said in frames:
                if said.type in {"ADDED", "MODIFIED"}:
                    obj = self._read(said.object)
                    found[obj.key if isinstance(obj, Metadata) else key_of(obj)] = obj
                    continue
                known = metadata(said.object)
                if said.type == "DELETED":
                    found.pop(known.key, None)
                elif known.ends_initial_events:
                    return _listed(found.values(), known.resource_version)
        raise _Incomplete

    async def _page_list(self) -> Listed[T]:
        found: list[T | Metadata] = []
        continue_ = ""
        while True:
            page = await self._client.list(self._resource, self._selection, msgspec.Raw, PAGE, continue_)
            found += [self._read(item) for item in page.items]
            continue_ = page.continue_
            if not continue_:
                return _listed(found, page.resource_version)

    def _request(self, verb: str, query: dict[str, str]) -> Request:
        query |= self._selection.query() | {"watch": "true", "allowWatchBookmarks": "true"}
        path = self._resource.collection(self._selection.namespace)
        return Request(verb, self._resource.qualified, "GET", path, query)


class _Incomplete(Exception):  # noqa: N818 it is what happened
    """A streamed list ended, or fell silent, before it was complete."""


def _listed(found: Iterable[T | Metadata], version: str) -> Listed[T]:
    read = [obj for obj in found if not isinstance(obj, Metadata)]
    unread = frozenset(obj.key for obj in found if isinstance(obj, Metadata))
    return Listed(read, version, unread)


async def _follow(chunks: AsyncIterator[bytes], read: Callable[[bytes], E]) -> AsyncGenerator[E, None]:
    """Read the lines of a stream until it ends, or falls silent."""
    splitter = LineSplitter()
    try:
        async for chunk in chunks:
            for line in splitter.feed(chunk):
                yield read(line)
    except TimeoutError:
        return

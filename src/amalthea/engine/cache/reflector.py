"""Keeps a store equal to the server: list, then watch, for as long as the operator lives.

It takes objects from a `ports.Source` to a `store.Store`. Whatever fails, it goes on: from the last version it saw
where the server still knows it, by a new list and the difference to it where not.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from typing import Generic, NoReturn, Protocol

from amalthea.engine.backoff import Backoff
from amalthea.engine.cache.store import Store
from amalthea.engine.ports import Clock, Expired, Refused, Source, T, Unavailable, WatchEvent

WATCH_SPACING = 1.0
"""Seconds from the start of one watch to the start of the next, at least: a server that ends each after a few events
would otherwise be asked without pause."""

QUIET = 75.0
"""Seconds of silence after which a watch that ended is not believed: a bookmark is due each minute, also where nothing
happens. That a watch begins says nothing: what is between us and the server may keep back all that follows."""


class ReflectorObserver(Protocol):
    """Notified of the lists, watches and failures of a reflector, for logs and metrics."""

    def listed(self, name: str, count: int) -> None:
        """All objects of `name` were listed."""
        ...

    def received(self, name: str) -> None:
        """One message of the watch was taken in."""
        ...

    def failed(self, name: str, error: Exception, retry_in: float) -> None:
        """A list or a watch failed; the next one starts in `retry_in` seconds.

        Of connections refused in a row, only the first is reported.
        """
        ...

    def back(self, name: str) -> None:
        """The server takes connections again."""
        ...


class Reflector(Generic[T]):
    """Runs one source into one store. `synced` is set once the store holds everything."""

    def __init__(
        self, source: Source[T], store: Store[T], clock: Clock, backoff: Backoff, observer: ReflectorObserver
    ) -> None:
        self.name = source.name
        self.synced = asyncio.Event()
        self._source = source
        self._store = store
        self._clock = clock
        self._backoff = backoff
        self._observer = observer
        self._heard_at: float | None = None
        self._version: str | None = None
        self._failures = 0
        self._refused = False
        self._open = False
        self._end: asyncio.Timeout | None = None
        self._pause: asyncio.Future[None] | None = None

    @property
    def silent_for(self) -> float:
        """Seconds since the server last listed or sent anything, a bookmark included: the store may be that old."""
        return self._clock.monotonic() - self._heard_at if self._heard_at is not None else math.inf

    async def run(self) -> NoReturn:
        """Follow the server until cancelled; no error ends it."""
        while True:
            started = self._clock.monotonic()
            try:
                version = self._version or await self._list()
                moved = await self._watch(version)
            except Exception as error:  # noqa: BLE001 a reflector that dies leaves the operator blind and silent
                await self._recover(error)
            else:
                if moved is not None:
                    await self._rest(started, moved=moved)

    @property
    def live(self) -> bool:
        """Return whether a watch is open."""
        return self._open

    def renew(self) -> None:
        """Open a new watch from where the present one is, which may have died silently; if none is open, try at once.

        A dead watch may go unnoticed for a minute and more, and a backoff may last as long.
        """
        if self._pause is not None:
            self._failures = 0
            self._pause.cancel()
        if self._end is not None and self._open:
            self._open = False
            self._end.reschedule(asyncio.get_running_loop().time())

    async def _list(self) -> str:
        listed = await self._source.list()
        self._reached()
        self._heard_at = self._clock.monotonic()
        self._store.replace(listed)
        self._version = listed.resource_version
        self.synced.set()
        self._observer.listed(self.name, len(listed.items))
        return listed.resource_version

    async def _watch(self, version: str) -> bool | None:
        """Follow one watch to its end; return whether it brought anything, or None if another is to be opened at once.

        Only that counts as success: a server may list well and end each watch as expired.
        """
        try:
            async with asyncio.timeout(None) as end, self._source.watch(version) as events:
                self._end = end
                self._reached()
                self._open = True
                moved = await self._follow(events)
        except TimeoutError:
            if not end.expired():
                raise
            return None
        finally:
            self._open = False
        if self.silent_for > QUIET:
            self._version = None
        return moved

    async def _follow(self, events: AsyncIterator[WatchEvent[T]]) -> bool:
        moved = False
        async for event in events:
            if self._goes_back(event.resource_version):
                raise Expired("the server's data are older than what it sent before, as after a restore from a backup")
            self._heard_at = self._clock.monotonic()
            self._store.apply(event)
            self._version = event.resource_version
            self._failures = 0
            self._observer.received(self.name)
            moved = True
        return moved

    def _goes_back(self, version: str) -> bool:
        """Return whether a message is older than the watch: such a server sends no change until it has caught up."""
        return self._version is not None and int(version) < int(self._version)

    async def _recover(self, error: Exception) -> None:
        if isinstance(error, Refused):
            await self._knock(error)
            return
        if isinstance(error, Expired):
            self._version = None
        self._failures += 1
        asked = error.retry_after if isinstance(error, Unavailable) else None
        delay = self._backoff.delay(self._failures, at_least=asked)
        self._observer.failed(self.name, error, delay)
        self._pause = asyncio.ensure_future(self._clock.sleep(delay))
        try:
            await asyncio.wait({self._pause})
        finally:
            self._pause.cancel()
            self._pause = None

    async def _knock(self, error: Refused) -> None:
        delay = self._backoff.knock()
        if not self._refused:
            self._refused = True
            self._observer.failed(self.name, error, delay)
        await self._clock.sleep(delay)

    def _reached(self) -> None:
        if self._refused:
            self._refused = False
            self._observer.back(self.name)

    async def _rest(self, started: float, *, moved: bool) -> None:
        """Wait before the next watch: a server that ends watches at once must not be asked without pause."""
        pause = WATCH_SPACING if moved else self._backoff.delay(self._failures + 1)
        left = pause - (self._clock.monotonic() - started)
        self._failures = 0 if moved or left <= 0 else self._failures + 1
        await self._clock.sleep(max(0.0, left))

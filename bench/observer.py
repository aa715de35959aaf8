"""The benchmark's observer: two watches, as clients have them, and when each session got where.

It uses the operator's watch client and none of its caches, and decodes only the few fields that it reads.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Self

import msgspec

from amalthea.engine.ports import EventType, Key, WatchEvent
from amalthea.kube.client import Client
from amalthea.kube.resource import Resource, Selection
from amalthea.kube.watch import KubeSource
from amalthea.operator.kinds import CHILD_KINDS, SESSIONS
from lab.base.progress import Step

RUNNING, HIBERNATED = "Running", "Hibernated"
IDLE = "idle"
STATEFULSET_READY = "StatefulSet ready"
SESSION_GONE, STATEFULSET_GONE = "session gone", "StatefulSet gone"
_POLL = 0.05


class BenchError(Exception):
    """A benchmark that cannot go on; the text says what did not happen."""


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """The fields that the watches read of every object's metadata."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class Condition(msgspec.Struct, frozen=True):
    """The fields that the watch reads of a condition."""

    type: str = ""
    status: str = ""
    reason: str = ""


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """The fields that the watch reads of a session's status."""

    state: str = ""
    error: str = ""
    conditions: list[Condition] = []
    will_hibernate_at: datetime | None = None


class Session(msgspec.Struct, frozen=True):
    """The fields that the watch reads of a session."""

    metadata: Metadata = Metadata()
    status: Status = Status()

    @property
    def told(self) -> tuple[str, str]:
        """The state, and the reason of the condition Ready, as a user sees them."""
        return self.status.state, next((c.reason for c in self.status.conditions if c.type == "Ready"), "")

    @property
    def idle(self) -> bool:
        """Return whether the operator has found that nobody works in it."""
        return any(c.type == "Idle" and c.status == "True" for c in self.status.conditions)


class Replicas(msgspec.Struct, frozen=True, rename="camel"):
    """The fields that the watch reads of a StatefulSet's status."""

    ready_replicas: int = 0


class StatefulSet(msgspec.Struct, frozen=True):
    """The fields that the watch reads of a StatefulSet."""

    metadata: Metadata = Metadata()
    status: Replicas = Replicas()


class Sightings:
    """The times at which each session was first seen in each state since the last `forget()`, and its present state."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, dict[str, float]] = defaultdict(dict)
        self._now: dict[str, Session] = {}
        self.transitions = 0
        self.promised: dict[str, float] = {}
        """The time at which each session will be paused, or was, by its latest status; in Unix time."""

    def forget(self) -> None:
        """Start anew: only what is seen from now on counts."""
        self._seen.clear()

    def of(self, what: str) -> Mapping[str, float]:
        """Return the moments, in seconds of the clock, by the session's name."""
        return self._seen[what]

    def session(self, event: WatchEvent[Session]) -> None:
        """Take in news of a session."""
        if event.type is EventType.DELETED and event.key is not None:
            self._now.pop(event.key[1], None)
            self._note(SESSION_GONE, event.key[1])
        elif event.object is not None:
            seen, name = event.object, event.object.metadata.name
            former = self._now.get(name)
            self.transitions += former is not None and former.told != seen.told
            self._now[name] = seen
            self._note(seen.status.state, name)
            if seen.status.will_hibernate_at is not None:
                self.promised[name] = seen.status.will_hibernate_at.timestamp()
            if seen.idle:
                self._note(IDLE, name)

    def statefulset(self, event: WatchEvent[StatefulSet]) -> None:
        """Take in news of a StatefulSet, which has its session's name."""
        if event.type is EventType.DELETED and event.key is not None:
            self._note(STATEFULSET_GONE, event.key[1])
        elif event.object is not None and event.object.status.ready_replicas:
            self._note(STATEFULSET_READY, event.object.metadata.name)

    def describe(self, name: str) -> str:
        """Return the state of a session, for a message."""
        session = self._now.get(name)
        if session is None:
            return f"{name} is not there"
        state, reason = session.told
        return f"{name} is {state} ({reason or 'no reason'}) {session.status.error}".rstrip()

    def _note(self, what: str, name: str) -> None:
        self._seen[what].setdefault(name, self._clock())


class Observer:
    """Watches all sessions and StatefulSets while the context is open."""

    def __init__(self, client: Client) -> None:
        self.sightings = Sightings()
        self._client = client
        self._watches: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        statefulsets = CHILD_KINDS["StatefulSet"].resource
        self._watches = [
            await self._watch(SESSIONS, Session, self.sightings.session),
            await self._watch(statefulsets, StatefulSet, self.sightings.statefulset),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)

    async def until(self, what: str, names: list[str], step: Step) -> None:
        """Return when every session of those names was seen there.

        Raises:
            BenchError: that did not happen in a long while.
            ApiError: the watches failed.
        """
        deadline = time.monotonic() + patience(len(names))
        while missing := [name for name in names if name not in self.sightings.of(what)]:
            step.at(len(names) - len(missing), len(names))
            if time.monotonic() > deadline:
                raise BenchError(
                    f"{len(missing)} of {len(names)} sessions did not get to {what!r} in {patience(len(names)):.0f} s: "
                    f"{self.sightings.describe(missing[0])}"
                )
            for watch in self._watches:
                if watch.done():
                    watch.result()
            await asyncio.sleep(_POLL)

    async def _watch(
        self, resource: Resource, into: type[Any], take: Callable[[WatchEvent[Any]], None]
    ) -> asyncio.Task[None]:
        decode = msgspec.json.Decoder(into).decode
        source = KubeSource(self._client, resource, decode, Selection(), _unreadable)
        version = (await source.list()).resource_version
        return asyncio.create_task(_follow(source, version, take))


def patience(sessions: int) -> float:
    """Return how many seconds to wait for so many sessions: far longer than it should take on a slow machine."""
    return 60.0 + sessions


async def _follow(source: KubeSource[Any], version: str, take: Callable[[WatchEvent[Any]], None]) -> None:
    """Take in all news; a watch that the server ends, as it does with slow readers, goes on where it ended."""
    while True:
        async with source.watch(version) as events:
            async for event in events:
                version = event.resource_version
                take(event)
        await asyncio.sleep(_POLL)


def _unreadable(kind: str, key: Key, error: Exception) -> None:
    raise BenchError(f"{kind} {key} cannot be read: {error}")

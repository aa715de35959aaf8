"""The operator's loop around one session, on a clock that a test moves: the real reconciler before a fake API server.

Its caches know each change at once. The session is looked at when it is due or woken, never else, as in production.
"""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry
from ulid import ULID

from amalthea.api.schema import Manifest
from amalthea.children.secret import draw
from amalthea.engine.backoff import Backoff
from amalthea.engine.ports import Key, Listed, Stale
from amalthea.engine.work.queue import Priority, WorkQueue
from amalthea.kube.client import Client
from amalthea.kube.errors import ApiError
from amalthea.kube.resource import Selection
from amalthea.model.plan import Fresh
from amalthea.model.views.door import NoAnswerError
from amalthea.model.views.usage import Usage
from amalthea.operator.actors import Actors, Generators
from amalthea.operator.drift import DriftSearch
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.inputs.door_client import Ring
from amalthea.operator.inputs.door_poller import DoorPoller
from amalthea.operator.inputs.event_lookup import EventLookup
from amalthea.operator.inputs.given_claims import GivenClaims
from amalthea.operator.inputs.job_poller import JobPoller
from amalthea.operator.inputs.usage_poller import UsagePoller
from amalthea.operator.kinds import WATCHED
from amalthea.operator.reconcile import Reconciler
from amalthea.operator.telemetry.deletion_counter import DeletionCounter
from amalthea.operator.telemetry.instrumentation import SessionTelemetry
from amalthea.operator.telemetry.metrics import OperatorMetrics
from amalthea.operator.writers.children import ChildWriter
from amalthea.operator.writers.culler import Culler
from amalthea.operator.writers.event_recorder import EventRecorder
from amalthea.operator.writers.finalizer import Finalizer
from amalthea.operator.writers.last_resort import LastResort
from amalthea.operator.writers.refusals import Refusals
from amalthea.operator.writers.reverted_writes import RevertedWrites
from amalthea.operator.writers.status_pacer import StatusPacer
from amalthea.operator.writers.status_writer import StatusWriter
from amalthea.settings import Settings
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Choice, Happened
from amalthea.testing.clock import FakeClock

PATHS = {kind: f"{each.resource.api_version}/{each.resource.plural}" for kind, each in WATCHED.items()}
"""How the fake API server names each kind."""

BACKOFF = timedelta(seconds=5)
"""After how long a pass that failed is done again."""


async def nobody(_: str) -> bytes:
    """Ring at a door that nobody opens."""
    raise NoAnswerError("no door")


class Loop:
    """One operator and one session. `cpu` is what it uses, None if unknown; `ring` asks its door.

    `ask_for_job` asks the controller of a remote session.
    """

    def __init__(
        self, api: FakeApi, client: Client, clock: FakeClock, session: Key, ring: Ring, ask_for_job: Ring = nobody
    ) -> None:
        self.cpu: Decimal | None = Decimal(0)
        self._clock = clock
        self._session = session
        self._due: datetime | None = clock.now()
        self._woken = False
        self._api = api
        self._silent_since: dict[str, float] = {}
        self._caches = Caches(lambda *_: self._wake(session))
        self._door_poller = DoorPoller(ring, clock, lambda _: None)
        self._job_poller = JobPoller(ask_for_job, clock, asks=True)
        self._door_poller.wake = self._job_poller.wake = self._wake
        queue = WorkQueue(clock, Backoff(random.Random(1)))
        self._event_lookup = EventLookup(client, clock, queue)
        self._event_lookup.wake = self._wake
        self._caches.silent_for = self._silent_for
        self._audit = DriftSearch(client, self._caches, Settings(), clock, Backoff(random.Random(1)))
        self._reconciler = self._reconciler_before(client, queue)
        self._follow()

    async def run(self, until: datetime) -> None:
        """Let time pass, and look at the session whenever it is to be looked at."""
        asking = [asyncio.create_task(each.run()) for each in (self._door_poller, self._job_poller, self._event_lookup)]
        while True:
            await self._clock.advance(0)
            if self._woken or (self._due is not None and self._due <= self._clock.now()):
                await self._look()
            elif (ahead := min(until, self._due or until)) > self._clock.now():
                await self._clock.advance((ahead - self._clock.now()).total_seconds())
            else:
                break
        for each in asking:
            each.cancel()

    async def begin_term(self, watched_until: datetime | None) -> None:
        """Take over from a leader that was last known to be at work then: look for drift, and at the session."""
        self._reconciler.begin_term(watched_until)
        await self._audit.run()
        self._wake(self._session)

    def hear_nothing_of(self, *kinds: str) -> None:
        """Silence the watches of these kinds from now on; a kind that is heard of again is listed again."""
        heard_again = self._silent_since.keys() - set(kinds)
        self._silent_since = {kind: self._silent_since.get(kind, self._clock.monotonic()) for kind in kinds}
        for kind in heard_again:
            self._list(kind)

    def poll(self) -> None:
        """Measure the session, as the poll of the metrics API does from time to time."""
        if (usage := self._measure()) is not None:
            self._usage.continuity.measured(self._session, usage.at)
        self._wake(self._session)

    def wake(self) -> None:
        """Look at the session at the next moment, as if something about it had changed."""
        self._woken = True

    async def _look(self) -> None:
        self._woken = False
        try:
            self._due = (await self._reconciler.reconcile(self._session)).wake_at
        except Stale:
            self._woken = True
        except ApiError:
            self._due = self._clock.now() + BACKOFF

    def _wake(self, _: Key, __: Priority = Priority.BACKGROUND) -> None:
        self._woken = True

    def _measure(self) -> Usage | None:
        return Usage(self.cpu, self._clock.now()) if self.cpu is not None else None

    def _silent_for(self, kind: str) -> float:
        return self._clock.monotonic() - self._silent_since[kind] if kind in self._silent_since else 0.0

    def _follow(self) -> None:
        """Take in what is there, and what changes from now on, as a watch would deliver it."""
        for kind in PATHS:
            self._list(kind)
        kinds = {path: kind for kind, path in PATHS.items()}
        self._api.objects.listeners.append(lambda change: self._hear(kinds.get(change.kind), change))

    def _list(self, kind: str) -> None:
        found = tuple(map(self._read(kind), self._api.objects.select(Choice(PATHS[kind]))))
        self._caches.stores[kind].replace(Listed(found, str(self._api.objects.version)))

    def _hear(self, kind: str | None, change: Happened) -> None:
        if kind is None or kind in self._silent_since:
            return
        if change.type == "DELETED":
            metadata = change.object["metadata"]
            self._caches.stores[kind].observe_deleted((metadata["namespace"], metadata["name"]), metadata["uid"])
        else:
            self._caches.stores[kind].observe(self._read(kind)(change.object))

    def _read(self, kind: str) -> Callable[[Manifest], Any]:
        return lambda found: WATCHED[kind].decode(msgspec.json.encode(found))

    def _reconciler_before(self, client: Client, queue: WorkQueue) -> Reconciler:
        clock, caches, metrics = self._clock, self._caches, OperatorMetrics(CollectorRegistry())
        deletions, refusals = DeletionCounter(metrics.deleted), Refusals(clock)
        recorder, telemetry = EventRecorder(client, queue, clock, "operator"), SessionTelemetry(metrics, clock)
        status_writer = StatusWriter(client, caches, recorder, StatusPacer(clock, queue), telemetry)
        given_claims = GivenClaims(client, caches)
        culler = Culler(client, caches, recorder, deletions, given_claims)
        actors = Actors(
            ChildWriter(client, caches, refusals, RevertedWrites(clock), telemetry, given_claims),
            refusals,
            Finalizer(client, caches),
            status_writer,
            culler,
            deletions,
            self._event_lookup,
            self._door_poller,
            self._job_poller,
            LastResort(caches, status_writer, culler, clock),
            given_claims,
        )
        usage = self._usage = _FreshUsage(client, Selection(None), clock, 30.0, metrics.usage_polled)
        usage.now = self._measure
        chance = Generators(
            Fresh(lambda: str(ULID.from_datetime(clock.now()))), partial(draw, random.Random(1).randbytes)
        )
        return Reconciler(caches, usage, actors, Settings(), clock, chance)


class _FreshUsage(UsagePoller):
    """Measures at each look, so that no test waits for the metrics API."""

    now: Callable[[], Usage | None]

    def of(self, session: Key) -> Usage | None:  # noqa: ARG002
        return self.now()

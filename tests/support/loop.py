"""The operator's loop around one session, on a clock that a test moves: the real reconciler before a fake API server.

Its caches know each change at once. The session is looked at when it is due or woken, never else, as in earnest.
"""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

import msgspec
from prometheus_client import CollectorRegistry
from ulid import ULID

from amalthea.api.schema import Manifest
from amalthea.api.settings import Settings
from amalthea.build.secret import draw
from amalthea.engine.backoff import Backoff
from amalthea.engine.ports import Key, Stale
from amalthea.engine.queue import WorkQueue
from amalthea.kube.client import Client
from amalthea.kube.errors import ApiError
from amalthea.kube.resource import Selection
from amalthea.model.plan import Fresh
from amalthea.model.usage import Usage
from amalthea.operator.announce import Announcer
from amalthea.operator.apply import Applier
from amalthea.operator.caches import BLIND_AFTER, Caches
from amalthea.operator.deletions import Deletions
from amalthea.operator.doorbell import Ring
from amalthea.operator.doorman import Doorman
from amalthea.operator.ender import Ender
from amalthea.operator.finalize import Finalizer
from amalthea.operator.inquirer import Inquirer
from amalthea.operator.kinds import WATCHED
from amalthea.operator.observers import Living
from amalthea.operator.pacer import PROGRESS, QUESTIONS, Pacer
from amalthea.operator.reconcile import Chance, Hands, Reconciler
from amalthea.operator.recorder import Recorder
from amalthea.operator.refusals import Refusals
from amalthea.operator.usage import UsagePoller
from amalthea.telemetry.metrics import OperatorMetrics
from amalthea.testing.api import FakeApi
from amalthea.testing.clock import FakeClock
from amalthea.testing.objects import Choice, Happened

PATHS = {kind: f"{each.resource.api_version}/{each.resource.plural}" for kind, each in WATCHED.items()}
"""How the fake API server names each kind."""

BACKOFF = timedelta(seconds=5)
"""After how long a pass that failed is done again."""


class Loop:
    """One operator and one session. `cpu` is what the session uses, `ring` asks its door."""

    def __init__(self, api: FakeApi, client: Client, clock: FakeClock, session: Key, ring: Ring) -> None:
        self.cpu = Decimal(0)
        self._clock = clock
        self._session = session
        self._due: datetime | None = clock.now()
        self._woken = False
        self._caches = Caches(lambda *_: self._wake(session))
        self._doorman = Doorman(ring, clock, lambda _: None)
        self._doorman.wake = self._wake
        self._reconciler = self._reconciler_before(client)
        self._follow(api)

    async def run(self, until: datetime) -> None:
        """Let time pass, and look at the session whenever it is to be looked at."""
        asking = asyncio.create_task(self._doorman.run())
        while True:
            await self._clock.advance(0)
            if self._woken or (self._due is not None and self._due <= self._clock.now()):
                await self._look()
            elif (ahead := min(until, self._due or until)) > self._clock.now():
                await self._clock.advance((ahead - self._clock.now()).total_seconds())
            else:
                break
        asking.cancel()

    def begin_term(self, watched_until: datetime | None) -> None:
        """Take over from a leader that was last known to be at work then."""
        self._reconciler.begin_term(watched_until)

    def hear_of_pods(self, *, heard: bool) -> None:
        """Say whether the watch of pods brings anything."""
        self._caches.pods_silent_for = lambda: 0.0 if heard else BLIND_AFTER + 1

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

    def _wake(self, _: Key) -> None:
        self._woken = True

    def _follow(self, api: FakeApi) -> None:
        """Know what is there, and what changes from now on, as a watch would tell."""
        for kind, path in PATHS.items():
            for found in api.objects.select(Choice(path)):
                self._learn(kind, found)
        kinds = {path: kind for kind, path in PATHS.items()}
        api.objects.listeners.append(lambda change: self._hear(kinds.get(change.kind), change))

    def _hear(self, kind: str | None, change: Happened) -> None:
        if kind is not None and change.type != "DELETED":
            self._learn(kind, change.object)

    def _learn(self, kind: str, found: Manifest) -> None:
        self._caches.stores[kind].observe(WATCHED[kind].decode(msgspec.json.encode(found)))

    def _reconciler_before(self, client: Client) -> Reconciler:
        clock, caches, metrics = self._clock, self._caches, OperatorMetrics(CollectorRegistry())
        queue = WorkQueue(clock, Backoff(random.Random(1)))
        deletions, refusals = Deletions(metrics.deleted), Refusals(clock)
        recorder, living = Recorder(client, queue, clock, "operator"), Living(metrics, clock)
        hands = Hands(
            Applier(client, caches, refusals, living),
            refusals,
            Finalizer(client, caches),
            Announcer(client, caches, recorder, Pacer(clock, queue, PROGRESS), living),
            Ender(client, caches, recorder, deletions),
            deletions,
            Inquirer(client, clock, Pacer(clock, queue, QUESTIONS)),
            self._doorman,
        )
        usage = _FreshUsage(client, Selection(None), clock, 30.0, metrics.usage_polled)
        usage.now = lambda: Usage(self.cpu, clock.now())
        chance = Chance(Fresh(lambda: str(ULID.from_datetime(clock.now()))), partial(draw, random.Random(1).randbytes))
        return Reconciler(caches, usage, hands, Settings(), clock, chance)


class _FreshUsage(UsagePoller):
    """Measures at each look, so that no test waits for the metrics API."""

    now: Callable[[], Usage]

    def of(self, session: Key) -> Usage | None:  # noqa: ARG002
        return self.now()

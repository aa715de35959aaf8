"""One operator: caches that are kept up to date, and the work on sessions, under the Lease, until it is stopped."""

import asyncio
import logging
import math
import random
import secrets
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeAlias

from ulid import ULID

from amalthea.api import names
from amalthea.children.secret import draw
from amalthea.engine import slots
from amalthea.engine.backoff import Backoff
from amalthea.engine.cache.reflector import Reflector
from amalthea.engine.lease.elector import Candidate, Elector
from amalthea.engine.ports import Clock, Key
from amalthea.engine.supervisor import Supervisor
from amalthea.engine.work.controller import Controller, Reconcile
from amalthea.engine.work.queue import Priority, WorkQueue
from amalthea.engine.work.room import Bounds
from amalthea.kube.client import Client
from amalthea.kube.crowd import MOST
from amalthea.kube.lease import KubeLease
from amalthea.kube.resource import Selection
from amalthea.kube.watch import KubeSource
from amalthea.model.plan import Fresh
from amalthea.operator import process
from amalthea.operator.actors import Actors, Generators
from amalthea.operator.drift import DriftSearch
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.inputs.door_client import ask_for_job, ring
from amalthea.operator.inputs.door_poller import DoorPoller
from amalthea.operator.inputs.event_lookup import EventLookup
from amalthea.operator.inputs.first_poll import FirstPoll
from amalthea.operator.inputs.given_claims import GivenClaims
from amalthea.operator.inputs.job_poller import JobPoller
from amalthea.operator.inputs.usage_poller import UsagePoller
from amalthea.operator.kinds import WATCHED
from amalthea.operator.reconcile import Reconciler
from amalthea.operator.telemetry import instrumentation
from amalthea.operator.telemetry.deletion_counter import DeletionCounter
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

STOP_GRACE = 5.0
"""Seconds that passes in flight may take to end after SIGTERM; the pod has ten."""
FLUSH_GRACE = 1.0
"""Seconds for the Events that wait at that time."""
ROOM = 6
"""Passes per worker that may be under way, those that hang left out after a while."""
AGAIN = MOST // 6
"""Passes at a time over sessions that took long before: each may have half a dozen requests under way."""

RECENT = 1.0
"""Seconds: a watch that brought something so lately is alive."""
RENEWED_WITHIN = 15.0
"""Seconds for all watches to be open again when a term begins; after that, what is known has to do."""
MISSED_WITHIN = 2.0
"""Seconds from then on for what had been missed to come, which a server sends as soon as a watch is open."""
QUIET = 0.25
"""Seconds in which nothing came: then nothing had been missed, or all of it is there."""

Trace: TypeAlias = Callable[[Reconcile], Reconcile]

_log = logging.getLogger("amalthea.operator")


class Operator:
    """The caches with their reflectors, the queue, and the controller that works it off."""

    def __init__(
        self, client: Client, settings: Settings, metrics: OperatorMetrics, clock: Clock, trace: Trace | None = None
    ) -> None:
        self.clock = clock
        self._random = random.SystemRandom()
        self._settings = settings
        self._metrics = metrics
        backoff = Backoff(self._random)
        self.queue = WorkQueue(self.clock, backoff, Bounds(ROOM * settings.workers, AGAIN))
        self.caches = Caches(self._wake)
        self._at_work = False
        self._reflectors = [
            Reflector(
                KubeSource(client, watched.resource, watched.decode, self._selection(kind), instrumentation.unreadable),
                self.caches.stores[kind],
                self.clock,
                backoff,
                instrumentation.WatchTelemetry(metrics, self.queue.hasten),
            )
            for kind, watched in WATCHED.items()
        ]
        reflectors = dict(zip(WATCHED, self._reflectors, strict=True))
        self.caches.silent_for = lambda kind: reflectors[kind].silent_for
        self._supervisor = Supervisor(self.clock, backoff, instrumentation.BackgroundTelemetry(metrics).failed)
        self._recorder = EventRecorder(client, self.queue, self.clock, settings.identity)
        self._event_lookup = EventLookup(client, self.clock, self.queue)
        interval = settings.usage_interval.total_seconds()
        self._usage = UsagePoller(client, self._selection("Pod"), self.clock, interval, metrics.usage_polled)
        self._usage.wake = self.queue.add
        self._door_poller = DoorPoller(ring, self.clock, metrics.door_answered, asks=settings.ask_doors)
        self._job_poller = JobPoller(ask_for_job, self.clock, asks=settings.ask_doors)
        self._door_poller.wake = self._job_poller.wake = self.queue.add
        metrics.usage_followed.set_function(lambda: self._usage.followed)
        run_ids = Fresh(lambda: str(ULID.from_datetime(self.clock.now())))
        chance = Generators(run_ids, partial(draw, secrets.token_bytes))
        self._audit = DriftSearch(client, self.caches, settings, self.clock, backoff)
        self._first_poll = FirstPoll(self._usage, self.caches, self.clock, self.queue.add)
        self._reconciler = Reconciler(self.caches, self._usage, self._actors(client), settings, self.clock, chance)
        self._reconciler.forget_failures = self.queue.forget
        reconcile = trace(self._reconciler.reconcile) if trace is not None else self._reconciler.reconcile
        reconcile = self._first_poll.before(reconcile)
        places = slots.Slots(settings.workers, self.clock, slots.PATIENCE, client.transport.slow)
        self._controller = Controller(
            self.queue, reconcile, places, self.clock, instrumentation.ReconcileTelemetry(metrics)
        )

    def _wake(self, key: Key, priority: Priority) -> None:
        """Queue a session. One that is deleted while another replica leads is forgotten: its key would wait forever."""
        if self._at_work or self.caches.session(key) is not None:
            self.queue.add(key, priority)
        else:
            self.queue.drop(key)
            self._reconciler.forget(key)

    def missing(self) -> str:
        """Name the kinds that have not been listed yet; empty when the operator is ready."""
        unsynced = [reflector.name for reflector in self._reflectors if not reflector.synced.is_set()]
        return f"waiting for lists of: {', '.join(unsynced)}" if unsynced else ""

    def elector(self, client: Client) -> Elector:
        """Return the elector that decides whether this instance may act."""
        candidate = Candidate(self._settings.identity)
        store = KubeLease(client, (self._settings.lease_namespace, names.LEASE))
        observer = instrumentation.LeaderTelemetry(self._metrics, candidate.identity)
        return Elector(store, candidate, self.clock, self._random, observer)

    async def run(self, stop: asyncio.Event, elector: Elector | None) -> None:
        """Watch, and work while leading, until `stop`."""
        async with asyncio.TaskGroup() as tasks:
            watches = [tasks.create_task(reflector.run()) for reflector in self._reflectors]
            stopping = tasks.create_task(self._stop_when(stop, elector))
            await self._synced(stop)
            if not stop.is_set():
                work = elector.run(partial(self._work, elector)) if elector is not None else self._work()
                await self._until(stop, work)
            for task in (*watches, stopping):
                task.cancel()

    async def _until(self, stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
        """Do all the work; if it has not begun when `stop` comes, since another replica leads, it ends at once."""
        working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set() and not self._at_work:
                working.cancel()
            await asyncio.wait({working})
        finally:
            working.cancel()
            stopped.cancel()
            await asyncio.gather(working, stopped, return_exceptions=True)
        if not working.cancelled():
            working.result()

    async def _work(self, elector: Elector | None = None) -> None:
        await self._renew_watches()
        self.queue.demote()
        self._reconciler.begin_term(elector.led_until if elector is not None else None)
        self._first_poll.begin_term()
        self._recorder.begin_term()
        async with asyncio.TaskGroup() as tasks:
            self._at_work = True
            works = {"recorder": self._recorder.run, "usage": self._usage.run, "doorman": self._door_poller.run}
            works |= {"job_asker": self._job_poller.run, "inquirer": self._event_lookup.run}
            works |= {"first_poll": self._first_poll.run, "audit": self._audit.run}
            beside = [tasks.create_task(self._supervisor.run(name, work)) for name, work in works.items()]
            try:
                await self._controller.run()
            finally:
                self._at_work = False
            for task in beside:
                task.cancel()
        await self._recorder.flush(FLUSH_GRACE)

    async def _renew_watches(self) -> None:
        """Start a term with live watches: the last leader may have written what a dead watch did not deliver."""
        doubtful = [reflector for reflector in self._reflectors if reflector.silent_for > RECENT]
        if not doubtful:
            return
        for reflector in doubtful:
            reflector.renew()
        begun, live_since = self.clock.monotonic(), math.inf
        while (now := self.clock.monotonic()) < begun + RENEWED_WITHIN and now < live_since + MISSED_WITHIN:
            await self.clock.sleep(QUIET)
            now, live = self.clock.monotonic(), all(reflector.live for reflector in self._reflectors)
            live_since = min(live_since, now) if live else math.inf
            if min(now - live_since, *(reflector.silent_for for reflector in self._reflectors)) >= QUIET:
                return

    async def _stop_when(self, stop: asyncio.Event, elector: Elector | None) -> None:
        await stop.wait()
        _log.info("stopping")
        if elector is not None:
            elector.resign()
        self._controller.stop(STOP_GRACE)

    async def _synced(self, stop: asyncio.Event) -> None:
        stopped = asyncio.ensure_future(stop.wait())
        for reflector in self._reflectors:
            synced = asyncio.ensure_future(reflector.synced.wait())
            await asyncio.wait({synced, stopped}, return_when=asyncio.FIRST_COMPLETED)
            synced.cancel()
        stopped.cancel()
        process.calm_the_garbage_collector()

    def _actors(self, client: Client) -> Actors:
        telemetry = instrumentation.SessionTelemetry(self._metrics, self.clock)
        deletions, given_claims = DeletionCounter(self._metrics.deleted), GivenClaims(client, self.caches)
        refusals, reverted_writes = Refusals(self.clock), RevertedWrites(self.clock)
        self._metrics.contested.set_function(lambda: reverted_writes.sessions)
        writer = StatusWriter(client, self.caches, self._recorder, StatusPacer(self.clock, self.queue), telemetry)
        culler = Culler(client, self.caches, self._recorder, deletions, given_claims)
        return Actors(
            ChildWriter(client, self.caches, refusals, reverted_writes, telemetry, given_claims),
            refusals,
            Finalizer(client, self.caches),
            writer,
            culler,
            deletions,
            self._event_lookup,
            self._door_poller,
            self._job_poller,
            LastResort(self.caches, writer, culler, self.clock),
            given_claims,
        )

    def _selection(self, kind: str) -> Selection:
        return Selection(self._settings.namespace, labels="" if kind == names.KIND else names.CHILD_SELECTOR)

"""Leader election on a Lease: one of many operators acts, and it stops before another may start.

Works on the small port of `lease_store.py`, which `amalthea.kube.lease` implements. Nobody's wall clock is trusted:
the leader counts from the moment it *sent* its last successful renewal, the others from the moment they *saw* the
record change, which is later. So the leader's `renew_deadline` ends before anybody else's `duration` does.

A candidate that stands by follows the record by a watch (`lease_watch.py`) and looks as soon as it is released. Where
it cannot watch, it looks every `retry` seconds; where the watch is silent, after twice that time.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from amalthea.engine.clock import time_limit
from amalthea.engine.lease.lease_store import LeaseRecord, LeaseStore
from amalthea.engine.lease.lease_watch import LeaseWatch, LeaseWatchObserver
from amalthea.engine.ports import Clock, Randomness, Stale

LONGEST_DURATION = 300.0
"""Seconds after which a lease that nobody renews may be taken, whatever duration is written there."""

Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""The leader's work; ends promptly when cancelled."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate for leader election, and its times in seconds.

    Another candidate waits `duration` before it takes a lease that nobody renews; the leader stops acting after
    `renew_deadline` without a renewal; both try every `retry` seconds. A process that is started again under the
    same `identity` takes its lease back at once, so no two that live at the same time may share one.
    """

    identity: str
    duration: float = 15.0
    renew_deadline: float = 10.0
    retry: float = 2.0

    def __post_init__(self) -> None:
        if not self.identity:
            raise ValueError("a candidate needs an identity")
        if not self.duration > self.renew_deadline > self.retry > 0:
            raise ValueError("a lease needs duration > renew_deadline > retry > 0")


class LeaseObserver(LeaseWatchObserver, Protocol):
    """Notified of the progress of the election, for logs and metrics."""

    def leading(self, leads: bool) -> None:
        """Leadership began or ended."""
        ...

    def failed(self, error: Exception) -> None:
        """The record could not be read or written; it is tried again."""
        ...


class Elector:
    """Stands for election and runs the work while it leads."""

    def __init__(
        self, store: LeaseStore, candidate: Candidate, clock: Clock, random: Randomness, observer: LeaseObserver
    ) -> None:
        self._store = store
        self._candidate = candidate
        self._clock = clock
        self._random = random
        self._observer = observer
        self._watch = LeaseWatch(store, clock, random, observer)
        self._held: LeaseRecord | None = None
        self._leads_until = 0.0
        self._seen: LeaseRecord | None = None
        self._seen_at = 0.0
        self._others: LeaseRecord | None = None
        self._resigned = False
        self.led_until: datetime | None = None
        """The last renewal, by its former holder, of the lease that was taken last; None if there was none."""

    @property
    def leading(self) -> bool:
        """Return whether this process may act now; by its own clock, so also when nothing can be reached."""
        return self._remaining() > 0

    async def run(self, work: Work) -> None:
        """Run `work` whenever this process leads, until it returns; raise what it raises.

        When the lease is lost, `work` is cancelled and, after the next election, called again. The lease is released
        at the end, also when `run` is cancelled, and never before `work` has ended.
        """
        try:
            while not (await self._term(work) or self._resigned):
                await self._pause()
        finally:
            await self._release()

    def resign(self) -> None:
        """Stop standing for election: the present term goes on until its work ends or the lease is lost."""
        self._resigned = True

    async def _term(self, work: Work) -> bool:
        """Win an election and work until the lease is lost; return whether the work is complete."""
        while not await self._attempt(self._acquire):
            await self._pause()
        self._observer.leading(True)
        worker, renewal = asyncio.create_task(work()), asyncio.create_task(self._renew_until_lost())
        try:
            await asyncio.wait({worker, renewal}, return_when=asyncio.FIRST_COMPLETED)
            complete = worker.done()
        finally:
            worker.cancel()
            renewal.cancel()
            await asyncio.gather(worker, renewal, return_exceptions=True)
            self._observer.leading(False)
        if complete:
            worker.result()
        return complete

    async def _renew_until_lost(self) -> None:
        await self._clock.sleep(self._candidate.retry)
        while self.leading:
            await self._attempt(self._renew)
            await self._clock.sleep(min(self._candidate.retry, self._remaining()))

    async def _attempt(self, step: Callable[[], Coroutine[Any, Any, bool]]) -> bool:
        """Take one step within a limited time: a server may accept a request and never answer."""
        limit = self._candidate.renew_deadline / 2
        if self.leading:
            limit = min(limit, self._remaining())
        try:
            async with time_limit(self._clock, limit):
                return await step()
        except TimeoutError:
            self._observer.failed(TimeoutError(f"no answer within {limit:.1f} s"))
            return False
        except Exception as error:  # noqa: BLE001 whatever keeps the record away, the election goes on
            self._observer.failed(error)
            return False

    async def _acquire(self) -> bool:
        asked = self._clock.monotonic()
        self._others = None
        found = await self._store.get()
        if not self._may_take(found):
            self._held = None
            self._leads_until = 0.0
            self._others = found
            return False
        claim = self._claim(found)
        write = self._store.create if found is None else self._store.update
        self._held = claim  # the answer may get lost, or this process be told to stop before it comes
        try:
            self._hold(await write(claim), asked)
        except Stale:
            self._held = None
            return False
        self.led_until = found.renewed if found is not None else None
        return True

    async def _renew(self) -> bool:
        assert self._held is not None
        asked = self._clock.monotonic()
        try:
            self._hold(await self._store.update(replace(self._held, renewed=self._clock.now())), asked)
        except Stale:
            # An earlier renewal may have arrived although its answer did not; or somebody else has the lease.
            return await self._acquire()
        return True

    def _hold(self, record: LeaseRecord, asked: float) -> None:
        self._held, self._seen = record, None
        self._leads_until = asked + self._candidate.renew_deadline

    def _may_take(self, found: LeaseRecord | None) -> bool:
        if found is None:
            # Whoever held it when it was deleted may not have noticed yet.
            return self._seen is None or self._runs_out() <= 0
        if found.holder in ("", self._candidate.identity):
            return True
        if found != self._seen:
            self._seen, self._seen_at = found, self._clock.monotonic()
        return self._runs_out() <= 0

    def _claim(self, found: LeaseRecord | None) -> LeaseRecord:
        now = self._clock.now()
        mine = LeaseRecord(self._candidate.identity, math.ceil(self._candidate.duration), now, now, 0)
        if found is None:
            return mine
        if found.holder == mine.holder:
            return replace(mine, acquired=found.acquired, transitions=found.transitions, version=found.version)
        return replace(mine, transitions=found.transitions + 1, version=found.version)

    async def _release(self) -> None:
        """Release the lease, so that the next candidate can take it at once."""
        if self._held is not None:
            self._leads_until = 0.0
            await self._attempt(self._give_up)

    async def _give_up(self) -> bool:
        found = await self._store.get()
        if found is not None and found.holder == self._candidate.identity:
            now = self._clock.now()
            await self._store.update(replace(found, holder="", duration=1, acquired=now, renewed=now))
        return True

    def _remaining(self) -> float:
        return max(0.0, self._leads_until - self._clock.monotonic())

    async def _pause(self) -> None:
        """Wait until the record is worth a look: a watch shows that at once; without a watch, wait for a time."""
        pause = self._candidate.retry * (1.0 + 0.2 * self._random.random())
        if self._others is None:
            await self._clock.sleep(pause)
            return
        until = self._clock.monotonic() + pause
        if not await self._watch.follow(self._others.version, self._may_take, lambda: min(2 * pause, self._runs_out())):
            await self._clock.sleep(min(until - self._clock.monotonic(), self._runs_out()))

    def _runs_out(self) -> float:
        """Return the seconds until the record that was seen last may be taken, unless it is renewed."""
        assert self._seen is not None
        duration = min(self._seen.duration or self._candidate.duration, LONGEST_DURATION)
        return self._seen_at + duration - self._clock.monotonic()

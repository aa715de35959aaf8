"""A Lease kept in memory, reached over a network that can fail in the ways that matter, and a process that stands."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace

from amalthea.engine.lease.elector import Candidate, Elector
from amalthea.engine.lease.lease_store import LeaseRecord
from amalthea.engine.ports import Stale, Unavailable
from amalthea.testing.clock import FakeClock, SkewedClock
from tests.unit.engine.things import LeaseReports


@dataclass
class Lease:
    """The record at the server, by which writes are ordered."""

    record: LeaseRecord | None = None
    version: int = 0
    processes: list["Process"] = field(default_factory=list)
    history: list[tuple[int, LeaseRecord | None]] = field(default_factory=list)
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def write(self, record: LeaseRecord) -> LeaseRecord:
        if record.version != (self.record.version if self.record else ""):
            raise Stale
        self.record = replace(record, version=str(self.version + 1))
        self._note()
        return self.record

    def remove(self) -> None:
        self.record = None
        self._note()

    def _note(self) -> None:
        self.version += 1
        self.history.append((self.version, self.record))
        self.moved.set()
        self.moved = asyncio.Event()

    async def follow(self, version: int) -> AsyncGenerator[LeaseRecord | None, None]:
        while True:
            moved = self.moved
            for number, record in self.history:
                if number > version:
                    version = number
                    yield record
            await moved.wait()


@dataclass
class Network:
    """One process's way to the Lease. `mood`: ok, down, hang, or late (a write arrives 7 s later, its answer never).

    `watches`: ok, refused, hang (not answered), silent (opened, and nothing comes), or ended (at once).
    """

    lease: Lease
    clock: FakeClock
    mood: str = "ok"
    watches: str = "ok"
    asked: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def watch(self, version: str) -> AsyncIterator[AsyncIterator[LeaseRecord | None]]:
        self.asked.append("watch")
        if self.mood == "down" or self.watches == "refused":
            raise Unavailable("no watch")
        if self.watches == "hang":
            await asyncio.Event().wait()
        async with aclosing(self._news(int(version))) as news:
            yield news

    async def _news(self, version: int) -> AsyncGenerator[LeaseRecord | None, None]:
        if self.watches == "ended":
            return
        async with aclosing(self.lease.follow(version)) as changes:
            async for record in changes:
                if self.watches == "silent" or self.mood != "ok":
                    await asyncio.Event().wait()
                yield record

    async def get(self) -> LeaseRecord | None:
        self.asked.append("get")
        await self._pass(lambda: None)
        return self.lease.record

    async def create(self, record: LeaseRecord) -> LeaseRecord:
        return await self.update(record)

    async def update(self, record: LeaseRecord) -> LeaseRecord:
        self.asked.append("update")
        await self._pass(lambda: self._write_late(record))
        return self.lease.write(record)

    async def _pass(self, late: Callable[[], None]) -> None:
        if self.mood == "down":
            raise Unavailable("connection refused")
        if self.mood == "late":
            self.clock.call_at(self.clock.monotonic() + 7, late)
        if self.mood in ("hang", "late"):
            await asyncio.Event().wait()

    def _write_late(self, record: LeaseRecord) -> None:
        try:
            self.lease.write(record)
        except Stale:
            return


@dataclass
class Process:
    """An operator that does nothing but lead."""

    identity: str
    lease: Lease
    clock: FakeClock
    skew: float = 0.0
    working: int = 0
    starts: int = 0
    reports: LeaseReports = field(default_factory=LeaseReports)

    def __post_init__(self) -> None:
        self.network = Network(self.lease, self.clock)
        chance = random.Random(self.identity)
        own_clock = SkewedClock(self.clock, self.skew)
        self.elector = Elector(self.network, Candidate(self.identity), own_clock, chance, self.reports)
        self.task = asyncio.create_task(self.elector.run(self.work))
        self.lease.processes.append(self)

    async def work(self) -> None:
        self.working += 1
        self.starts += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.working -= 1

    async def stop(self) -> None:
        """End as on SIGTERM, with the network in order."""
        self.network.mood = "ok"
        self.task.cancel()
        await asyncio.wait({self.task})

    def kill(self) -> None:
        """End as on SIGKILL: nothing is released."""
        self.network.mood = "down"
        self.task.cancel()

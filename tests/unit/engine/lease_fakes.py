"""A Lease kept in memory, reached over a network that can fail in the ways that matter, and a process that stands."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from amalthea.engine.lease import Candidate, Elector
from amalthea.engine.lease_store import LeaseRecord
from amalthea.engine.ports import Stale, Unavailable
from amalthea.testing.clock import FakeClock, SkewedClock
from tests.unit.engine.things import LeaseTold


@dataclass
class Lease:
    """The record at the server, by which writes are ordered."""

    record: LeaseRecord | None = None
    version: int = 0
    processes: list["Process"] = field(default_factory=list)

    def write(self, record: LeaseRecord) -> LeaseRecord:
        if record.version != (self.record.version if self.record else ""):
            raise Stale
        self.version += 1
        self.record = replace(record, version=str(self.version))
        return self.record

    def remove(self) -> None:
        self.record = None


@dataclass
class Network:
    """One process's way to the Lease. `mood`: ok, down, hang, or late (a write arrives 7 s later, its answer never)."""

    lease: Lease
    clock: FakeClock
    mood: str = "ok"

    async def get(self) -> LeaseRecord | None:
        await self._pass(lambda: None)
        return self.lease.record

    async def create(self, record: LeaseRecord) -> LeaseRecord:
        return await self.update(record)

    async def update(self, record: LeaseRecord) -> LeaseRecord:
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
    told: LeaseTold = field(default_factory=LeaseTold)

    def __post_init__(self) -> None:
        self.network = Network(self.lease, self.clock)
        chance = random.Random(self.identity)
        own_clock = SkewedClock(self.clock, self.skew)
        self.elector = Elector(self.network, Candidate(self.identity), own_clock, chance, self.told)
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

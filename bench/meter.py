"""The cost of a period: requests by the audit log, CPU and memory by the kernel, messages by the operator."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from bench import proc
from bench.audit import AuditLog, Request, tally
from bench.figures import OTHERS
from bench.observer import Sightings
from bench.proc import Memory
from bench.replica import Counters
from bench.world import World

QUIET = 2.0
"""Seconds without a request after which the operator is taken to be done."""
NEVER_QUIET = 30.0
"""Seconds after which that is waited for no more: an operator that polls shows in the figures."""
_POLL = 0.1


@dataclass(frozen=True)
class Costs:
    """The operator's requests and usage, and the CPU time (seconds) of all programs."""

    requests: list[Request]
    cpu: dict[str, float]
    memory: Memory
    seconds: float
    """The duration of the measurement."""
    counted: Counters
    """The operator's counts meanwhile."""
    transitions: int


class Meter:
    """Measures from `begin()` to `end()`, again and again."""

    def __init__(self, world: World, sightings: Sightings) -> None:
        self._world = world
        self._sightings = sightings
        self._log = AuditLog(world.control_plane.audit_log)
        self._requests: list[Request] = []
        self._counters = Counters(0, 0, 0)
        self._begun = 0.0
        self._transitions = 0
        self._cpu: dict[str, float] = {}

    def begin(self) -> None:
        """Start to measure."""
        self._log.news()
        self._requests = []
        self._transitions = self._sightings.transitions
        self._counters = self._world.operator.counters()
        self._cpu = cpu_seconds(self._world)
        self._begun = time.monotonic()

    async def end(self) -> Costs:
        """Wait until the operator has nothing more to ask, and return what was used since `begin()`."""
        await self._settle()
        cpu = used(self._cpu, cpu_seconds(self._world))
        memory = proc.memory(self._world.pids()[self._world.operator.name])
        return Costs(
            requests=self._requests,
            cpu=cpu,
            memory=memory,
            seconds=time.monotonic() - self._begun,
            counted=self._world.operator.counters().since(self._counters),
            transitions=self._sightings.transitions - self._transitions,
        )

    async def _settle(self) -> None:
        started = last = time.monotonic()
        while (now := time.monotonic()) - last < QUIET and now - started < NEVER_QUIET:
            news = self._log.news()
            self._requests += news
            counted = tally(news)
            if counted.total or counted.events:
                last = now
            await asyncio.sleep(_POLL)
        self._requests += self._log.news()


def cpu_seconds(world: World) -> dict[str, float]:
    """Return the CPU seconds that each program has used so far: ours, the bench itself, and all others together."""
    found = {name: proc.cpu_seconds(pid) for name, pid in world.pids().items()}
    found["bench"] = time.process_time()
    return found | {OTHERS: proc.machine_cpu_seconds() - sum(found.values())}


def used(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return the CPU seconds of each program between two readings."""
    return {name: round(seconds - before.get(name, 0.0), 2) for name, seconds in after.items()}

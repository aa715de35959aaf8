"""The phases of a session's life, each for all sessions at once: create, idle, hibernate, resume, delete.

Every phase is measured in the same way: the crowd acts, the observer waits for the last session, the meter counts.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from amalthea.engine.clock import SystemClock
from amalthea.kube.auth import config
from amalthea.kube.client import Client
from bench import observer as seen
from bench.audit import Request, tally
from bench.crowd import WRITERS, Crowd
from bench.figures import Alone, Phase, Spread, spread
from bench.meter import Costs, Meter
from bench.observer import Observer
from bench.world import ALONE_NAMESPACE, NAMESPACE, World
from lab.base.progress import Progress
from lab.control_plane import metrics_api

ALONE = 5
"""Sessions that are created one by one, after one that is not counted: an API server holds the first object of a new
custom resource back for two seconds, lest other API servers do not know the resource yet."""
PROGRESS = "patch amaltheasessions/status"
"""The requests among which are those that only report progress."""
CHILDREN, READY_TO_RUNNING = "children", "StatefulSet ready to Running"


@dataclass(frozen=True)
class Stage:
    """The actors of a phase: the crowd acts, the observer watches, the meter counts."""

    crowd: Crowd
    observer: Observer
    meter: Meter
    progress: Progress


async def measure(world: World, sessions: list[str], idle: float, progress: Progress) -> tuple[Alone, list[Phase]]:
    """Lead some sessions alone, then all of them together, through their life."""
    access = config.load({}, SystemClock(), world.control_plane.kubeconfig)
    async with Client(access, pool=WRITERS) as client, Observer(client) as observer:
        meter = Meter(world, observer.sightings)
        alone = await _alone(client, observer, meter, progress)
        stage = Stage(Crowd(client, NAMESPACE, sessions), observer, meter, progress)
        with progress.step(f"Creating the secrets of {len(sessions)} sessions"):
            await stage.crowd.prepare()
        phases = [
            await _phase(stage, "create", stage.crowd.create, (seen.RUNNING,)),
            await _idle(stage, idle),
            await _phase(stage, "hibernate", stage.crowd.hibernate, (seen.HIBERNATED,)),
        ]
        # What is known of the last run would make the next one idle, while its start is measured.
        await asyncio.to_thread(world.control_plane.api.delete, metrics_api.path(NAMESPACE))
        phases += [
            await _phase(stage, "resume", stage.crowd.resume, (seen.RUNNING,)),
            await _phase(stage, "delete", stage.crowd.delete, (seen.SESSION_GONE, seen.STATEFULSET_GONE)),
        ]
        with progress.step("Waiting until nothing of the sessions is left"):
            await stage.crowd.nothing_left()
    return alone, phases


async def _phase(stage: Stage, name: str, act: Callable[[], Awaitable[None]], arrivals: tuple[str, ...]) -> Phase:
    sightings, crowd = stage.observer.sightings, stage.crowd
    sightings.forget()
    stage.meter.begin()
    with stage.progress.step(f"Phase {name!r} of {len(crowd.names)} sessions") as step:
        await act()
        for what in arrivals:
            await stage.observer.until(what, crowd.names, step)
        costs = await stage.meter.end()
    arrived = max(moment for what in arrivals for moment in sightings.of(what).values())
    seconds = arrived - min(instant.monotonic for instant in crowd.begun.values())
    return _compose(stage, name, seconds, costs, _latencies(stage, costs.requests, arrivals))


async def _idle(stage: Stage, seconds: float) -> Phase:
    with stage.progress.step("Waiting until the operator has found each session idle") as step:
        await stage.crowd.rest()
        await stage.observer.until(seen.IDLE, stage.crowd.names, step)
    stage.meter.begin()
    started = time.monotonic()
    with stage.progress.step(f"Phase 'idle' for {seconds:g} s"):
        await asyncio.sleep(seconds)
        costs = await stage.meter.end()
    return _compose(stage, "idle", time.monotonic() - started, costs, {})


def _compose(stage: Stage, name: str, seconds: float, costs: Costs, latencies: dict[str, Spread]) -> Phase:
    counted = tally(costs.requests)
    return Phase(
        name=name,
        sessions=len(stage.crowd.names),
        seconds=seconds,
        measured=costs.seconds,
        requests=counted.requests - Counter({PROGRESS: costs.counted.progress_writes}),
        writes=counted.writes,
        refused=counted.refused,
        events=counted.events,
        leases=counted.leases,
        watches=counted.watches,
        usage_lists=counted.usage,
        progress_writes=costs.counted.progress_writes,
        transitions=costs.transitions,
        watch_events=costs.counted.watch_events,
        passes=costs.counted.passes,
        cpu=costs.cpu,
        resident_mib=costs.memory.resident,
        peak_mib=costs.memory.peak,
        latencies=latencies,
    )


def _latencies(stage: Stage, requests: list[Request], arrivals: tuple[str, ...]) -> dict[str, Spread]:
    sightings, crowd = stage.observer.sightings, stage.crowd
    found = {CHILDREN: spread(children_seconds(requests, crowd))}
    found |= {what: spread(crowd.since_begun(sightings.of(what))) for what in arrivals}
    if seen.RUNNING in arrivals:
        ready, running = sightings.of(seen.STATEFULSET_READY), sightings.of(seen.RUNNING)
        found[READY_TO_RUNNING] = spread(max(0.0, running[name] - ready[name]) for name in running.keys() & ready)
    return {what: seconds for what, seconds in found.items() if seconds is not None}


def children_seconds(requests: Iterable[Request], crowd: Crowd) -> list[float]:
    """Return the seconds from each session's request until the last of its children was created."""
    last: dict[str, float] = {}
    for request in requests:
        session = request.name.removesuffix("---internal")
        if request.verb == "create" and request.code == 201 and session in crowd.begun:
            last[session] = max(request.at, last.get(session, 0.0))
    return [at - crowd.begun[session].wall for session, at in last.items()]


async def _alone(client: Client, observer: Observer, meter: Meter, progress: Progress) -> Alone:
    children: list[float] = []
    running: list[float] = []
    with progress.step(f"Creating {ALONE} sessions, one after the other") as step:
        for number in range(-1, ALONE):
            crowd = Crowd(client, ALONE_NAMESPACE, [f"alone-{number + 1}"])
            await crowd.prepare()
            observer.sightings.forget()
            meter.begin()
            await crowd.create()
            await observer.until(seen.RUNNING, crowd.names, step)
            costs = await meter.end()
            if number >= 0:
                running += crowd.since_begun(observer.sightings.of(seen.RUNNING))
                children += children_seconds(costs.requests, crowd)
    return Alone(_spread(children), _spread(running))


def _spread(seconds: list[float]) -> Spread:
    found = spread(seconds)
    if found is None:
        raise seen.BenchError("the audit log tells of no child of the sessions that were created alone")
    return found

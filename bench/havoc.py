"""The failures of the chaos: leaders again and again, connections, pods, a webhook, the metrics API, the API server."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException

from bench import webhook
from bench.failing_pods import FailingPods
from bench.network import Segment
from bench.replica import Replica
from bench.webhook import Mood, Webhook
from bench.world import World
from lab.base.progress import Progress
from lab.control_plane import metrics_api
from lab.control_plane.api import ApiError

METRICS_AWAY = (0.2, 0.5)
"""From when to when the metrics API is away, in parts of the whole time."""
API_SERVER_AWAY = 0.55
CUTS_FROM = 0.1
"""The time of the first cut of connections, as a part of the whole time."""
CUTS_UNTIL = 0.7
WEBHOOK_WELL, WEBHOOK_ILL = 4.0, 3.0
"""Seconds for which the webhook answers, and does not, by turns."""
FAIL_EVERY = 1.0
"""Seconds from one pod that fails to the next."""
REPLACED_WITHIN = 2.0
"""Seconds within which a pod that was evicted is replaced."""
_RESTART_AFTER = 2.0
"""Seconds after which an operator that ended is started again, as a kubelet would do it."""


@dataclass(frozen=True)
class Harm:
    """The amount of failures, in seconds."""

    seconds: float
    """The duration of the whole."""
    kill_every: float
    outage: float
    """For how long the API server is away."""
    cut_every: float
    """From one replica to the next."""
    cut: float
    """For how long all packets of a replica are dropped: those of its open connections or, the next time, all."""


async def wreak(world: World, harm: Harm, fragile: Sequence[str], progress: Progress) -> None:
    """Cause each failure at its time, among them pods of the `fragile` sessions; in the end everything runs again."""
    back = asyncio.Event()
    async with webhook.serving(world.control_plane) as hook:
        await asyncio.gather(
            _stop_leaders(world, harm, progress),
            _keep_operators(world, harm),
            _cut_connections(world, harm, progress),
            _fail_webhook(hook, harm, progress),
            _take_servers_away(world, harm, back, progress),
            _fail_pods(FailingPods(world.control_plane.api, fragile), harm, back, progress),
        )


async def _keep_operators(world: World, harm: Harm) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < harm.seconds:
        await asyncio.sleep(_RESTART_AFTER)
        await asyncio.to_thread(world.keep_operators)


async def _stop_leaders(world: World, harm: Harm, progress: Progress) -> None:
    """Stop the leader: gracefully, as a container that dies, or with its whole node."""
    begun = time.monotonic()
    for number in itertools.count():
        await asyncio.sleep(harm.kill_every)
        if time.monotonic() - begun >= harm.seconds:
            return
        if (leader := await asyncio.to_thread(_leader, world)) is None:
            progress.say("  Nobody leads now")
            continue
        await asyncio.to_thread(_stop, leader, number, progress)


def _leader(world: World) -> Replica | None:
    try:
        return world.leader()
    except (OSError, HTTPException, ApiError):
        return None


def _stop(leader: Replica, number: int, progress: Progress) -> None:
    begun = time.monotonic()
    match number % 3:
        case 0:
            leader.stop()
            progress.say(f"  The leader, {leader.name}, was told to stop: {time.monotonic() - begun:.1f} s")
        case 1:
            leader.stop(grace=0)
            progress.say(f"  The leader, {leader.name}, was killed")
        case _:
            leader.replace(f"{leader.name}-{number}")
            progress.say(f"  The leader, {leader.name}, was killed with its node")


async def _cut_connections(world: World, harm: Harm, progress: Progress) -> None:
    """Cut off one replica after the other, so that each is blind for a while, and leads meanwhile."""
    turns = enumerate(zip(world.replicas, world.segments, strict=False))
    await asyncio.gather(*(_cut_in_turn(world, harm, each, turn, progress) for turn, each in turns))


async def _cut_in_turn(
    world: World, harm: Harm, cut_off: tuple[Replica, Segment], turn: int, progress: Progress
) -> None:
    replica, segment = cut_off
    begun, between = time.monotonic(), len(world.segments) * harm.cut_every
    await asyncio.sleep(CUTS_FROM * harm.seconds + turn * harm.cut_every)
    for number in itertools.count(turn):
        if time.monotonic() - begun >= CUTS_UNTIL * harm.seconds:
            return
        if number % 2:
            await asyncio.to_thread(segment.isolate)
            progress.say(f"  {replica.name} is cut off as a whole")
        elif (pid := replica.pid) is not None:
            count = await asyncio.to_thread(segment.cut, pid, world.control_plane.ports.api_server)
            progress.say(f"  {count} connections of {replica.name} are dead, and nobody is told")
        await asyncio.sleep(harm.cut)
        await asyncio.to_thread(segment.mend)
        await asyncio.sleep(max(0.0, between - harm.cut))


async def _fail_webhook(hook: Webhook, harm: Harm, progress: Progress) -> None:
    begun = time.monotonic()
    for mood in itertools.cycle((Mood.FAILS, Mood.HANGS)):
        await asyncio.sleep(WEBHOOK_WELL)
        if time.monotonic() - begun >= harm.seconds:
            break
        hook.mood = mood
        await asyncio.sleep(WEBHOOK_ILL)
        hook.mood = Mood.ADMITS
    progress.say(f"  The webhook left {hook.failed} questions without an answer")


async def _fail_pods(pods: FailingPods, harm: Harm, back: asyncio.Event, progress: Progress) -> None:
    """Have pods fail, but none on purpose while nobody could make it well again."""
    begun = time.monotonic()
    await pods.fail(FAIL_EVERY, API_SERVER_AWAY * harm.seconds - REPLACED_WITHIN)
    await back.wait()
    await pods.fail(FAIL_EVERY, harm.seconds - (time.monotonic() - begun))
    progress.say(f"  {pods.crashes} programs crashed, and {pods.evictions} pods were evicted")


async def _take_servers_away(world: World, harm: Harm, back: asyncio.Event, progress: Progress) -> None:
    """Take the metrics API away and bring it back, and then the API server, and say when it is `back`."""
    begun = time.monotonic()

    async def until(part: float) -> None:
        await asyncio.sleep(part * harm.seconds - (time.monotonic() - begun))

    for part, served in zip(METRICS_AWAY, (False, True), strict=True):
        await until(part)
        await asyncio.to_thread(metrics_api.set_served, world.control_plane.api, served=served)
        progress.say(f"  The metrics API is {'back' if served else 'away'}")
    await until(API_SERVER_AWAY)
    progress.say("  The API server is away")
    await asyncio.to_thread(world.control_plane.stop_api_server, grace=0)
    await asyncio.sleep(harm.outage)
    await asyncio.to_thread(world.control_plane.start_api_server)
    progress.say("  The API server is back")
    back.set()

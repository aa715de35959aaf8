"""What the chaos breaks: the operator, killed again and again, and for a while the metrics API and the API server."""

import asyncio
import time
from dataclasses import dataclass

from bench.world import World
from lab import metrics_api
from lab.progress import Progress

METRICS_AWAY = (0.2, 0.5)
"""From when to when the metrics API is away, in parts of the whole time."""
API_SERVER_AWAY = 0.55
_RESTART_AFTER = 2.0
"""Seconds after which an operator that ended is started again, as a kubelet would do it."""


@dataclass(frozen=True)
class Harm:
    """How much is broken, in seconds."""

    seconds: float
    """How long it lasts in all."""
    kill_every: float
    outage: float
    """For how long the API server is away."""


async def wreak(world: World, harm: Harm, progress: Progress) -> None:
    """Break everything in its time; in the end everything runs again."""
    await asyncio.gather(
        _kill_operators(world, harm, progress),
        _take_metrics_away(world, harm, progress),
        _take_api_server_away(world, harm, progress),
    )


async def _kill_operators(world: World, harm: Harm, progress: Progress) -> None:
    begun = killed = time.monotonic()
    while (now := time.monotonic()) - begun < harm.seconds:
        if now - killed >= harm.kill_every:
            killed = now
            progress.say("  The operator is killed")
            await asyncio.to_thread(world.stop_operator, grace=0)
        await asyncio.sleep(_RESTART_AFTER)
        await asyncio.to_thread(world.keep_operator)


async def _take_metrics_away(world: World, harm: Harm, progress: Progress) -> None:
    away, back = (part * harm.seconds for part in METRICS_AWAY)
    await asyncio.sleep(away)
    progress.say("  The metrics API is away")
    await asyncio.to_thread(metrics_api.set_served, world.control_plane.api, served=False)
    await asyncio.sleep(back - away)
    await asyncio.to_thread(metrics_api.set_served, world.control_plane.api, served=True)
    progress.say("  The metrics API is back")


async def _take_api_server_away(world: World, harm: Harm, progress: Progress) -> None:
    await asyncio.sleep(API_SERVER_AWAY * harm.seconds)
    progress.say("  The API server is away")
    await asyncio.to_thread(world.control_plane.stop_api_server, grace=0)
    await asyncio.sleep(harm.outage)
    await asyncio.to_thread(world.control_plane.start_api_server)
    progress.say("  The API server is back")

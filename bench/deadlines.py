"""The exactness of pauses: many sessions with a limit to their age, their deadlines spread over some time.

The deadline is what a session's own status promised; the moment is that of the API server's answer to the operator's
pause, as its audit log shows it.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping

from amalthea.api import names
from amalthea.engine.clock import SystemClock
from amalthea.kube.auth import config
from amalthea.kube.client import Client
from bench import observer as seen
from bench.audit import AuditLog, Request
from bench.crowd import WRITERS, Crowd
from bench.figures import Deadlines, spread
from bench.observer import BenchError, Observer
from bench.world import DEADLINES_NAMESPACE, World
from lab.base.progress import Progress

BEFORE = 10.0
BEFORE_EACH = 0.2
"""Seconds from the creation of the sessions to the first deadline: all of them run by then, and rest."""


async def measure(world: World, sessions: list[str], over: float, progress: Progress) -> Deadlines:
    """Create sessions whose deadlines are spread over so many seconds, and see when each is paused; then delete them.

    Raises:
        BenchError: one was not paused at all.
        ApiError: the API server did not do what was asked.
    """
    access = config.load({}, SystemClock(), world.control_plane.kubeconfig)
    log = AuditLog(world.control_plane.audit_log)
    log.news()
    async with Client(access, pool=WRITERS) as client, Observer(client) as observer:
        crowd = Crowd(client, DEADLINES_NAMESPACE, sessions)
        with progress.step(f"Waiting for {len(sessions)} deadlines within {over:g} s") as step:
            await crowd.prepare()
            await crowd.create(_limits(sessions, over))
            await observer.until(seen.RUNNING, sessions, step)
            promised = observer.sightings.promised
            await asyncio.sleep(max(0.0, max(promised.values()) - time.time()))
            await observer.until(seen.HIBERNATED, sessions, step)
        late = lateness(promised, log.news())
        with progress.step("Waiting until nothing of them is left"):
            await crowd.delete()
            await crowd.nothing_left()
    found = spread(late)
    if found is None or len(late) < len(sessions):
        raise BenchError(f"the audit log tells of {len(late)} pauses, not of {len(sessions)}")
    return Deadlines(len(late), over, min(late), found)


def lateness(promised: Mapping[str, float], requests: Iterable[Request]) -> list[float]:
    """Return by how many seconds each session was paused after its deadline, in Unix time."""
    # A session's last patch is its pause: before that there is only the one of its finalizer.
    paused = {
        request.name: request.at
        for request in requests
        if (request.verb, request.resource, request.code) == ("patch", names.PLURAL, 200)
    }
    return [paused[name] - at for name, at in promised.items() if name in paused]


def _limits(sessions: list[str], over: float) -> dict[str, dict[str, str]]:
    before, step = BEFORE + BEFORE_EACH * len(sessions), over / len(sessions)
    return {name: {"maxAge": f"{before + number * step:.3f}s"} for number, name in enumerate(sessions)}

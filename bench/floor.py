"""The machine's floor: a session's nine writes, for all sessions, side by side and with no operator in between.

Creation, finalizer, five children, two statuses. Whatever else is written and computed (volumes, pods, garbage
collection, kwok) follows from these in the same way as when the operator makes them.
"""

import time
from typing import Any

import msgspec
from msgspec import Raw

from amalthea.api import names
from amalthea.engine.clock import SystemClock
from amalthea.kube.auth import config
from amalthea.kube.client import Client
from amalthea.operator.kinds import CHILD_KINDS, SESSIONS
from bench import manifests
from bench.audit import AuditLog, tally
from bench.crowd import side_by_side
from bench.figures import Floor
from bench.meter import cpu_seconds, used
from bench.observer import STATEFULSET_READY, Metadata, Observer
from bench.world import FLOOR_NAMESPACE, World
from lab.base.progress import Progress

WRITERS = 64


class _Created(msgspec.Struct, frozen=True):
    metadata: Metadata = Metadata()


async def measure(world: World, sessions: list[str], progress: Progress) -> Floor:
    """Make the writes for sessions of those names, as the operator's user; the operator must not run."""
    log = AuditLog(world.control_plane.audit_log)
    access = config.load({}, SystemClock(), world.kubeconfig)
    async with Client(access, pool=WRITERS) as client, Observer(client) as observer:

        async def write(name: str) -> None:
            await _write(client, name)

        log.news()
        cpu, started = cpu_seconds(world), time.monotonic()
        with progress.step(f"Making the writes of {len(sessions)} sessions with no operator") as step:
            await side_by_side(sessions, WRITERS, write)
            seconds = time.monotonic() - started
            used_cpu = used(cpu, cpu_seconds(world))
            await observer.until(STATEFULSET_READY, sessions, step)
    ready = max(observer.sightings.of(STATEFULSET_READY).values()) - started
    return Floor(seconds, ready, tally(log.news()).writes, used_cpu)


async def _write(client: Client, name: str) -> None:
    key = (FLOOR_NAMESPACE, name)
    raw = manifests.session(*key)
    created = await client.create(SESSIONS, FLOOR_NAMESPACE, raw, _Created)
    metadata: dict[str, Any] = {
        "resourceVersion": created.metadata.resource_version,
        "finalizers": [names.FINALIZER],
    }
    await client.patch_merge(SESSIONS, key, {"metadata": metadata}, Raw)
    for child in manifests.owned(raw, created.metadata.uid):
        await client.create(CHILD_KINDS[child["kind"]].resource, FLOOR_NAMESPACE, child, Raw)
    for status in (manifests.status(name, "NotReady"), manifests.status(name, "Running")):
        await client.patch_merge(SESSIONS, key, {"status": status}, Raw, subresource="status")

"""The event recorder: writes Events on sessions, alongside the passes, which never wait for it.

An Event repeats what the status has reported. So it waits until nothing else is to be done, though not forever; an
Event that cannot be written is dropped, and none is written twice. This is what client-go calls an event recorder.

Those of a namespace are written one after the other, those of several side by side: where a webhook hangs, the others
do not wait.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass

from msgspec import Raw

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.engine.clock import time_limit
from amalthea.engine.ports import Clock
from amalthea.engine.work.queue import WorkQueue
from amalthea.kube.client import Client
from amalthea.kube.errors import ApiError, Forbidden
from amalthea.model.status.transitions import Transition
from amalthea.model.times import rfc3339
from amalthea.model.views.objects import Metadata
from amalthea.operator import defects
from amalthea.operator.kinds import EVENTS

PATIENCE = 60.0
"""Seconds after which an Event is written however much other work there is."""
CALM = 0.5
"""Seconds without any work after which there is time for Events: in a rush, work pauses for moments only."""
FORBIDDEN_FOR = 600.0
"""Seconds that the right to create Events in a namespace counts as missing."""
AT_ONCE = 8
"""Namespaces whose Events are written side by side."""
LONGEST = 5.0
"""Seconds that an Event may take: a webhook that hangs would take half a minute."""
HANGING_FOR = 60.0
"""Seconds that a namespace whose Event took longer gets none."""
CAPACITY = 10_000
"""Events that may wait: 30 MiB at most. The oldest are let go first."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Waiting:
    namespace: str
    manifest: Manifest
    not_after: float


class EventRecorder:
    """Takes Events at once and writes them in their order, while `run` runs."""

    def __init__(self, client: Client, queue: WorkQueue, clock: Clock, identity: str) -> None:
        self._client = client
        self._queue = queue
        self._clock = clock
        self._identity = identity
        self._waiting: deque[_Waiting] = deque(maxlen=CAPACITY)
        self._writing: set[str] = set()
        """Namespaces in which an Event is being written."""
        self._changed = asyncio.Event()
        self._refused: dict[str, float] = {}
        """Namespaces in which no Events can be created, and until when (monotonic) that counts."""

    def record(self, session: Metadata, transition: Transition) -> None:
        """Take an Event on a session."""
        if self._clock.monotonic() < self._refused.get(session.namespace, 0.0):
            return
        manifest = self._event(session, transition)
        self._waiting.append(_Waiting(session.namespace, manifest, self._clock.monotonic() + PATIENCE))
        self._changed.set()

    def begin_term(self) -> None:
        """Drop the Events of an earlier term: they are not news, and may no longer be true."""
        fresh = [each for each in self._waiting if self._clock.monotonic() < each.not_after]
        self._waiting.clear()
        self._waiting.extend(fresh)

    async def run(self) -> None:
        """Write Events until cancelled."""
        async with asyncio.TaskGroup() as writing:
            while True:
                while not self._waiting:
                    await self._change()
                await self._until_calm(self._waiting[0].not_after)
                while self._waiting and (self._queue.resting or self._waiting[0].not_after <= self._clock.monotonic()):
                    await self._begin_one(writing)

    async def flush(self, seconds: float) -> None:
        """Write all that waits, for so many seconds at most."""
        try:
            async with time_limit(self._clock, seconds), asyncio.TaskGroup() as writing:
                while self._waiting:
                    await self._begin_one(writing)
        except TimeoutError:
            _log.warning("Events were not written", extra={"count": len(self._waiting)})

    async def _until_calm(self, not_after: float) -> None:
        try:
            async with time_limit(self._clock, not_after - self._clock.monotonic()):
                await self._clock.sleep(CALM)
                while not self._queue.resting:
                    await self._queue.at_rest()
                    await self._clock.sleep(CALM)
        except TimeoutError:
            return

    async def _begin_one(self, writing: asyncio.TaskGroup) -> None:
        """Begin to write the first Event of a namespace in which none is being written, or wait for a change."""
        free = (each for each in self._waiting if each.namespace not in self._writing)
        waiting = next(free, None) if len(self._writing) < AT_ONCE else None
        if waiting is None:
            await self._change()
            return
        self._waiting.remove(waiting)
        self._writing.add(waiting.namespace)
        writing.create_task(self._write(waiting)).add_done_callback(lambda _: self._ended(waiting.namespace))

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _ended(self, namespace: str) -> None:
        # A callback: a task that is cancelled before its first step runs no line of its own.
        self._writing.discard(namespace)
        self._changed.set()

    async def _write(self, waiting: _Waiting) -> None:
        try:
            async with time_limit(self._clock, LONGEST):
                await self._client.create(EVENTS, waiting.namespace, waiting.manifest, Raw)
        except TimeoutError:
            self._give_up(waiting.namespace, HANGING_FOR, "there was no answer in time")
        except ApiError as error:
            if isinstance(error, Forbidden) and not (error.quota_exceeded or error.terminating):
                self._give_up(waiting.namespace, FORBIDDEN_FOR, error.message)
            else:
                _log.info("an Event was not written", extra={"reason": waiting.manifest["reason"], "error": str(error)})
        except Exception as error:  # noqa: BLE001 one Event must not hold up all others
            about = {"reason": waiting.manifest["reason"], "namespace": waiting.namespace}
            _log.exception("an Event cannot be written", extra={**about, "defect": defects.identify(error)})

    def _give_up(self, namespace: str, seconds: float, why: str) -> None:
        self._refused[namespace] = self._clock.monotonic() + seconds
        others = [each for each in self._waiting if each.namespace != namespace]
        self._waiting.clear()
        self._waiting.extend(others)
        _log.warning(
            "no Events are written in a namespace for a while",
            extra={"namespace": namespace, "seconds": seconds, "error": why},
        )

    def _event(self, session: Metadata, transition: Transition) -> Manifest:
        now = rfc3339(self._clock.now())
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{session.name}.", "namespace": session.namespace},
            "involvedObject": {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "name": session.name,
                "namespace": session.namespace,
                "uid": session.uid,
                "resourceVersion": session.resource_version,
            },
            "type": transition.type,
            "reason": str(transition.reason),
            "message": transition.message,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "source": {"component": "amalthea"},
            "reportingComponent": f"{names.GROUP}/operator",
            "reportingInstance": self._identity,
        }

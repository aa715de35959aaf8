"""Writes Events on sessions, beside the work and never in its way.

An Event tells what the status has told already. So it waits until nothing else is to be done, though not for ever; an
Event that cannot be written is let go, and none is written twice. This is what client-go calls an event recorder.
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
from amalthea.engine.queue import WorkQueue
from amalthea.kube.client import Client
from amalthea.kube.errors import ApiError
from amalthea.model.times import rfc3339
from amalthea.model.transitions import Transition
from amalthea.model.views import Metadata
from amalthea.operator.kinds import EVENTS

PATIENCE = 60.0
"""Seconds after which an Event is written however much other work there is."""
CALM = 0.5
"""Seconds without any work after which there is time for Events: in a rush, work pauses for moments only."""
CAPACITY = 10_000
"""Events that may wait: 30 MiB at most. The oldest are let go first."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Waiting:
    namespace: str
    manifest: Manifest
    not_after: float


class Recorder:
    """Takes Events at once and writes them in their order, while `run` runs."""

    def __init__(self, client: Client, queue: WorkQueue, clock: Clock, identity: str) -> None:
        self._client = client
        self._queue = queue
        self._clock = clock
        self._identity = identity
        self._waiting: deque[_Waiting] = deque(maxlen=CAPACITY)
        self._some = asyncio.Event()
        self._refused = False

    def tell(self, session: Metadata, told: Transition) -> None:
        """Take an Event on a session."""
        if self._refused:
            return
        manifest = self._event(session, told)
        self._waiting.append(_Waiting(session.namespace, manifest, self._clock.monotonic() + PATIENCE))
        self._some.set()

    async def run(self) -> None:
        """Write Events until cancelled."""
        while True:
            await self._some.wait()
            await self._until_calm(self._waiting[0].not_after)
            while self._waiting and (self._queue.resting or self._waiting[0].not_after <= self._clock.monotonic()):
                await self._write(self._waiting.popleft())
            if not self._waiting:
                self._some.clear()

    async def flush(self, seconds: float) -> None:
        """Write all that waits, for so many seconds at most."""
        try:
            async with time_limit(self._clock, seconds):
                while self._waiting:
                    await self._write(self._waiting.popleft())
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

    async def _write(self, waiting: _Waiting) -> None:
        try:
            await self._client.create(EVENTS, waiting.namespace, waiting.manifest, Raw)
        except ApiError as error:
            if error.status == 403 and "is being terminated" not in error.message:
                self._refused = True
                self._waiting.clear()
                _log.warning(
                    "no Events will be written: the operator may not create them", extra={"error": error.message}
                )
            else:
                _log.info("an Event was not written", extra={"reason": waiting.manifest["reason"], "error": str(error)})

    def _event(self, session: Metadata, told: Transition) -> Manifest:
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
            "type": told.type,
            "reason": str(told.reason),
            "message": told.message,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "source": {"component": "amalthea"},
            "reportingComponent": f"{names.GROUP}/operator",
            "reportingInstance": self._identity,
        }

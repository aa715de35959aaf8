"""Polls the metrics API (metrics.k8s.io) for usage: one list per interval for all sessions, none if none needs it.

Only sessions that could be paused for being idle are followed. A session is woken when its measurement crosses its
threshold, comes, or grows too old: not at each poll.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal

import msgspec

from amalthea.api import names, quantities
from amalthea.engine.ports import Clock, Key
from amalthea.engine.slices import in_slices
from amalthea.kube.client import Client
from amalthea.kube.resource import Resource, Selection
from amalthea.model.views.objects import Metadata, Time
from amalthea.model.views.usage import Usage
from amalthea.operator.inputs.continuity import Continuity

POD_METRICS = Resource("metrics.k8s.io", "v1beta1", "pods", "PodMetrics")

SHARE = 0.2
"""Part of the time that may go into reading an answer: it is the same loop that serves users."""

_log = logging.getLogger(__name__)


class _ContainerUsage(msgspec.Struct, frozen=True):
    name: str = ""
    usage: dict[str, str] = {}


class _PodMetrics(msgspec.Struct, frozen=True):
    """One pod's measurement (metrics.k8s.io/v1beta1 PodMetrics)."""

    metadata: Metadata = Metadata()
    timestamp: Time | None = None
    containers: tuple[_ContainerUsage, ...] = ()


_decode = msgspec.json.Decoder(_PodMetrics).decode


class UsagePoller:
    """Knows the last measurement of each session, and keeps it fresh for those that are followed, while `run` runs.

    Of several pods that say they are a session's, as a former one that lingers, the busiest counts: none of them can
    have another's session paused.
    """

    def __init__(
        self, client: Client, selection: Selection, clock: Clock, interval: float, polled: Callable[[datetime], None]
    ) -> None:
        """Poll each `interval` seconds for the pods of `selection`; `polled` is called at each success."""
        self._client = client
        self._selection = selection
        self._clock = clock
        self._interval = interval
        self._polled = polled
        self._known: dict[Key, Usage] = {}
        self._thresholds: dict[Key, Decimal] = {}
        self._since: dict[Key, datetime | None] = {}
        self._was_busy: dict[Key, bool | None] = {}
        self._followed = asyncio.Event()
        self._failing = False
        self.continuity = Continuity()
        self.wake: Callable[[Key], object] = lambda _: None

    @property
    def followed(self) -> int:
        """Count the sessions whose measurement is kept fresh."""
        return len(self._thresholds)

    def of(self, session: Key) -> Usage | None:
        """Return the last measurement of a session; None if there is none."""
        return self._known.get(session)

    def follow(self, session: Key, threshold: Decimal, since: datetime | None = None) -> None:
        """Keep a session's measurement fresh, and wake it when it crosses so many cores.

        `since` is when its container started: what was measured before is another container's.
        """
        self._thresholds[session], self._since[session] = threshold, since
        self._was_busy[session] = self._busy(session)
        self._followed.set()

    def leave(self, session: Key) -> None:
        """Stop asking for a session."""
        self._thresholds.pop(session, None)
        self._since.pop(session, None)
        self._was_busy.pop(session, None)
        self._known.pop(session, None)
        self.continuity.forget(session)

    @property
    def wanted(self) -> bool:
        """Return whether there is anybody to poll for."""
        return bool(self._thresholds)

    async def run(self) -> None:
        """Poll until cancelled, as long as there is anybody to poll for."""
        while True:
            await self._followed.wait()
            await self.look()
            await self._clock.sleep(self._interval)
            if not self.wanted:
                self._followed.clear()

    async def look(self) -> None:
        """Ask once, and wake the sessions that are concerned."""
        await self.poll()
        for session in [each for each in self._thresholds if self._was_busy[each] != self._busy(each)]:
            self._was_busy[session] = self._busy(session)
            self.wake(session)

    async def poll(self) -> None:
        """Ask once. If that fails, the old measurements stay, and grow old."""
        try:
            page = await self._client.list(POD_METRICS, self._selection, msgspec.Raw)
        except Exception as error:  # noqa: BLE001 whatever the metrics API does, the operator goes on
            if not self._failing:
                _log.warning(
                    "the metrics API does not report what sessions use, so none is paused for being idle",
                    extra={"error": f"{type(error).__name__}: {error}"},
                )
            self._failing = True
            return
        if self._failing:
            _log.info("the metrics API reports again what sessions use")
        self._failing = False
        now = self._clock.now()
        self._polled(now)
        # One answer may leave a pod out, as when its node was slow to answer: what was measured before still counts.
        former = {session: usage for session, usage in self._known.items() if usage.valid(now)}
        fresh: dict[Key, Usage] = {}
        async for item in in_slices(page.items, self._clock, SHARE):
            for session, usage in _measured(item, now):
                fresh[session] = max(usage, fresh.get(session, usage), key=lambda each: (each.valid(now), each.cpu))
        self._known = former | fresh
        for session in self._thresholds.keys() & fresh.keys():
            self.continuity.measured(session, fresh[session].at)

    def _busy(self, session: Key) -> bool | None:
        usage = self._known.get(session)
        if usage is None or not usage.of_container(self._since[session], self._clock.now()):
            return None
        return usage.cpu >= self._thresholds[session]


def _measured(body: msgspec.Raw, now: datetime) -> Iterator[tuple[Key, Usage]]:
    """Yield a pod's session and what it uses, as of now at most: nothing, if that cannot be read."""
    try:
        item = _decode(body)
        session = item.metadata.labels.get(names.LABEL_INSTANCE)
        cpu = next((c.usage.get("cpu") for c in item.containers if c.name == names.CONTAINER_SESSION), None)
        if session is not None and cpu is not None and item.timestamp is not None:
            yield (item.metadata.namespace, session), Usage(quantities.parse(cpu), min(item.timestamp, now))
    except (msgspec.DecodeError, ValueError) as error:
        _log.debug("a measurement could not be read", extra={"error": str(error)})

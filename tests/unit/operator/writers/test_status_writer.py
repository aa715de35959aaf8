"""Writes that only report progress must be countable: they are the one cost that no session may do without."""

import random
from collections.abc import AsyncIterator

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from amalthea.api import names
from amalthea.api.types import Condition, Status
from amalthea.engine.backoff import Backoff
from amalthea.engine.work.queue import WorkQueue
from amalthea.kube.client import Client
from amalthea.model.status.report import as_data
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.telemetry.instrumentation import SessionTelemetry
from amalthea.operator.telemetry.metrics import OperatorMetrics
from amalthea.operator.writers.event_recorder import EventRecorder
from amalthea.operator.writers.status_pacer import SPACING, StatusPacer
from amalthea.operator.writers.status_writer import StatusWriter
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.builders import UID, session
from amalthea.testing.clock import FakeClock
from amalthea.testing.observations import observed

KIND = f"{names.API_VERSION}/{names.PLURAL}"


def starting(step: str) -> Status:
    return Status(conditions=[Condition(type="Progressing", status="True", reason=step)])


class Desk:
    """A status writer before an API server, and how often it told of progress alone."""

    def __init__(self, api: FakeApi, client: Client) -> None:
        self._api = api
        self.clock = FakeClock()
        self._metrics = OperatorMetrics(CollectorRegistry())
        queue = WorkQueue(self.clock, Backoff(random.Random(1)))
        recorder = EventRecorder(client, queue, self.clock, "operator")
        telemetry = SessionTelemetry(self._metrics, self.clock)
        self._status_writer = StatusWriter(
            client, Caches(lambda *_: None), recorder, StatusPacer(self.clock, queue), telemetry
        )

    @property
    def counted(self) -> float:
        """Return how many statuses were counted."""
        (metric,) = self._metrics.progress_writes.collect()
        return next(sample.value for sample in metric.samples if sample.name.endswith("_total"))

    async def announce(self, former: Status, status: Status) -> None:
        """Announce a status, as often as it takes to be written."""
        stored = self._api.objects.create(KIND, "team", session().manifest() | {"status": as_data(former)})
        stored["metadata"]["uid"] = UID
        seen = observed(session(), status=as_data(former))
        await self._status_writer.announce(seen, status)
        await self.clock.advance(SPACING)
        await self._status_writer.announce(seen, status)


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


@pytest.fixture
async def desk(api: FakeApi) -> AsyncIterator[Desk]:
    async with Client(api.config) as client:
        yield Desk(api, client)


async def test_a_status_that_only_reports_progress_is_counted(desk: Desk) -> None:
    await desk.announce(starting("PullingImages"), starting("StartingContainers"))
    assert desk.counted == 1


async def test_a_status_that_reports_more_than_progress_is_not_counted(desk: Desk) -> None:
    news = msgspec.structs.replace(starting("StartingContainers"), error="no room")
    await desk.announce(starting("PullingImages"), news)
    assert desk.counted == 0

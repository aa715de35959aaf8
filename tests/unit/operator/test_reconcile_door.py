"""An idle session's door is asked at two moments and at no others; who works is neither warned nor stopped."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from amalthea.api.schema import Manifest
from amalthea.kube.client import Client
from amalthea.model.times import rfc3339
from amalthea.model.views.door import NoAnswerError
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.builders import session
from amalthea.testing.clock import FakeClock
from amalthea.testing.observations import container, pod
from tests.support.loop import PATHS, Loop

KEY = ("team", "demo")
START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
SOON, DUE = START + timedelta(minutes=110), START + timedelta(hours=2)
CULLED = session().with_ingress().with_token().with_spec(culling={"maxIdleDuration": "2h"})
MINUTE = timedelta(minutes=1)


class Life:
    """A session that has used no CPU since START, behind a door that answers as a test wants."""

    def __init__(self, api: FakeApi, client: Client) -> None:
        self._api = api
        self._client = client
        self.clock = FakeClock(START)
        self.asked: list[datetime] = []
        self.worked_at: Callable[[], datetime | None] = lambda: START - MINUTE
        """When somebody last worked, as the door tells; None: it does not answer."""
        self.restart()

    def restart(self) -> None:
        """Start an operator that knows only what the API server has."""
        self.loop = Loop(self._api, self._client, self.clock, KEY, self._ring)

    async def begin(self) -> None:
        """Let the session run, with its pod up."""
        self._api.objects.create(PATHS["AmaltheaSession"], KEY[0], CULLED.manifest())
        await self.loop.run(START)
        owner = self._api.objects.get(PATHS["StatefulSet"], KEY)
        self._api.objects.update(PATHS["StatefulSet"], KEY, {**owner, "status": {"readyReplicas": 1}}, "status")
        body = pod(container(ready=True), container("authproxy", ready=True), podIP="192.0.2.1")
        reference = {"kind": "StatefulSet", "name": "demo", "uid": owner["metadata"]["uid"], "controller": True}
        metadata = {"name": "demo-0", "labels": owner["metadata"]["labels"], "ownerReferences": [reference]}
        self._api.objects.create(PATHS["Pod"], KEY[0], {**body, "metadata": metadata})
        await self.loop.run(START)

    async def until(self, moment: datetime) -> None:
        await self.loop.run(moment)

    @property
    def session(self) -> Manifest:
        return self._api.objects.get(PATHS["AmaltheaSession"], KEY)

    @property
    def paused(self) -> bool:
        return bool(self.session["spec"]["hibernated"])

    @property
    def warned(self) -> bool:
        return any(each["type"] == "StoppingSoon" for each in self.session["status"]["conditions"])

    @property
    def requests(self) -> int:
        return len(self._api.asked)

    async def _ring(self, address: str) -> bytes:
        assert address == "192.0.2.1"
        self.asked.append(self.clock.now())
        if (worked := self.worked_at()) is None:
            raise NoAnswerError("nobody is there")
        return msgspec.json.encode({"last_request_time": "", "version": 1, "last_work_time": rfc3339(worked)})


@pytest.fixture
async def life() -> AsyncIterator[Life]:
    async with FakeApi() as api, Client(api.config) as client:
        life = Life(api, client)
        await life.begin()
        yield life


async def test_an_idle_user_is_asked_for_twice_warned_once_and_paused_in_time(life: Life) -> None:
    assert life.session["status"]["idleSince"] == rfc3339(START)
    before = life.requests
    await life.until(SOON - MINUTE)
    assert (life.asked, life.requests) == ([], before), "an idle session with time to go costs nothing"
    await life.until(SOON)
    assert life.asked == [SOON]
    assert life.warned
    await life.until(DUE - timedelta(seconds=1))
    assert (life.asked, life.paused) == ([SOON], False)
    assert life.requests == before + 1, "the warning is one write"
    await life.until(DUE)
    assert (life.asked, life.paused) == ([SOON, DUE], True)


async def test_a_user_who_works_is_never_warned_and_asked_for_once_per_idle_limit(life: Life) -> None:
    life.worked_at = life.clock.now
    for hours in range(1, 11):
        await life.until(START + timedelta(hours=hours))
        assert not life.warned
    assert not life.paused
    assert len(life.asked) == 5, life.asked


async def test_work_at_the_last_second_wins(life: Life) -> None:
    await life.until(DUE - timedelta(seconds=1))
    life.worked_at = lambda: DUE - timedelta(seconds=1)
    await life.until(DUE)

    assert not life.paused
    assert not life.warned
    assert life.session["status"]["willHibernateAt"] == rfc3339(DUE + timedelta(hours=2, seconds=-1))


async def test_a_restart_forgets_no_work(life: Life) -> None:
    worked = SOON - MINUTE
    life.worked_at = lambda: worked
    await life.until(SOON)
    before = life.session["status"]
    life.restart()
    await life.until(DUE)

    assert life.session["status"] == before
    assert life.session["status"]["idleSince"] == rfc3339(worked)
    assert life.asked == [SOON]
    await life.until(worked + timedelta(hours=2))
    assert life.paused


async def test_a_restart_after_the_warning_pauses_nobody_without_asking(life: Life) -> None:
    await life.until(SOON)
    life.restart()
    await life.until(SOON + MINUTE)
    assert life.warned
    life.restart()
    life.worked_at = life.clock.now
    await life.clock.advance((DUE - life.clock.now() + MINUTE).total_seconds())
    await life.until(DUE + MINUTE)

    assert not life.paused
    assert not life.warned


async def test_a_door_that_keeps_silent_ends_nothing_and_is_asked_more_and_more_rarely(life: Life) -> None:
    life.worked_at = lambda: None
    await life.until(SOON + timedelta(hours=1))

    assert not life.paused
    assert not life.warned
    waits = [(later - sooner).total_seconds() for sooner, later in zip(life.asked, life.asked[1:], strict=False)]
    assert waits[:5] == [30, 60, 120, 300, 300]
    assert len(life.asked) == 15
    requests = life.requests
    await life.until(SOON + timedelta(hours=3))
    assert life.requests == requests, "nothing is written while nothing changes"


async def test_a_door_that_is_silent_at_the_end_takes_the_warning_back(life: Life) -> None:
    await life.until(SOON)
    life.worked_at = lambda: None
    await life.until(DUE)

    assert not life.paused
    assert not life.warned


async def test_a_session_that_computes_is_not_asked_for(life: Life) -> None:
    life.loop.cpu = Decimal(1)
    await life.until(DUE)

    assert not life.paused
    assert life.asked == []

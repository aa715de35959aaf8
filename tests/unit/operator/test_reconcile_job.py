"""A remote session costs one question a minute at most, none while it rests, and no write while nothing changes."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from amalthea.api.schema import Manifest
from amalthea.kube.client import Client
from amalthea.model.views.door import NoAnswerError
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.builders import session
from amalthea.testing.clock import FakeClock
from amalthea.testing.observations import container, pod, running
from tests.support.loop import PATHS, Loop, nobody

KEY, HERE = ("team", "demo"), "192.0.2.1"
START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FAR = session().remote().with_session(readinessProbe={"type": "none"}).with_spec(culling={"maxIdleDuration": "24h"})
Answer = dict[str, object]
QUEUED: Answer = {"status": "NotReady", "schedulerState": "PENDING", "reason": "Priority"}
RUNS: Answer = {"status": "Running", "schedulerState": "RUNNING", "limitSeconds": 86400}
FAILED: Answer = {"status": "Failed", "error": "The node failed (NODE_FAIL). Resume the session to submit a new job."}


class Life:
    """A remote session with its pod up since START; its controller says what a test wants."""

    def __init__(self, api: FakeApi, client: Client) -> None:
        self._api, self._client = api, client
        self.clock = FakeClock(START)
        self.asked: list[datetime] = []
        self.says: Answer | None = QUEUED
        self.restart()

    def restart(self) -> None:
        """Start an operator that knows only what the API server has."""
        self.loop = Loop(self._api, self._client, self.clock, KEY, nobody, self._ask)

    async def begin(self) -> None:
        self._api.objects.create(PATHS["AmaltheaSession"], KEY[0], FAR.manifest())
        await self.loop.run(START)
        owner = self._api.objects.get(PATHS["StatefulSet"], KEY)
        self._api.objects.update(PATHS["StatefulSet"], KEY, {**owner, "status": {"readyReplicas": 1}}, "status")
        body = pod(container(state=running("2026-11-22T14:00:00Z"), ready=True), podIP=HERE)
        reference = {"kind": "StatefulSet", "name": "demo", "uid": owner["metadata"]["uid"], "controller": True}
        metadata = {"name": "demo-0", "labels": owner["metadata"]["labels"], "ownerReferences": [reference]}
        self._api.objects.create(PATHS["Pod"], KEY[0], {**body, "metadata": metadata})
        await self.loop.run(START)

    async def lasts(self, span: timedelta) -> int:
        """Let time pass; return how often the controller was asked in it."""
        before = len(self.asked)
        await self.loop.run(self.clock.now() + span)
        return len(self.asked) - before

    @property
    def status(self) -> Manifest:
        status: Manifest = self._api.objects.get(PATHS["AmaltheaSession"], KEY)["status"]
        return {"state": "NotReady", **status}  # as the CRD fills it in

    @property
    def requests(self) -> int:
        return len(self._api.asked)

    def hibernate(self) -> None:
        found = self._api.objects.get(PATHS["AmaltheaSession"], KEY)
        self._api.objects.update(
            PATHS["AmaltheaSession"], KEY, {**found, "spec": {**found["spec"], "hibernated": True}}
        )

    def lose_pod(self) -> None:
        self._api.objects.delete(PATHS["Pod"], (KEY[0], "demo-0"), {})
        owner = self._api.objects.get(PATHS["StatefulSet"], KEY)
        self._api.objects.update(PATHS["StatefulSet"], KEY, {**owner, "status": {}}, "status")

    async def _ask(self, address: str) -> bytes:
        assert address == HERE
        self.asked.append(self.clock.now())
        if self.says is None:
            raise NoAnswerError("nobody is there")
        return msgspec.json.encode(self.says)


@pytest.fixture
async def life() -> AsyncIterator[Life]:
    async with FakeApi() as api, Client(api.config) as client:
        life = Life(api, client)
        await life.begin()
        yield life


async def test_an_hour_in_the_queue_and_one_at_work_cost_a_question_a_minute(life: Life) -> None:
    assert await life.lasts(MINUTE) == 1
    assert life.status["state"] == "NotReady"
    assert await life.lasts(HOUR) == 60
    life.says = RUNS
    await life.lasts(MINUTE)
    assert life.status["state"] == "Running"
    before = life.requests
    assert await life.lasts(HOUR) == 60
    assert life.requests == before, "what does not change is not written"
    assert min(b - a for a, b in zip(life.asked, life.asked[1:], strict=False)) >= MINUTE


async def test_a_job_that_has_ended_is_reported_within_a_minute_and_asked_for_ever_less_often(life: Life) -> None:
    life.says = RUNS
    await life.lasts(HOUR)
    life.says = FAILED
    await life.lasts(MINUTE)
    assert life.status["state"] == "Failed"
    assert life.status["error"].startswith("The node failed")
    before = life.requests
    assert await life.lasts(HOUR) == 6
    assert life.requests == before


async def test_a_new_leader_asks_once_and_says_nothing_else_meanwhile(life: Life) -> None:
    life.says = FAILED
    await life.lasts(MINUTE)
    before = life.status
    life.restart()
    assert await life.lasts(timedelta(0)) == 1
    assert life.status == before


async def test_a_controller_that_keeps_silent_is_asked_less_and_less_and_its_session_runs(life: Life) -> None:
    life.says = None
    assert await life.lasts(HOUR) <= 10
    assert life.status["state"] == "Running"


async def test_a_session_that_is_paused_or_rests_asks_nobody(life: Life) -> None:
    life.says = RUNS
    await life.lasts(HOUR)
    life.hibernate()
    assert await life.lasts(timedelta(seconds=50)) == 0
    assert life.status["state"] == "NotReady", "its controller still cancels the job"
    life.lose_pod()
    await life.lasts(MINUTE)
    assert life.status["state"] == "Hibernated"
    before = life.requests
    assert await life.lasts(24 * HOUR) == 0
    assert life.requests == before

"""A remote session must not go before its job: with it go the tokens that cancel the job. Nor may it stay forever."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.kube.client import Client
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Choice
from amalthea.testing.builders import SessionBuilder, session
from amalthea.testing.clock import FakeClock
from amalthea.testing.observations import container, pod
from tests.support.loop import PATHS, Loop, nobody

KEY, SECRET = ("team", "demo"), "v1/secrets"
ADOPTING = {"remoteSecretRef": {"name": "tokens", "adopt": True}}
FAR = session().remote().with_session(**ADOPTING)
HERE = session().with_session(**ADOPTING)
SECOND = timedelta(seconds=1)


class Life:
    """A session with its pod up."""

    def __init__(self, api: FakeApi, client: Client) -> None:
        self._api = api
        self.clock = FakeClock(datetime.now(UTC))  # the API server stamps what is deleted
        self.loop = Loop(api, client, self.clock, KEY, nobody)

    async def begin(self, builder: SessionBuilder) -> None:
        self._api.objects.create(SECRET, KEY[0], {"metadata": {"name": "tokens"}})
        self._api.objects.create(PATHS["AmaltheaSession"], KEY[0], builder.manifest())
        await self.passes(SECOND)
        owner = self._api.objects.get(PATHS["StatefulSet"], KEY)
        self._api.objects.update(PATHS["StatefulSet"], KEY, {**owner, "status": {"replicas": 1}}, "status")
        reference = {"kind": "StatefulSet", "name": "demo", "uid": owner["metadata"]["uid"], "controller": True}
        metadata = {"name": "demo-0", "labels": owner["metadata"]["labels"], "ownerReferences": [reference]}
        self._api.objects.create(PATHS["Pod"], KEY[0], {**pod(container(ready=True)), "metadata": metadata})
        await self.passes(SECOND)

    async def delete(self) -> None:
        assert self._api.objects.delete(PATHS["AmaltheaSession"], KEY, {}) is not None, "the finalizer holds it"
        await self.passes(SECOND)

    async def passes(self, span: timedelta) -> None:
        await self.loop.run(self.clock.now() + span)

    async def lose_pod(self) -> None:
        self._api.objects.delete(PATHS["Pod"], (KEY[0], "demo-0"), {})
        owner = self._api.objects.get(PATHS["StatefulSet"], KEY)
        self._api.objects.update(PATHS["StatefulSet"], KEY, {**owner, "status": {}}, "status")
        await self.passes(SECOND)

    @property
    def workload(self) -> Manifest:
        return self._api.objects.get(PATHS["StatefulSet"], KEY)

    def is_gone(self) -> bool:
        return not self._api.objects.select(Choice(PATHS["AmaltheaSession"]))

    @property
    def secrets(self) -> list[str]:
        return [each["metadata"]["name"] for each in self._api.objects.select(Choice(SECRET))]


@pytest.fixture
async def life() -> AsyncIterator[Life]:
    async with FakeApi() as api, Client(api.config) as client:
        yield Life(api, client)


async def test_the_pod_is_stopped_first_and_its_tokens_go_when_it_has_cancelled_the_job(life: Life) -> None:
    await life.begin(FAR)
    await life.delete()
    assert life.workload["spec"]["replicas"] == 0
    await life.passes(40 * SECOND)
    assert not life.is_gone()
    assert "tokens" in life.secrets
    await life.lose_pod()
    assert life.is_gone()
    assert "tokens" not in life.secrets


async def test_a_pod_that_never_goes_keeps_its_session_for_a_minute_and_a_half(life: Life) -> None:
    await life.begin(FAR)
    await life.delete()
    await life.passes(85 * SECOND)
    assert not life.is_gone()
    await life.passes(5 * SECOND)
    assert life.is_gone()


async def test_a_session_that_is_paused_or_in_this_cluster_goes_at_once(life: Life) -> None:
    await life.begin(HERE)
    await life.delete()
    assert life.is_gone()
    assert life.workload["spec"]["replicas"] == 1, "the garbage collector stops it"


async def test_one_that_nobody_holds_is_left_to_the_garbage_collector(life: Life) -> None:
    await life.begin(FAR.with_session(remoteSecretRef={"name": "tokens", "adopt": False}))
    assert life._api.objects.delete(PATHS["AmaltheaSession"], KEY, {}) is None
    await life.passes(SECOND)
    assert life.workload["spec"]["replicas"] == 1
    assert names.FINALIZER not in str(life.workload)

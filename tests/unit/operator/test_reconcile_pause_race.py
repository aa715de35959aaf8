"""A user who reports work at the very last moment is not paused, however late the operator is."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from amalthea.api.schema import Manifest
from amalthea.kube.client import Client
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.builders import session
from amalthea.testing.clock import FakeClock
from amalthea.testing.observations import container, pod
from tests.support.loop import PATHS, Loop

KEY = ("team", "demo")
START = datetime(2026, 11, 22, 14, tzinfo=UTC)
LIMIT = timedelta(hours=2)
CULLED = session().with_spec(culling={"maxIdleDuration": "2h"})
SAID = {"maxIdleDuration": "2h", "lastInteraction": "2026-11-22T15:59:59Z"}


async def _nobody_asks(address: str) -> bytes:
    raise AssertionError(address)


class Life:
    """An idle session whose deadline has passed while the operator was asleep: one pass announces and pauses it."""

    def __init__(self, api: FakeApi, client: Client) -> None:
        self.clock = FakeClock(START)
        self.objects = api.objects
        self.loop = Loop(api, client, self.clock, KEY, _nobody_asks)

    async def begin(self) -> None:
        self.objects.create(PATHS["AmaltheaSession"], KEY[0], CULLED.manifest())
        await self.loop.run(START)
        owner = self.objects.get(PATHS["StatefulSet"], KEY)["metadata"]
        reference = {"kind": "StatefulSet", "name": "demo", "uid": owner["uid"], "controller": True}
        metadata = {"name": "demo-0", "labels": owner["labels"], "ownerReferences": [reference]}
        self.objects.create(PATHS["Pod"], KEY[0], {**pod(container(ready=True)), "metadata": metadata})
        await self.loop.run(START)
        await self.clock.advance(LIMIT.total_seconds())

    @property
    def session(self) -> Manifest:
        return self.objects.get(PATHS["AmaltheaSession"], KEY)

    def say_unheard(self) -> None:
        """Change the session without the watch telling of it: the answer to the operator's own write does."""
        listeners, spec = list(self.objects.listeners), self.session["spec"]
        self.objects.listeners.clear()
        self.objects.update(PATHS["AmaltheaSession"], KEY, {**self.session, "spec": {**spec, "culling": SAID}})
        self.objects.listeners.extend(listeners)


@pytest.fixture
async def life() -> AsyncIterator[tuple[Life, Client]]:
    async with FakeApi() as api, Client(api.config) as client:
        life = Life(api, client)
        await life.begin()
        yield life, client


async def test_an_idle_session_is_paused_though_late(life: tuple[Life, Client]) -> None:
    seen, _ = life
    await seen.loop.run(START + LIMIT)
    assert seen.session["spec"]["hibernated"]


async def test_a_user_who_speaks_between_the_judgement_and_the_pause_is_not_paused(
    life: tuple[Life, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, client = life
    write = client.patch_json

    async def patch_json(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401  (passed on as they are)
        if options.get("subresource") == "status" and seen.session["spec"]["culling"] != SAID:
            seen.say_unheard()
        return await write(*arguments, **options)

    monkeypatch.setattr(client, "patch_json", patch_json)
    await seen.loop.run(START + LIMIT)
    assert not seen.session["spec"]["hibernated"]
    assert seen.session["status"]["willHibernateAt"] == "2026-11-22T17:59:59Z"

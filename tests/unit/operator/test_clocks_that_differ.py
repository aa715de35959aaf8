"""An operator that does not know what time it is must end no session: a paused one would be deleted with its files."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from amalthea.kube.client import Client
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Choice
from tests.support.loop import PATHS
from tests.unit.operator.writers.test_failed_writes import LIMITED, MINUTE, SECOND, Life

ASLEEP = LIMITED.hibernated().with_spec(culling={"maxHibernatedDuration": "1h"})
WAITS = "waits, since the clocks of the operator's node and of the API server differ by more than a minute"


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


async def test_a_session_is_paused_only_when_the_clocks_agree_again(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Life(api, client)
        await life.after(MINUTE)
        life.clock.trusted = False
        await life.after(18 * MINUTE)
        message = life.conditions["StoppingSoon"]["message"]
        assert "The session will be paused at 2026-11-22T14:20:00Z" in message
        assert WAITS not in message
        await life.after(11 * MINUTE)
        assert not life.object["spec"]["hibernated"]
        message = life.conditions["StoppingSoon"]["message"]
        assert "The session was to be paused at 2026-11-22T14:20:00Z" in message
        assert WAITS in message
        writes = life.asked("patch", "/status")
        await life.after(MINUTE)
        assert life.asked("patch", "/status") == writes, "nothing is written while nothing changes"
        life.clock.trusted = True
        await life.after(MINUTE)
        assert life.object["spec"]["hibernated"]


async def test_a_session_is_deleted_only_when_the_clocks_agree_again(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Life(api, client, ASLEEP)
        await life.after(SECOND)
        life.clock.trusted = False
        await life.after(timedelta(hours=2))
        assert WAITS in life.conditions["DeletingSoon"]["message"]
        life.clock.trusted = True
        await life.after(MINUTE)
    assert not api.objects.select(Choice(PATHS["AmaltheaSession"]))


async def test_a_session_starts_and_is_resumed_whatever_the_clocks_say(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Life(api, client, ASLEEP)
        life.clock.trusted = False
        await life.after(SECOND)
        assert life.object["status"]["state"] == "Hibernated"
        life.wish(hibernated=False)
        await life.after(SECOND)
        assert api.objects.get(PATHS["StatefulSet"], ("team", "demo"))["spec"]["replicas"] == 1

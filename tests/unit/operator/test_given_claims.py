"""A claim that a user made beforehand may go at any time: no session is stuck for it, or thought in danger for good."""

from collections.abc import AsyncIterator
from copy import deepcopy

import pytest

from amalthea.api.schema import Manifest
from amalthea.kube.client import Client
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Choice
from amalthea.testing.builders import SessionBuilder, session
from tests.support.loop import PATHS
from tests.unit.operator.test_what_costs_files import LIMITS, Running, culled, make_beforehand
from tests.unit.operator.writers.test_failed_writes import KEY, MINUTE, SECOND, at

CLAIMS, POD = PATHS["PersistentVolumeClaim"], (KEY[0], "demo-0")


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        make_beforehand(started)
        yield started


def claim(api: FakeApi) -> Manifest | None:
    """Return the claim of the session's name, if there is one that is not being deleted."""
    found = [each for each in api.objects.select(Choice(CLAIMS)) if each["metadata"]["name"] == KEY[1]]
    return next((each for each in found if "deletionTimestamp" not in each["metadata"]), None)


def release(api: FakeApi) -> None:
    """Let the deleted claim go, as Kubernetes does when no pod uses it any more."""
    held = deepcopy(api.objects.get(CLAIMS, KEY))
    held["metadata"]["finalizers"] = []
    api.objects.update(CLAIMS, KEY, held)


async def paused(api: FakeApi, client: Client, builder: SessionBuilder) -> Running:
    """Return a session that ran and is paused."""
    life = Running(api, client, builder)
    await life.begin()
    life.wish(hibernated=True)
    await life.after(SECOND)
    return life


async def test_a_claim_made_beforehand_that_was_deleted_during_a_pause_keeps_no_resume_waiting(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = await paused(api, client, session("demo"))
        api.objects.delete(CLAIMS, KEY, {})
        life.wish(hibernated=False)
        await life.after(SECOND)
        assert life.workload["replicas"] == 1
        made = api.objects.get(CLAIMS, KEY)
        assert made["metadata"]["ownerReferences"][0]["name"] == KEY[1]


async def test_a_claim_made_beforehand_that_is_still_there_at_a_resume_is_not_asked_to_be_made(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = await paused(api, client, session("demo"))
        asked = life.asked("create", "/persistentvolumeclaims")
        life.wish(hibernated=False)
        await life.after(SECOND)
        assert life.workload["replicas"] == 1
        assert life.asked("create", "/persistentvolumeclaims") == asked > 0


async def test_a_job_whose_claim_was_deleted_during_a_pause_gets_another_at_its_resume(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Running(api, client, session("demo").as_job())
        await life.after(SECOND)
        life.wish(hibernated=True)
        await life.after(SECOND)
        api.objects.delete(CLAIMS, KEY, {})
        life.wish(hibernated=False)
        await life.after(5 * SECOND)
        assert claim(api) is not None


async def test_a_claim_that_another_pod_still_holds_at_a_resume_is_made_anew_once_it_goes(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = await paused(api, client, culled(**LIMITS))
        api.objects.delete(PATHS["Pod"], POD, {})
        life.delete_claim()
        life.wish(hibernated=False)
        await life.after(20 * SECOND)
        assert "the session waits for it to go" in life.conditions["ChildrenInPlace"]["message"]
        release(api)
        await life.after(MINUTE)
        assert claim(api) is not None
        assert "willHibernateAt" in life.object["status"]


async def test_a_session_whose_pod_is_replaced_after_its_claim_was_deleted_is_not_stuck(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Running(api, client, culled(**LIMITS))
        await life.begin()
        life.delete_claim()
        await life.after(11 * MINUTE)
        assert "willHibernateAt" not in life.object["status"]
        api.objects.delete(PATHS["Pod"], POD, {})  # by a drain: its successor has no volume
        release(api)
        await life.after(10 * MINUTE)
        assert claim(api) is not None
        life.start_pod()
        await life.after(SECOND)
        assert "ChildrenInPlace" not in life.conditions
        assert "willHibernateAt" in life.object["status"]


async def test_a_user_may_pause_a_session_while_nobody_tells_how_its_claim_is(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Running(api, client, session("demo"))
        await life.begin()
        api.fail("list", at("/persistentvolumeclaims", 503))
        life.wish(hibernated=True)
        await life.after(SECOND)
        assert life.workload["replicas"] == 0


async def test_the_claim_of_a_job_that_has_ended_is_not_said_to_be_lost_with_its_pod(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Running(api, client, session("demo").as_job())
        await life.after(SECOND)
        job = deepcopy(api.objects.get(PATHS["Job"], KEY))
        job["status"] = {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}
        api.objects.update(PATHS["Job"], KEY, job, "status")
        await life.after(SECOND)
        assert life.object["status"]["state"] == "Succeeded"
        life.delete_claim()
        await life.after(11 * MINUTE)
        assert "are lost" not in life.conditions.get("ChildrenInPlace", {}).get("message", "")

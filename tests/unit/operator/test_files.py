"""Dangers to a user's files must be reported in time, and nothing may be stopped automatically until then."""

from collections.abc import AsyncIterator

import pytest

from amalthea.api import names
from amalthea.kube.client import Client
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.builders import session
from tests.support.loop import PATHS
from tests.unit.operator.writers.test_failed_writes import KEY, MINUTE, SECOND, Life


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


async def test_a_session_whose_claim_was_deleted_says_so_and_is_not_paused(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Life(api, client)
        await life.after(MINUTE)
        claim = api.objects.get(PATHS["PersistentVolumeClaim"], KEY)
        leaving = {"deletionTimestamp": "2026-11-22T14:01:00Z", "finalizers": ["kubernetes.io/pvc-protection"]}
        body = {**claim, "metadata": {**claim["metadata"], **leaving}}
        api.objects.update(PATHS["PersistentVolumeClaim"], KEY, body)
        life.loop.wake()
        await life.after(SECOND)
        assert "Copy what you need elsewhere now" in life.conditions["ChildrenInPlace"]["message"]
        assert "willHibernateAt" not in life.object["status"]
        await life.after(60 * MINUTE)
        assert not life.object["spec"]["hibernated"]


async def test_a_users_annotation_of_our_records_name_is_not_written_over_and_over(api: FakeApi) -> None:
    annotations = {names.ANNOTATION_APPLIED: "x", "theirs": "y"}
    async with Client(api.config) as client:
        life = Life(api, client, session("demo").with_spec(template={"metadata": {"annotations": annotations}}))
        await life.after(SECOND)
        for _ in range(3):
            life.loop.wake()
            await life.after(SECOND)
        patched = [asked.path for asked in api.asked if asked.verb == "patch" and names.PLURAL not in asked.path]
        assert patched == []
        assert api.objects.get(PATHS["Service"], KEY)["metadata"]["annotations"]["theirs"] == "y"

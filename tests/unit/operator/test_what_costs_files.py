"""A deletion of a user's files must not rest on one report that may be old, wrong, or from the end of time."""

from collections.abc import AsyncIterator
from copy import deepcopy
from datetime import timedelta

import pytest

from amalthea.api.schema import Manifest
from amalthea.kube.client import Client
from amalthea.model.times import rfc3339
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Choice
from amalthea.testing.builders import SessionBuilder, session
from tests.support.loop import PATHS
from tests.unit.operator.writers.test_failed_writes import KEY, MINUTE, SECOND, Life

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NEVER = "9999-12-30T23:59:59.9Z"


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


def culled(**limits: str) -> SessionBuilder:
    return session("demo").with_spec(culling=limits)


def make_beforehand(api: FakeApi) -> None:
    """Make the claim of the session's name, as its user may, without our labels."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "3Gi"}}, "volumeName": "pv"}
    status = {"phase": "Bound", "capacity": {"storage": "3Gi"}}
    claim = {"metadata": {"name": KEY[1], "namespace": KEY[0]}, "spec": spec, "status": status}
    api.objects.create(PATHS["PersistentVolumeClaim"], KEY[0], claim)


class Running(Life):
    """A session that runs, and whose claim somebody may delete."""

    async def begin(self) -> None:
        await self.after(SECOND)
        self.start_pod()
        await self.after(SECOND)
        assert self.object["status"]["state"] == "Running"

    def delete_claim(self) -> None:
        """Delete the claim of its files: the API server keeps it as long as a pod uses it."""
        claims = PATHS["PersistentVolumeClaim"]
        claim = deepcopy(self.api.objects.get(claims, KEY))
        claim["metadata"]["finalizers"] = ["kubernetes.io/pvc-protection"]
        self.api.objects.update(claims, KEY, claim)
        self.api.objects.delete(claims, KEY, {})

    @property
    def workload(self) -> dict[str, object]:
        spec: dict[str, object] = deepcopy(self.api.objects.get(PATHS["StatefulSet"], KEY))["spec"]
        return spec


LIMITS = {"maxAge": "3h", "maxIdleDuration": "1h", "maxFailedDuration": "1h", "maxStartingDuration": "1h"}


async def test_a_claim_that_is_deleted_under_a_session_is_reported_at_once_and_nothing_is_paused(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Running(api, client, culled(**LIMITS))
        await life.begin()
        assert "willHibernateAt" in life.object["status"]
        life.delete_claim()
        await life.after(SECOND)
        condition = life.conditions["ChildrenInPlace"]
        assert "the files on it are lost as soon as this session stops. Copy what you need" in condition["message"]
        await life.after(DAY)
        assert not life.object["spec"]["hibernated"]
        assert "willHibernateAt" not in life.object["status"]
        assert "StoppingSoon" not in life.conditions
        life.wish(hibernated=True)
        await life.after(SECOND)
        assert life.workload["replicas"] == 0, "whoever says so may pause it"


async def test_a_claim_that_is_deleted_under_a_session_lets_no_change_restart_it(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Running(api, client, culled(**LIMITS).with_spec(reconcileStrategy="always"))
        await life.begin()
        life.delete_claim()
        before = life.workload
        life.wish(session={**life.object["spec"]["session"], "image": "example.org/lab:2"}, nodeSelector={"gpu": "yes"})
        await life.after(MINUTE)
        assert life.workload == before
        assert life.conditions["UpdatePending"]["reason"] == "SpecChanged"


async def test_a_claim_made_beforehand_that_is_deleted_under_a_session_keeps_it_from_a_pause(api: FakeApi) -> None:
    make_beforehand(api)
    async with Client(api.config) as client:
        life = Running(api, client, culled(**LIMITS))
        await life.begin()
        assert life.conditions["ChildrenInPlace"]["reason"] == "MadeBeforehand"
        life.delete_claim()
        await life.after(10 * MINUTE)
        condition = life.conditions["ChildrenInPlace"]
        assert "the files on it are lost as soon as this session stops. Copy what you need" in condition["message"]
        await life.after(DAY)
        assert not life.object["spec"]["hibernated"]
        assert "willHibernateAt" not in life.object["status"]
        life.wish(hibernated=True)
        await life.after(SECOND)
        assert life.workload["replicas"] == 0, "whoever says so may pause it"


@pytest.mark.parametrize("lead", [MINUTE, SECOND], ids=["a minute before", "a second before"])
async def test_a_claim_made_beforehand_that_is_deleted_right_before_a_pause_keeps_from_it(
    api: FakeApi, lead: timedelta
) -> None:
    make_beforehand(api)
    async with Client(api.config) as client:
        life = Running(api, client, culled(**{**LIMITS, "maxAge": "35m"}))
        await life.begin()
        await life.after(35 * MINUTE - lead - 5 * SECOND)
        assert not life.object["spec"]["hibernated"]
        life.delete_claim()
        await life.after(HOUR)
        assert not life.object["spec"]["hibernated"]


async def test_a_claim_made_beforehand_that_is_deleted_under_a_session_lets_no_change_restart_it(api: FakeApi) -> None:
    make_beforehand(api)
    async with Client(api.config) as client:
        life = Running(api, client, culled(**LIMITS).with_spec(reconcileStrategy="always"))
        await life.begin()
        before = life.workload
        life.delete_claim()
        life.wish(session={**life.object["spec"]["session"], "image": "example.org/lab:2"})
        await life.after(MINUTE)
        assert life.workload == before
        assert life.conditions["UpdatePending"]["reason"] == "SpecChanged"


async def test_a_session_that_was_resumed_and_paused_again_unseen_is_kept_from_the_later_pause_on(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Life(api, client, culled(maxHibernatedDuration="168h").hibernated())
        await life.after(6 * DAY)
        since = life.object["status"]["hibernatedSince"]
        life.loop.hear_nothing_of("AmaltheaSession")
        life.wish(hibernated=False)
        paused = deepcopy(life.object)
        paused["spec"]["hibernated"] = True
        fields: Manifest = {"f:spec": {"f:hibernated": {}}}
        entry = {"manager": "backend", "operation": "Update", "time": rfc3339(life.clock.now()), "fieldsV1": fields}
        paused["metadata"]["managedFields"] = [entry]
        api.objects.update(PATHS["AmaltheaSession"], KEY, paused)
        life.loop.hear_nothing_of()
        await life.after(6 * DAY)
        assert life.object["status"]["hibernatedSince"] > since
        await life.after(1 * DAY + MINUTE)
    assert not api.objects.select(Choice(PATHS["AmaltheaSession"]))


@pytest.mark.parametrize("limit", ["maxAge", "maxIdleDuration"])
async def test_a_word_from_the_end_of_time_frees_no_session_of_its_limits(api: FakeApi, limit: str) -> None:
    async with Client(api.config) as client:
        limits = {"maxIdleDuration": "24h", limit: "1h", "lastInteraction": NEVER}
        life = Running(api, client, culled(**limits))
        await life.begin()
        await life.after(HOUR - MINUTE)
        assert not life.object["spec"]["hibernated"]
        await life.after(2 * MINUTE)
        assert life.object["spec"]["hibernated"]


async def test_a_word_from_a_clock_that_is_ahead_counts_and_changes_no_status_all_the_time(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Running(api, client, culled(maxIdleDuration="1h"))
        await life.begin()
        await life.after(30 * MINUTE)
        ahead = life.clock.now() + 5 * MINUTE
        life.wish(culling={"maxIdleDuration": "1h", "lastInteraction": rfc3339(ahead)})
        await life.after(SECOND)
        assert life.object["status"]["willHibernateAt"] == rfc3339(ahead + HOUR)
        writes = life.asked("patch", "/status")
        for _ in range(10):
            life.loop.wake()
            await life.after(MINUTE)
        assert life.asked("patch", "/status") == writes


OLD = "2020-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("builder", "status"),
    [
        (culled(maxHibernatedDuration="168h").hibernated(), {"state": "Hibernated", "hibernatedSince": OLD}),
        (culled(maxHibernatedDuration="168h").as_job(), {"state": "Succeeded", "idleSince": OLD}),
        (culled(maxHibernatedDuration="168h").as_job(), {"state": "Failed", "idleSince": OLD, "failingSince": OLD}),
    ],
    ids=["paused", "job that ended", "job that failed"],
)
async def test_a_session_that_was_just_restored_with_its_old_status_is_not_deleted(
    api: FakeApi, builder: SessionBuilder, status: Manifest
) -> None:
    async with Client(api.config) as client:
        life = Life(api, client, builder)
        api.objects.update(PATHS["AmaltheaSession"], KEY, {**deepcopy(life.object), "status": status}, "status")
        await life.after(6 * DAY)
        assert api.objects.select(Choice(PATHS["AmaltheaSession"]))
        await life.after(1 * DAY + MINUTE)
        assert not api.objects.select(Choice(PATHS["AmaltheaSession"]))

"""That nothing is heard of pods must never be taken for there being none: a session in use would be stopped."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from amalthea.api.types import State
from amalthea.kube.client import Client
from amalthea.model.plan import Fresh, decide
from amalthea.model.status.report import Context, report
from amalthea.operator.inputs.cache import BLIND_AFTER
from amalthea.testing import observations as found
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Choice
from amalthea.testing.builders import RUN_ID, session
from tests.support.loop import PATHS
from tests.unit.operator.writers.test_failed_writes import KEY, LIMITED, MINUTE, SECOND, Life

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


async def test_a_session_whose_pod_is_not_seen_is_paused_only_when_pods_are_seen_again(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Life(api, client)
        await life.after(MINUTE)
        life.loop.hear_nothing_of("Pod")
        await life.after(30 * MINUTE)
        assert not life.object["spec"]["hibernated"]
        life.loop.hear_nothing_of()
        await life.after(MINUTE)
        assert life.object["spec"]["hibernated"]


OF_A_SESSION = ("AmaltheaSession", "StatefulSet", "Pod", "PersistentVolumeClaim")


@pytest.mark.parametrize("kind", OF_A_SESSION)
async def test_an_end_that_depends_on_a_silent_watch_waits_and_says_so(api: FakeApi, kind: str) -> None:
    async with Client(api.config) as client:
        life = Life(api, client)
        await life.after(MINUTE)
        life.loop.hear_nothing_of(kind)
        await life.after(30 * MINUTE)
        assert not life.object["spec"]["hibernated"]
        soon = life.conditions["StoppingSoon"]
        assert soon["reason"] == "StartingTooLong"
        assert "That waits, since the operator currently receives no news of the session" in soon["message"]


async def test_a_silent_watch_of_other_kinds_holds_up_no_limit_of_a_session(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Life(api, client)
        await life.after(MINUTE)
        life.loop.hear_nothing_of(*(set(PATHS) - set(OF_A_SESSION)))
        await life.after(20 * MINUTE)
        assert life.object["spec"]["hibernated"]


class Unseen(Life):
    """A session whose pod comes up while nothing is heard of pods, from the very beginning on."""

    async def begin(self) -> None:
        self.loop.hear_nothing_of("Pod")
        await self.after(SECOND)
        self.count_pods(1)
        self.start_pod()

    def count_pods(self, replicas: int) -> None:
        """Play the controller, which writes what it sees into the StatefulSet's status."""
        owner = self.api.objects.get(PATHS["StatefulSet"], KEY)
        status = {"replicas": replicas, "observedGeneration": owner["metadata"]["generation"]}
        self.api.objects.update(PATHS["StatefulSet"], KEY, {**owner, "status": status}, "status")


@pytest.mark.parametrize("silence", [SECOND, 10 * MINUTE], ids=["a moment", "minutes"])
async def test_a_pod_that_is_not_seen_is_not_taken_for_gone(api: FakeApi, silence: timedelta) -> None:
    async with Client(api.config) as client:
        life = Unseen(api, client)
        await life.begin()
        await life.after(silence)
        life.wish(hibernated=True)
        await life.after(MINUTE)
        assert api.objects.get(PATHS["StatefulSet"], KEY)["spec"]["replicas"] == 0
        assert life.object["status"].get("state", "NotReady") == "NotReady"
        api.objects.delete(PATHS["Pod"], ("team", "demo-0"), {})
        life.count_pods(0)
        life.loop.hear_nothing_of()
        await life.after(MINUTE)
        assert life.object["status"]["state"] == "Hibernated"


@pytest.mark.parametrize("silence", [SECOND, 10 * MINUTE], ids=["a moment", "minutes"])
async def test_a_pod_that_is_not_seen_is_not_moved_to_another_node(api: FakeApi, silence: timedelta) -> None:
    async with Client(api.config) as client:
        life = Unseen(api, client)
        await life.begin()
        await life.after(silence)
        template = api.objects.get(PATHS["StatefulSet"], KEY)["spec"]["template"]
        life.wish(nodeSelector={"gpu": "yes"})
        await life.after(MINUTE)
        assert api.objects.get(PATHS["StatefulSet"], KEY)["spec"]["template"] == template


async def test_a_pod_that_is_in_use_and_not_seen_is_not_starting_for_too_long(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Unseen(api, client)
        await life.begin()
        await life.after(timedelta(hours=2))
        assert not life.object["spec"]["hibernated"]
        life.loop.hear_nothing_of()
        await life.after(MINUTE)
        assert life.object["status"]["state"] == "Running"
        assert not life.object["spec"]["hibernated"]


async def test_changes_that_a_silent_watch_held_back_are_reported_afterwards_by_themselves(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Life(api, client, LIMITED.hibernated())
        life.loop.hear_nothing_of("Pod")
        await life.clock.advance(BLIND_AFTER + 1)
        await life.after(MINUTE)
        assert life.object["status"].get("state", "NotReady") == "NotReady"
        life.loop.hear_nothing_of()
        await life.after(MINUTE)
        assert life.object["status"]["state"] == "Hibernated"


async def test_a_session_is_deleted_only_when_pods_are_seen_again(api: FakeApi) -> None:
    asleep = LIMITED.hibernated().with_spec(culling={"maxHibernatedDuration": "1h"})
    async with Client(api.config) as client:
        life = Life(api, client, asleep)
        await life.after(MINUTE)
        life.loop.hear_nothing_of("Pod")
        await life.after(timedelta(hours=2))
        assert life.object
        life.loop.hear_nothing_of()
        await life.after(MINUTE)
    assert not api.objects.select(Choice(PATHS["AmaltheaSession"]))


def reported(state: State, *, hibernated: bool = False, crashed: bool = False) -> State:
    """Return what is reported of a session that was in a state, while nothing is heard of pods."""
    builder = session("demo").hibernated() if hibernated else session("demo")
    crash = found.pod(found.container(state=found.waiting("CrashLoopBackOff"), last=found.terminated(1)))
    workload = None if hibernated else found.statefulset()
    seen = found.observed(builder, workload, *([crash] if crashed else []), status={"state": state})
    seen = replace(seen, unheard=frozenset({"Pod"}))
    plan = decide(seen, Fresh(lambda: RUN_ID))
    assert not plan.scheduling_may_change
    return report(seen, plan, (), Context("http://x/", NOW)).status.state


def test_no_state_rests_on_pods_while_their_watch_is_silent() -> None:
    assert reported("Running", crashed=True) == "Running"
    assert reported("Failed", crashed=True) == "Failed"
    assert reported("Running", hibernated=True) == "NotReady"
    assert reported("Hibernated", hibernated=True) == "Hibernated"

"""Events explain, the pod's own status decides: a session that no node takes must not wait for Events forever."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from amalthea.api import names
from amalthea.kube.client import Client
from amalthea.model.times import rfc3339
from amalthea.operator.inputs.event_lookup import UNANSWERED_FOR
from amalthea.testing.api_server import faults
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.builders import session
from amalthea.testing.clock import FakeClock
from amalthea.testing.observations import unscheduled_pod
from tests.support.loop import PATHS, Loop, nobody

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
KEY = ("team", "demo")
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


class Life:
    """A session whose pod no node takes, before an operator on a clock that the test moves."""

    def __init__(self, api: FakeApi, client: Client) -> None:
        self.api = api
        self.clock = FakeClock(START)
        api.objects.create(PATHS[names.KIND], KEY[0], session().manifest())
        self.loop = Loop(api, client, self.clock, KEY, nobody)

    async def after(self, span: timedelta) -> None:
        await self.loop.run(self.clock.now() + span)

    def find_no_node(self) -> None:
        workload = self.api.objects.get(PATHS["StatefulSet"], KEY)
        pod = unscheduled_pod("0/2 nodes are available: 2 Insufficient cpu.")
        owner = {"kind": "StatefulSet", "name": KEY[1], "uid": workload["metadata"]["uid"], "controller": True}
        pod["metadata"] = {"name": "demo-0", "labels": names.selector_labels(KEY[1]), "ownerReferences": [owner]}
        for condition in pod["status"]["conditions"]:
            condition["lastTransitionTime"] = rfc3339(self.clock.now())
        self.api.objects.create(PATHS["Pod"], KEY[0], pod)

    @property
    def state(self) -> str:
        session = self.api.objects.get(PATHS[names.KIND], KEY)
        return str(session.get("status", {}).get("state", "NotReady"))


@pytest.fixture
async def life() -> AsyncIterator[Life]:
    async with FakeApi() as api, Client(api.config) as client:
        made = Life(api, client)
        await made.after(SECOND)
        made.find_no_node()
        yield made


async def no_events(request: web.Request) -> web.StreamResponse | None:
    """Let nobody list Events; a new leader lists children, too, to compare them."""
    refuse = faults.refuse(500, "InternalError")
    return await refuse(request) if request.path.endswith("/events") else None


async def test_it_fails_after_ten_minutes_although_events_cannot_be_listed(life: Life) -> None:
    life.api.fail("list", no_events)
    await life.after(10 * MINUTE - SECOND)
    assert life.state == "NotReady"
    await life.after(SECOND)
    assert life.state == "Failed"


async def test_a_new_leader_does_not_fail_it_before_it_had_time_to_ask_whether_a_node_is_coming(life: Life) -> None:
    life.api.fail("list", no_events)
    await life.after(9 * MINUTE)
    await life.loop.begin_term(None)
    await life.after(2 * MINUTE)
    assert life.state == "NotReady"
    await life.after(UNANSWERED_FOR - 2 * MINUTE + SECOND)
    assert life.state == "Failed"

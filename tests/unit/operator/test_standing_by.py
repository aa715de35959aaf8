"""A leader that takes over, from a replica or from the Go operator, must restart nobody and accuse nobody."""

from collections.abc import AsyncIterator
from copy import deepcopy

import pytest

from amalthea.api.schema import Manifest
from amalthea.kube.client import Client
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.builders import session
from tests.support.loop import PATHS, Loop, nobody
from tests.unit.operator.writers.test_failed_writes import KEY, SECOND, Life

NEXT = "example.org/lab:2"
STRATEGIES = ["always", "whenFailedOrHibernated", "never"]


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


class Led(Life):
    """A session that runs, and was made by a replica of ours. `other` is another replica, which only looks on."""

    async def begin(self, client: Client) -> None:
        await self.after(SECOND)
        self.start_pod()
        await self.after(SECOND)
        self.other = Loop(self.api, client, self.clock, KEY, nobody)

    @property
    def workload(self) -> Manifest:
        return deepcopy(self.api.objects.get(PATHS["StatefulSet"], KEY))

    async def take_over(self, replica: Loop) -> None:
        await replica.begin_term(self.clock.now())
        await replica.run(self.clock.now() + SECOND)


def rolled_out_by_go(life: Led) -> Manifest:
    """Roll out the user's change of the image as the Go operator does, which renders some of it in another way."""
    life.wish(session={**life.object["spec"]["session"], "image": NEXT})
    workload = life.workload
    container = workload["spec"]["template"]["spec"]["containers"][0]
    container["image"] = NEXT
    container.pop("terminationMessagePolicy", None)
    container["terminationMessagePath"] = "/dev/termination-log"
    life.api.objects.update(PATHS["StatefulSet"], KEY, workload)
    return life.workload


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("standing_by", [True, False], ids=["standing by", "started afterwards"])
async def test_a_change_that_the_go_operator_rolled_out_while_it_led_is_not_rolled_out_again(
    api: FakeApi, strategy: str, *, standing_by: bool
) -> None:
    async with Client(api.config) as client:
        life = Led(api, client, session("demo").with_spec(reconcileStrategy=strategy))
        await life.begin(client)
        before = rolled_out_by_go(life)
        replica = life.other if standing_by else Loop(api, client, life.clock, KEY, nobody)
        await life.take_over(replica)
        after = life.workload
        assert after["spec"] == before["spec"]
        assert after["metadata"]["generation"] == before["metadata"]["generation"]
        assert life.conditions.get("UpdatePending", {}).get("reason") != "Edited"


async def test_a_write_of_another_replica_is_neither_an_edit_nor_written_again(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Led(api, client, session("demo").with_ingress())
        await life.begin(client)
        life.wish(hibernated=True)
        await life.after(SECOND)
        life.wish(hibernated=False, ingress={**life.object["spec"]["ingress"], "host": "other.example.org"})
        await life.after(SECOND)
        written = [each for each in api.asked if each.verb in ("create", "patch", "delete")]
        await life.take_over(life.other)
        assert [each for each in api.asked if each.verb in ("create", "patch", "delete")] == written
        assert "UpdatePending" not in life.conditions

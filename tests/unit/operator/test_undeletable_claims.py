"""Under the Go operator's Role no claim can be deleted: what is left over may stay, but nobody may get former data."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from amalthea.children.changes.writes import Delete
from amalthea.kube.client import Client
from amalthea.model.plan import Course, Plan
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.telemetry.instrumentation import Living
from amalthea.operator.telemetry.metrics import OperatorMetrics
from amalthea.operator.writers.children import Applier
from amalthea.operator.writers.refusals import Refusal, Refusals
from amalthea.operator.writers.reverted_writes import Wars
from amalthea.testing import faults
from amalthea.testing.api import FakeApi
from amalthea.testing.clock import FakeClock

SESSION = ("ns", "one")
CLAIM = ("PersistentVolumeClaim", "amalthea-one-ds-0")
LEFT_OVER, TO_BE_REPLACED = Delete(CLAIM, "uid", otherwise=()), Delete(CLAIM, "uid")


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        started.fail("delete", faults.refuse(403, "Forbidden"))
        yield started


@pytest.fixture
async def applier(api: FakeApi) -> AsyncIterator[Applier]:
    clock = FakeClock()
    async with Client(api.config) as client:
        living = Living(OperatorMetrics(CollectorRegistry()), clock)
        yield Applier(client, Caches(lambda *_: None), Refusals(clock), Wars(clock), living)


async def delete(applier: Applier, deletion: Delete) -> tuple[Refusal, ...]:
    return await applier.apply(SESSION, "uid-of-the-session", Plan(Course.RUN), (deletion,))


async def test_a_claim_that_nobody_wants_any_more_stays_behind_and_is_asked_for_once(
    api: FakeApi, applier: Applier
) -> None:
    assert await delete(applier, LEFT_OVER) == ()
    assert await delete(applier, LEFT_OVER) == ()
    assert len(api.asked) == 1


async def test_a_claim_that_stands_in_the_way_of_another_source_is_told_and_fails_the_session(applier: Applier) -> None:
    await delete(applier, LEFT_OVER)
    (refusal,) = await delete(applier, TO_BE_REPLACED)

    assert refusal.finding.fatal
    assert CLAIM[1] in refusal.finding.message
    assert "grant the operator delete on persistentvolumeclaims" in refusal.finding.message


async def test_what_may_not_be_deleted_is_not_asked_for_at_each_look(api: FakeApi, applier: Applier) -> None:
    first, second = await delete(applier, TO_BE_REPLACED), await delete(applier, TO_BE_REPLACED)

    assert first == second
    assert len(api.asked) == 1

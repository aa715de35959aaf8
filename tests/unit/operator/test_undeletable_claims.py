"""Under the Go operator's Role no claim can be deleted: what is left over may stay, but nobody may get former data."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from amalthea.children.changes.writes import Delete
from amalthea.kube.client import Client
from amalthea.model.plan import Course, Plan
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.inputs.given_claims import GivenClaims
from amalthea.operator.telemetry.instrumentation import SessionTelemetry
from amalthea.operator.telemetry.metrics import OperatorMetrics
from amalthea.operator.writers.children import ChildWriter
from amalthea.operator.writers.refusals import Refusal, Refusals
from amalthea.operator.writers.reverted_writes import RevertedWrites
from amalthea.testing.api_server import faults
from amalthea.testing.api_server.api import FakeApi
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
async def child_writer(api: FakeApi) -> AsyncIterator[ChildWriter]:
    clock = FakeClock()
    async with Client(api.config) as client:
        telemetry = SessionTelemetry(OperatorMetrics(CollectorRegistry()), clock)
        caches = Caches(lambda *_: None)
        given_claims = GivenClaims(client, caches)
        yield ChildWriter(client, caches, Refusals(clock), RevertedWrites(clock), telemetry, given_claims)


async def delete(child_writer: ChildWriter, deletion: Delete) -> tuple[Refusal, ...]:
    return await child_writer.apply(SESSION, "uid-of-the-session", Plan(Course.RUN), (deletion,))


async def test_a_claim_that_nobody_wants_any_more_stays_behind_and_is_asked_for_once(
    api: FakeApi, child_writer: ChildWriter
) -> None:
    assert await delete(child_writer, LEFT_OVER) == ()
    assert await delete(child_writer, LEFT_OVER) == ()
    assert len(api.asked) == 1


async def test_a_claim_that_stands_in_the_way_of_another_source_is_reported_and_fails_the_session(
    child_writer: ChildWriter,
) -> None:
    await delete(child_writer, LEFT_OVER)
    (refusal,) = await delete(child_writer, TO_BE_REPLACED)

    assert refusal.finding.fatal
    assert CLAIM[1] in refusal.finding.message
    assert "grant the operator delete on persistentvolumeclaims" in refusal.finding.message


async def test_a_forbidden_deletion_is_not_asked_for_at_each_look(api: FakeApi, child_writer: ChildWriter) -> None:
    first, second = await delete(child_writer, TO_BE_REPLACED), await delete(child_writer, TO_BE_REPLACED)

    assert first == second
    assert len(api.asked) == 1


async def test_a_webhook_that_denies_one_deletion_is_not_taken_for_a_missing_right(
    api: FakeApi, child_writer: ChildWriter
) -> None:
    """Else nothing of any session there would be deleted for ten minutes, and admins would look for a missing right."""
    denial = faults.describe(403, "Forbidden", 'admission webhook "policy.example.org" denied the request: keep it')

    async def deny(_: web.Request) -> web.StreamResponse:
        return web.json_response(denial, status=403)

    api.fail("delete", deny, times=1)
    (refusal,) = await delete(child_writer, LEFT_OVER)
    assert "denied the request: keep it" in refusal.finding.message
    assert await delete(child_writer, Delete(("PersistentVolumeClaim", "amalthea-two-ds-0"), "uid", otherwise=())) == ()
    assert len(api.asked) == 2

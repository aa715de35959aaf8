"""A session whose status cannot be written keeps its limits: they count from what it should report."""

from amalthea.api import names
from amalthea.kube.client import Client
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.objects import Choice
from amalthea.testing.builders import session
from tests.support.loop import PATHS
from tests.unit.operator.writers.test_failed_writes import MINUTE, SECOND, Life, at


async def test_a_status_that_cannot_be_written_frees_no_session_from_a_pause_for_being_idle() -> None:
    async with FakeApi() as api, Client(api.config) as client:
        life = Life(api, client, session("demo").with_spec(culling={"maxIdleDuration": "1h"}))
        await life.after(SECOND)
        api.fail("patch", at("/status", 500))
        life.start_pod()
        for minute in range(70):
            await life.after(MINUTE)
            life.loop.poll()
            assert minute >= 59 or not life.object["spec"]["hibernated"]
        assert life.object["spec"]["hibernated"]


async def test_a_status_that_cannot_be_written_keeps_no_paused_session_for_ever() -> None:
    async with FakeApi() as api, Client(api.config) as client:
        api.fail("patch", at("/status", 422))
        life = Life(api, client, session("demo").hibernated().with_spec(culling={"maxHibernatedDuration": "1h"}))
        await life.after(59 * MINUTE)
        assert life.object
        await life.after(2 * MINUTE)
        assert not api.objects.select(Choice(PATHS[names.KIND]))

"""One write that fails must not hide how a session is, nor free it from its limits, nor hold it when it is deleted."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.kube.client import Client
from amalthea.testing import observations as found
from amalthea.testing.api_server import faults
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.faults import Fault
from amalthea.testing.api_server.objects import Choice
from amalthea.testing.builders import SessionBuilder, session
from amalthea.testing.clock import FakeClock
from tests.support.loop import PATHS, Loop, nobody

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
KEY = ("team", "demo")
LIMITED = session("demo").with_ingress().with_spec(culling={"maxStartingDuration": "20m"})
WEBHOOK = 'failed calling webhook "validate.nginx.ingress.kubernetes.io": dial tcp 10.0.0.1:443'
NO_MATCHES = 'cannot set blockOwnerDeletion: no matches for kind "AmaltheaSession" in version "amalthea.dev/v1alpha1"'
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi() as started:
        yield started


def at(part: str, code: int, message: str = "a fault") -> Fault:
    """Refuse requests whose path has that part."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if part not in request.path:
            return None
        headers = {"Retry-After": "86400"} if code in (429, 503) else {}
        return web.json_response(faults.describe(code, "", message), status=code, headers=headers)

    return fault


def lost(part: str) -> Fault:
    """Break off without an answer."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        return await faults.reset()(request) if part in request.path else None

    return fault


class Life:
    """A session before an operator on a clock that the test moves."""

    def __init__(self, api: FakeApi, client: Client, builder: SessionBuilder = LIMITED) -> None:
        self.api = api
        self.clock = FakeClock(START)
        api.objects._now = self.clock.now
        api.objects.create(PATHS[names.KIND], KEY[0], builder.manifest())
        self.loop = Loop(api, client, self.clock, KEY, nobody)

    async def after(self, span: timedelta) -> None:
        await self.loop.run(self.clock.now() + span)

    def start_pod(self) -> None:
        """Play the kubelet: the session's pod is there and ready."""
        owner = self.api.objects.get(PATHS["StatefulSet"], KEY)
        reference = {"kind": "StatefulSet", "name": "demo", "uid": owner["metadata"]["uid"], "controller": True}
        metadata = {"name": "demo-0", "labels": owner["metadata"]["labels"], "ownerReferences": [reference]}
        body = found.pod(found.container(ready=True))
        self.api.objects.create(PATHS["Pod"], KEY[0], {**body, "metadata": metadata})

    def wish(self, **spec: object) -> None:
        """Change the spec, as a user does."""
        held = self.object
        self.api.objects.update(PATHS[names.KIND], KEY, {**held, "spec": {**held["spec"], **spec}})

    @property
    def object(self) -> Manifest:
        return self.api.objects.get(PATHS[names.KIND], KEY)

    @property
    def conditions(self) -> dict[str, Manifest]:
        return {each["type"]: each for each in self.object.get("status", {}).get("conditions", ())}

    def asked(self, verb: str, part: str) -> int:
        return sum(each.verb == verb and part in each.path for each in self.api.asked)


PASSING: dict[str, tuple[Fault, str]] = {
    "webhook is down": (at("/ingresses", 500, WEBHOOK), 'the webhook "validate.nginx.ingress.kubernetes.io"'),
    "server is busy": (at("/ingresses", 429), "the API server answered 429"),
    "server is away for a day": (at("/ingresses", 503), "the API server answered 503"),
    "kind is not served": (at("/ingresses", 404), "the API server answered 404"),
    "answer is lost": (lost("/ingresses"), "the API server did not answer"),
}


@pytest.mark.parametrize(("fault", "why"), PASSING.values(), ids=PASSING)
async def test_a_child_that_cannot_be_written_hides_nothing_else(api: FakeApi, fault: Fault, why: str) -> None:
    async with Client(api.config) as client:
        life = Life(api, client)
        api.fail("create", fault)
        await life.after(SECOND)
        place = life.conditions["ChildrenInPlace"]
        assert (place["status"], place["reason"]) == ("False", "Unavailable")
        assert why in place["message"]
        assert life.object["status"].get("state", "NotReady") == "NotReady"
        assert api.objects.get(PATHS["StatefulSet"], KEY)

        await life.after(MINUTE)
        assert life.asked("create", "/ingresses") <= 5  # four in a minute, and the first
        await life.after(18 * MINUTE)
        assert not life.object["spec"]["hibernated"]
        await life.after(2 * MINUTE)
        assert life.object["spec"]["hibernated"]


async def test_a_failed_write_is_made_within_two_minutes_after_its_cause_is_gone(api: FakeApi) -> None:
    down = True

    async def fault(request: web.Request) -> web.StreamResponse | None:
        return await at("/ingresses", 503)(request) if down else None

    async with Client(api.config) as client:
        life = Life(api, client)
        api.fail("create", fault)
        await life.after(10 * MINUTE)
        down = False
        await life.after(2 * MINUTE)
        assert api.objects.get(PATHS["Ingress"], KEY)
        assert "ChildrenInPlace" not in life.conditions


async def test_a_child_that_is_too_large_is_reported_as_refused(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Life(api, client)
        api.fail("create", at("/statefulsets", 413, "Request entity too large: limit is 3145728"))
        await life.after(MINUTE)
        assert life.conditions["ChildrenInPlace"]["reason"] == "Refused"
        assert "too large" in life.object["status"]["error"]
        assert life.asked("create", "/statefulsets") == 3  # the first, and after 10 and 40 s


async def test_the_first_session_of_a_cluster_is_reported_at_once_and_made_within_two_seconds(api: FakeApi) -> None:
    learned = START + timedelta(seconds=25)

    async with Client(api.config) as client:
        life = Life(api, client)

        async def fault(request: web.Request) -> web.StreamResponse | None:
            return await at("/", 403, NO_MATCHES)(request) if life.clock.now() < learned else None

        api.fail("create", fault)
        await life.after(SECOND)
        assert life.conditions["ChildrenInPlace"]["reason"] == "KindUnknown"
        await life.after(timedelta(seconds=26))
        assert api.objects.get(PATHS["StatefulSet"], KEY)
        assert "ChildrenInPlace" not in life.conditions


async def test_a_status_that_cannot_be_written_frees_no_session_from_its_limits(api: FakeApi) -> None:
    async with Client(api.config) as client:
        life = Life(api, client)
        api.fail("patch", at("/status", 422))
        await life.after(21 * MINUTE)
        assert life.object["spec"]["hibernated"]


async def test_a_finalizer_that_cannot_be_set_is_reported_and_keeps_no_session_from_running(api: FakeApi) -> None:
    adopting = LIMITED.with_spec(imagePullSecrets=[{"name": "pull", "adopt": True}])

    async def fault(request: web.Request) -> web.StreamResponse | None:
        own = request.path.endswith(f"/{names.PLURAL}/demo")
        return await at("/", 500, WEBHOOK)(request) if own else None

    async with Client(api.config) as client:
        life = Life(api, client, adopting)
        api.fail("patch", fault)
        await life.after(SECOND)
        assert "finalizer" in life.conditions["ChildrenInPlace"]["message"]
        assert api.objects.get(PATHS["StatefulSet"], KEY)


ODD_NAMES = ["a/b", "50%", "..", "a" * 300]
DENIALS = {"a webhook's default": 400, "a role": 403, "a webhook": 422, "a proxy": 418}


def leaving(secret: str) -> SessionBuilder:
    return (
        session("demo")
        .with_spec(imagePullSecrets=[{"name": secret, "adopt": True}])
        .with_metadata(deletionTimestamp="2026-11-22T13:59:00Z", finalizers=[names.FINALIZER])
    )


@pytest.mark.parametrize("secret", ODD_NAMES)
async def test_a_secret_that_cannot_exist_holds_no_session(api: FakeApi, secret: str) -> None:
    async with Client(api.config) as client:
        life = Life(api, client, leaving(secret))
        await life.after(MINUTE)
    assert not api.objects.select(Choice(PATHS[names.KIND]))


@pytest.mark.parametrize("code", DENIALS.values(), ids=DENIALS)
async def test_a_secret_that_may_not_be_deleted_holds_no_session(api: FakeApi, code: int) -> None:
    api.objects.create(PATHS["Secret"], KEY[0], {"metadata": {"name": "pull"}})
    api.fail("delete", at("/secrets", code))
    async with Client(api.config) as client:
        life = Life(api, client, leaving("pull"))
        await life.after(MINUTE)
    assert not api.objects.select(Choice(PATHS[names.KIND]))
    assert api.objects.select(Choice(PATHS["Secret"]))


async def test_a_secret_whose_deletion_failed_for_a_moment_is_not_left_behind(api: FakeApi) -> None:
    api.objects.create(PATHS["Secret"], KEY[0], {"metadata": {"name": "pull"}})
    answers = iter([500, 409, 429])

    async def fault(request: web.Request) -> web.StreamResponse | None:
        code = next(answers, None) if "/secrets" in request.path else None
        return await at("/secrets", code)(request) if code is not None else None

    api.fail("delete", fault)
    async with Client(api.config) as client:
        life = Life(api, client, leaving("pull"))
        await life.after(2 * MINUTE)
    assert not api.objects.select(Choice(PATHS[names.KIND]))
    assert not api.objects.select(Choice(PATHS["Secret"]))


async def test_a_status_that_cannot_be_written_holds_no_session_that_is_deleted(api: FakeApi) -> None:
    api.fail("patch", at("/status", 422))
    async with Client(api.config) as client:
        life = Life(api, client, leaving("pull"))
        await life.after(MINUTE)
    assert not api.objects.select(Choice(PATHS[names.KIND]))


async def test_a_deletion_that_was_not_allowed_once_is_tried_again(api: FakeApi) -> None:
    asleep = LIMITED.hibernated().with_spec(culling={"maxHibernatedDuration": "1h"})
    allowed = START + timedelta(hours=1, seconds=30)
    async with Client(api.config) as client:
        life = Life(api, client, asleep)

        async def fault(_: web.Request) -> web.StreamResponse | None:
            return await at("/", 403)(_) if life.clock.now() < allowed else None

        api.fail("delete", fault)
        await life.after(timedelta(hours=1) + SECOND)
        assert life.asked("delete", names.PLURAL) == 1
        await life.after(2 * MINUTE)
    assert not api.objects.select(Choice(PATHS[names.KIND]))


WORDS = ["the project is being terminated", 'no matches for kind "Project"']


@pytest.mark.parametrize("words", WORDS)
async def test_a_webhook_that_speaks_like_the_api_server_is_told_like_any_other(api: FakeApi, words: str) -> None:
    """From the API server these words mean that nothing is to be told, or that it is to be tried again at once."""
    async with Client(api.config) as client:
        life = Life(api, client)
        denial = f'admission webhook "policy.example.org" denied the request: {words}'
        api.fail("create", at("/ingresses", 403, denial))
        await life.after(MINUTE)
        place = life.conditions["ChildrenInPlace"]
        assert place["reason"] == "Refused"
        assert words in place["message"]
        assert life.asked("create", "/ingresses") <= 5
        api.heal()
        await life.after(2 * MINUTE)
        assert api.objects.get(PATHS["Ingress"], KEY)

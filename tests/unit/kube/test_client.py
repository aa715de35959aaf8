"""The client's reading of the server's answers, and what it must never do: repeat a write, or show a secret."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from aiohttp import web

from amalthea import __version__
from amalthea.engine.ports import Expired, Refused, Stale, Unavailable
from amalthea.engine.server_time import Answer
from amalthea.kube import crowd, errors, transport
from amalthea.kube.auth.config import Config
from amalthea.kube.client import Client, Deletion
from amalthea.kube.resource import Resource, Selection
from amalthea.kube.transport import Call
from amalthea.testing.api_server import faults
from amalthea.testing.api_server.api import FakeApi
from amalthea.testing.api_server.faults import Fault
from amalthea.testing.waiting import eventually
from tests.unit.kube.parts import CONFIG_MAPS, ConfigMap, config_map

KEY = ("ns", "a")


class Tokens:
    """Credentials that have another token to offer, or not."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)

    async def token(self) -> str | None:
        return self.tokens[0]

    async def renew(self) -> bool:
        if len(self.tokens) == 1:
            return False
        self.tokens.pop(0)
        return True


def refusing(code: int, reason: str = "", **more: object) -> Fault:
    async def fault(_: web.Request) -> web.StreamResponse:
        return web.json_response(faults.describe(code, reason, "exceeded quota: pods") | more, status=code)

    return fault


@pytest.mark.parametrize(
    ("code", "reason", "kind", "engine_kind"),
    [
        (400, "BadRequest", errors.Invalid, None),
        (401, "Unauthorized", errors.Unauthorized, None),
        (403, "Forbidden", errors.Forbidden, None),
        (404, "NotFound", errors.NotServed, None),
        (409, "Conflict", errors.Conflict, Stale),
        (409, "AlreadyExists", errors.AlreadyExists, None),
        (410, "Gone", errors.Gone, Expired),
        (410, "Expired", errors.Gone, Expired),
        (418, "", errors.ApiError, None),
        (422, "Invalid", errors.Invalid, None),
        (429, "TooManyRequests", errors.TooManyRequests, Unavailable),
        (500, "InternalError", errors.ServerError, Unavailable),
        (504, "Timeout", errors.ServerError, Unavailable),
    ],
)
async def test_each_answer_becomes_the_error_that_says_what_to_do(
    api: FakeApi,
    client: Client,
    code: int,
    reason: str,
    kind: type[errors.ApiError],
    engine_kind: type[Exception] | None,
) -> None:
    api.fail("get", refusing(code, reason))
    with pytest.raises(errors.ApiError) as caught:
        await client.get(CONFIG_MAPS, KEY, dict)
    assert type(caught.value) is kind
    known = [isinstance(caught.value, one) for one in (Stale, Expired, Unavailable)]
    assert known == [engine_kind is one for one in (Stale, Expired, Unavailable)]
    assert (caught.value.status, caught.value.reason) == (code, reason)
    assert str(caught.value) == "GET /api/v1/namespaces/ns/configmaps/a: exceeded quota: pods"


async def test_the_fields_that_are_wrong_are_named(api: FakeApi, client: Client) -> None:
    causes = [{"field": "spec.replicas", "reason": "FieldValueInvalid", "message": "must not be negative"}]
    api.fail("create", refusing(422, "Invalid", details={"causes": causes}))
    with pytest.raises(errors.Invalid) as caught:
        await client.create(CONFIG_MAPS, "ns", {}, dict)
    assert caught.value.causes == (errors.FieldError("spec.replicas", "FieldValueInvalid", "must not be negative"),)


async def test_a_used_up_quota_is_distinguished_from_a_missing_permission(api: FakeApi, client: Client) -> None:
    api.fail("create", refusing(403, "Forbidden"))
    with pytest.raises(errors.Forbidden) as caught:
        await client.create(CONFIG_MAPS, "ns", {}, dict)
    assert caught.value.quota_exceeded


@pytest.mark.parametrize("where", ["header", "details"])
async def test_the_time_that_a_busy_server_asks_for_is_known(api: FakeApi, client: Client, where: str) -> None:
    in_details = refusing(429, "TooManyRequests", details={"retryAfterSeconds": 7})
    api.fail("get", faults.refuse(429, retry_after=7) if where == "header" else in_details)
    with pytest.raises(errors.TooManyRequests) as caught:
        await client.get(CONFIG_MAPS, KEY, dict)
    assert caught.value.retry_after == 7


async def test_a_proxys_page_is_an_error_of_the_server_and_shown_in_part(api: FakeApi, client: Client) -> None:
    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(status=503, text="<html>" + "x" * 5000)

    api.fail("get", page)
    with pytest.raises(errors.ServerError) as caught:
        await client.get(CONFIG_MAPS, KEY, dict)
    assert "status 503: <html>xxx" in str(caught.value)
    assert len(str(caught.value)) < 500


async def test_a_burst_waits_for_connections_and_requests_that_hang_hold_none(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webhook that never answers must not keep the operator from its other requests."""
    api.objects.create("v1/configmaps", "ns", {"metadata": {"name": KEY[1]}})
    api.fail("create", faults.silence(after_headers=False))
    monkeypatch.setattr(crowd, "PATIENCE", 0.3)
    async with Client(api.config, pool=2) as client:
        burst = [asyncio.create_task(client.create(CONFIG_MAPS, "ns", {}, dict)) for _ in range(5)]
        await eventually(lambda: len(api.asked) == 2)
        assert (await client.get(CONFIG_MAPS, KEY, dict))["metadata"]["name"] == KEY[1]
        assert len(api.asked) == 6
        assert not any(hanging.done() for hanging in burst)
        for hanging in burst:
            hanging.cancel()
        await asyncio.wait(burst)


async def test_a_crowd_that_hangs_takes_neither_memory_nor_time_of_others(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Webhooks that hang, for more sessions than there is memory for: the oldest requests give way."""
    monkeypatch.setattr(crowd, "PATIENCE", 0.02)
    monkeypatch.setattr(crowd, "MOST", 20)
    counted: list[Call] = []
    api.fail("create", faults.silence(after_headers=False))
    async with Client(api.config, counted.append, pool=4) as client:
        many = [asyncio.create_task(client.create(CONFIG_MAPS, "ns", {}, dict)) for _ in range(50)]
        await eventually(lambda: len(api.asked) == 50)
        await eventually(lambda: sum(each.done() for each in many) == 30)
        assert all(each.done() for each in many[:30])
        assert all(isinstance(each.exception(), errors.Unreachable) for each in many[:30])
        assert [call.status for call in counted] == [0] * 30
        assert (await client.list(CONFIG_MAPS, Selection("ns"), dict)).items == ()
        for each in many:
            each.cancel()
        await asyncio.wait(many)


async def test_a_write_without_an_answer_is_not_repeated(api: FakeApi, client: Client) -> None:
    api.fail("create", faults.reset())
    api.fail("patch", faults.reset())
    with pytest.raises(errors.Unreachable):
        await client.create(CONFIG_MAPS, "ns", {}, dict)
    with pytest.raises(errors.Unreachable):
        await client.patch_merge(CONFIG_MAPS, KEY, {}, dict)
    with pytest.raises(errors.Unreachable):
        await client.patch_json(CONFIG_MAPS, KEY, [], dict)
    assert len(api.asked) == 3


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ('admission webhook "policy.example.org" denied the request: not this image', errors.Invalid),
        ("the server rejected our request due to an error in our request", errors.Conflict),
    ],
)
async def test_a_webhooks_denial_is_not_a_conflict(
    api: FakeApi, client: Client, message: str, error: type[errors.ApiError]
) -> None:
    async def fault(_: web.Request) -> web.StreamResponse:
        return web.json_response(faults.describe(422, "Invalid", message), status=422)

    api.fail("patch", fault)
    with pytest.raises(error):
        await client.patch_json(CONFIG_MAPS, KEY, [], dict)


async def test_a_server_that_never_answers_is_given_up(
    api: FakeApi, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TIME_LIMIT", 0.1)
    api.fail("get", faults.silence(after_headers=False))
    with pytest.raises(errors.Unreachable) as caught:
        await client.get(CONFIG_MAPS, KEY, dict)
    assert caught.value.status == 0


async def test_a_server_that_is_down_is_unreachable(api: FakeApi, client: Client) -> None:
    await api.down()
    with pytest.raises(errors.NotConnected):
        await client.get(CONFIG_MAPS, KEY, dict)


async def test_a_connection_that_breaks_may_have_reached_the_server(api: FakeApi, client: Client) -> None:
    """Then it may have cost the server something, and a write may have been done."""
    api.fail("create", faults.reset())
    with pytest.raises(errors.Unreachable) as caught:
        await client.create(CONFIG_MAPS, "ns", {}, dict)
    assert not isinstance(caught.value, Refused)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../secrets/x", "a%2fb"])
@pytest.mark.parametrize("place", ["name", "namespace"])
async def test_a_name_from_a_spec_cannot_lead_to_another_object(
    api: FakeApi, client: Client, name: str, place: str
) -> None:
    key = ("ns", name) if place == "name" else (name, "a")
    with pytest.raises(errors.Invalid, match="cannot be the name"):
        await client.delete(CONFIG_MAPS, key)
    assert api.asked == []


async def test_an_odd_name_stays_one_part_of_the_path(api: FakeApi, client: Client) -> None:
    with pytest.raises(errors.NotFound):
        await client.get(CONFIG_MAPS, ("ns", "a b?c#d"), dict)
    assert api.asked[0].path == "/api/v1/namespaces/ns/configmaps/a b?c#d"
    assert api.asked[0].query == {}


async def test_a_refused_token_is_renewed_once_and_the_request_sent_again(api: FakeApi) -> None:
    api.objects.create("v1/configmaps", "ns", config_map("a"))

    async def only_the_new_one(request: web.Request) -> web.StreamResponse | None:
        if request.headers["Authorization"] == "Bearer new":
            return None
        return web.json_response(faults.describe(401, "Unauthorized", "Unauthorized"), status=401)

    api.fail("get", only_the_new_one)
    async with Client(Config(api.config.server, credentials=Tokens("old", "new"))) as client:
        assert (await client.get(CONFIG_MAPS, KEY, ConfigMap)).metadata.name == "a"
        assert len(api.asked) == 2
    async with Client(Config(api.config.server, credentials=Tokens("old"))) as client:
        with pytest.raises(errors.Unauthorized):
            await client.get(CONFIG_MAPS, KEY, ConfigMap)
        assert len(api.asked) == 3


async def test_neither_token_nor_body_shows_in_an_error(api: FakeApi) -> None:
    api.fail("create", faults.refuse(500))
    async with Client(Config(api.config.server, credentials=Tokens("token-SECRET"))) as client:
        with pytest.raises(errors.ServerError) as caught:
            await client.create(CONFIG_MAPS, "ns", {"data": {"password": "body-SECRET"}}, dict)
        await api.down()
        with pytest.raises(errors.Unreachable) as unreachable:
            await client.create(CONFIG_MAPS, "ns", {"data": {"password": "body-SECRET"}}, dict)
        shown = f"{caught.value!r} {caught.value} {unreachable.value!r} {unreachable.value} {client!r}"
        assert "SECRET" not in shown


async def test_a_proxy_is_asked_where_one_is_configured(api: FakeApi) -> None:
    api.objects.create("v1/configmaps", "ns", config_map("a"))
    async with Client(Config("http://api.invalid", proxy=api.config.server)) as client:
        assert (await client.get(CONFIG_MAPS, KEY, ConfigMap)).metadata.name == "a"
    assert api.asked[0].headers["Host"] == "api.invalid"


async def test_a_redirect_does_not_carry_the_token_away(api: FakeApi) -> None:
    async def away(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})

    api.fail("get", away)
    async with Client(Config(api.config.server, credentials=Tokens("secret"))) as client:
        with pytest.raises(errors.ApiError) as caught:
            await client.get(CONFIG_MAPS, KEY, dict)
        assert caught.value.status == 302


async def test_every_request_is_counted_with_its_outcome(api: FakeApi) -> None:
    calls: list[Call] = []
    async with Client(api.config, observer=calls.append) as client:
        await client.create(CONFIG_MAPS, "ns", config_map("a"), dict)
        with pytest.raises(errors.NotFound):
            await client.get(CONFIG_MAPS, ("ns", "none"), dict)
        await api.down()
        with pytest.raises(errors.Unreachable):
            await client.list(CONFIG_MAPS, Selection(), dict)
    counted = [(call.verb, call.resource, call.status) for call in calls]
    assert counted == [("create", "configmaps", 200), ("get", "configmaps", 404), ("list", "configmaps", 0)]
    assert all(call.seconds > 0 for call in calls)
    assert api.asked[0].headers["User-Agent"] == f"amalthea/{__version__}"


async def test_the_metrics_of_pods_are_not_counted_as_pods(api: FakeApi) -> None:
    calls: list[Call] = []
    async with Client(api.config, observer=calls.append) as client:
        for group in ("", "metrics.k8s.io"):
            await client.list(Resource(group, "v1", "pods", ""), Selection(), dict)
    assert [call.resource for call in calls] == ["pods", "pods.metrics.k8s.io"]


async def test_an_answer_that_breaks_off_is_not_counted_as_one(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "TIME_LIMIT", 0.1)
    api.fail("get", faults.silence(after_headers=True))
    calls: list[Call] = []
    async with Client(api.config, observer=calls.append) as client:
        with pytest.raises(errors.Unreachable):
            await client.get(CONFIG_MAPS, KEY, dict)
    assert [call.status for call in calls] == [0]


@pytest.fixture
def filled(api: FakeApi) -> FakeApi:
    for number in range(5):
        body = config_map(f"m{number}") | {"metadata": {"name": f"m{number}", "labels": {"odd": str(number % 2)}}}
        api.objects.create("v1/configmaps", "ns", body)
    return api


async def test_a_list_in_pages_has_everything_once(filled: FakeApi, client: Client) -> None:
    first = await client.list(CONFIG_MAPS, Selection("ns"), ConfigMap, limit=3)
    rest = await client.list(CONFIG_MAPS, Selection("ns"), ConfigMap, limit=3, continue_=first.continue_)
    assert [obj.metadata.name for obj in (*first.items, *rest.items)] == ["m0", "m1", "m2", "m3", "m4"]
    assert (first.resource_version, rest.continue_) == (rest.resource_version, "")
    assert filled.count("list") == 2


async def test_a_selection_is_asked_of_the_server(filled: FakeApi, client: Client) -> None:
    odd = await client.list(CONFIG_MAPS, Selection("ns", labels="odd=1"), ConfigMap)
    one = await client.list(CONFIG_MAPS, Selection(fields="metadata.name=m2"), ConfigMap)
    assert [obj.metadata.name for obj in (*odd.items, *one.items)] == ["m1", "m3", "m2"]
    assert [asked.path for asked in filled.asked] == ["/api/v1/namespaces/ns/configmaps", "/api/v1/configmaps"]


async def test_an_answer_comes_as_the_type_that_is_asked_for(filled: FakeApi, client: Client) -> None:
    key = ("ns", "m1")
    as_dict: dict[str, Any] = await client.get(CONFIG_MAPS, key, dict)
    as_bytes = await client.get(CONFIG_MAPS, key, msgspec.Raw)
    assert as_dict["metadata"]["labels"] == {"odd": "1"}
    assert msgspec.json.decode(as_bytes) == as_dict
    assert filled.count("get") == 2


async def test_a_deletion_says_whether_the_object_is_gone(api: FakeApi, client: Client) -> None:
    made = api.objects.create("v1/configmaps", "ns", config_map("a"))
    held = config_map("held") | {"metadata": {"name": "held", "finalizers": ["amalthea.dev/test"]}}
    api.objects.create("v1/configmaps", "ns", held)
    with pytest.raises(errors.Conflict):
        await client.delete(CONFIG_MAPS, KEY, Deletion(uid="of another"))
    assert await client.delete(CONFIG_MAPS, KEY, Deletion(uid=made["metadata"]["uid"]))
    assert not await client.delete(CONFIG_MAPS, ("ns", "held"))


def test_paths_are_those_of_the_api() -> None:
    workloads = Resource("apps", "v1", "statefulsets", "StatefulSet")
    nodes = Resource("", "v1", "nodes", "Node", namespaced=False)
    assert workloads.api_version == "apps/v1"
    assert workloads.item("ns", "a", "status") == "/apis/apps/v1/namespaces/ns/statefulsets/a/status"
    assert workloads.collection(None) == "/apis/apps/v1/statefulsets"
    assert nodes.item("", "n1") == "/api/v1/nodes/n1"


@pytest.mark.parametrize(
    ("quoted", "shown"),
    [
        ('"{\\"kind\\":\\"Secret\\",\\"data\\":{\\"a\\":\\"SECRET\\"}}"', False),
        ('{"spec":{"env":[{"name":"A","value":"SECRET"}]}}', False),
        ('core.PodTemplateSpec{Env:[]core.EnvVar{{Name:"A", Value:"SECRET"}}}', False),
        ('"' + "SECRET" * 20 + '"', False),
        ('"a/b SECRET-looking key"', True),
        ("-1", True),
    ],
)
async def test_values_that_the_server_quotes_are_not_shown(
    api: FakeApi, client: Client, quoted: str, shown: bool
) -> None:
    said = f"x: Invalid value: {quoted}: field is immutable"
    causes = [{"field": "x", "reason": "FieldValueInvalid", "message": said}]
    api.fail("patch", refusing(422, "Invalid", message=f"Job is invalid: {said}", details={"causes": causes}))
    with pytest.raises(errors.Invalid) as caught:
        await client.patch_merge(CONFIG_MAPS, KEY, {}, dict)
    for text in (str(caught.value), caught.value.message, caught.value.causes[0].message):
        assert (quoted in text) is shown
        assert ("SECRET" in text) is (shown and "SECRET" in quoted)
        assert text.endswith(": field is immutable")


async def test_only_good_answers_give_the_servers_time(api: FakeApi) -> None:
    api.objects.create(CONFIG_MAPS.api_version + "/" + CONFIG_MAPS.plural, "ns", config_map("a"))

    async def dated(_: web.Request) -> web.StreamResponse:
        found = config_map("a") | {"metadata": {"name": "a", "namespace": "ns"}}
        return web.json_response(found, headers={"Date": "Sun, 22 Nov 2026 14:00:07 GMT"})

    answers: list[Answer] = []
    async with Client(api.config, date_observer=answers.append) as client:
        api.fail("get", dated, times=1)
        before = time.monotonic()
        await client.get(CONFIG_MAPS, KEY, dict)
        after = time.monotonic()
        (answer,) = answers
        assert answer.date == datetime(2026, 11, 22, 14, 0, 7, tzinfo=UTC)
        assert before <= answer.sent <= answer.received <= after
        api.fail("get", refusing(503))
        with pytest.raises(errors.ApiError):
            await client.get(CONFIG_MAPS, KEY, dict)
        assert len(answers) == 1, "a proxy's page has a proxy's date"


@pytest.mark.parametrize(
    "date",
    [
        *("", "yesterday", "Fri, 31 Dec 9999 23:59:61 GMT", "Sun, 99 Nov 2026 14:00:07 GMT"),
        "Fri, 31 Dec 9999 23:59:59 GMT",  # a second later there is no time any more
    ],
)
def test_a_malformed_date_gives_no_time(date: str) -> None:
    assert transport._date(date) is None

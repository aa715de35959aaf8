"""A proxy, or a portal where one has to log in, may answer with a good status: that must not count as the answer."""

import pytest
from aiohttp import web
from msgspec import Raw

from amalthea.kube import errors
from amalthea.kube.client import Client
from amalthea.kube.resource import Selection
from amalthea.testing.api_server.api import FakeApi
from tests.unit.kube.parts import CONFIG_MAPS, ConfigMap, config_map

KEY = ("ns", "a")


@pytest.mark.parametrize(
    "page", [b"<html>log in</html>", b'{"error": "log in"}', b'{"metadata": {', b"\xff", b"null", b""]
)
async def test_a_page_of_a_proxy_with_a_good_status_is_not_an_answer(api: FakeApi, client: Client, page: bytes) -> None:
    async def log_in(_: web.Request) -> web.StreamResponse:
        return web.Response(body=page)

    for verb in ("get", "list", "create", "update", "patch", "delete"):
        api.fail(verb, log_in)
    manifest = config_map("a")
    for asked in (
        client.get(CONFIG_MAPS, KEY, dict),
        client.list(CONFIG_MAPS, Selection(), dict),
        client.create(CONFIG_MAPS, "ns", manifest, Raw),
        client.update(CONFIG_MAPS, KEY, manifest, ConfigMap),
        client.patch_merge(CONFIG_MAPS, KEY, {}, Raw),
        client.patch_json(CONFIG_MAPS, KEY, [], Raw),
        client.delete(CONFIG_MAPS, KEY),
    ):
        with pytest.raises(errors.Unreachable, match="not one of an API server"):
            await asked


META = {"namespace": "ns", "name": "a", "resourceVersion": "9"}
ANOTHER = {
    "of another name": {"kind": "ConfigMap", "metadata": {**META, "name": "b"}},
    "of another namespace": {"kind": "ConfigMap", "metadata": {**META, "namespace": "other"}},
    "of another kind": {"kind": "Secret", "metadata": META},
    "of no name": {"kind": "ConfigMap", "metadata": {}},
}


@pytest.mark.parametrize("found", ANOTHER.values(), ids=ANOTHER)
async def test_the_answer_to_another_request_is_no_answer(
    api: FakeApi, client: Client, found: dict[str, object]
) -> None:
    """A connection of a proxy that is out of step: what is cached of it would be a false memory."""

    async def another(_: web.Request) -> web.StreamResponse:
        return web.json_response(found)

    for verb in ("get", "create", "update", "patch", "delete"):
        api.fail(verb, another)
    manifest = config_map("a")
    for asked in (
        client.get(CONFIG_MAPS, KEY, Raw),
        client.create(CONFIG_MAPS, "ns", manifest, Raw),
        client.update(CONFIG_MAPS, KEY, manifest, Raw),
        client.patch_merge(CONFIG_MAPS, KEY, {}, Raw),
        client.patch_json(CONFIG_MAPS, KEY, [], Raw),
        client.delete(CONFIG_MAPS, KEY),
    ):
        with pytest.raises(errors.Unreachable, match="about another object"):
            await asked


async def test_a_status_is_an_answer_to_a_deletion_only(api: FakeApi, client: Client) -> None:
    async def done(_: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "Status", "status": "Success", "metadata": {}})

    for verb in ("get", "create", "patch", "delete"):
        api.fail(verb, done)
    assert await client.delete(CONFIG_MAPS, KEY)
    for asked in (
        client.get(CONFIG_MAPS, KEY, Raw),
        client.create(CONFIG_MAPS, "ns", config_map("a"), Raw),
        client.patch_merge(CONFIG_MAPS, KEY, {}, Raw),
    ):
        with pytest.raises(errors.Unreachable, match="about another object"):
            await asked

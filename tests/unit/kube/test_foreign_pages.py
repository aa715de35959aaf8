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

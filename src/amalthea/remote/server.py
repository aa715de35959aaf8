"""What the kubelet, and whoever is in the pod, may ask the controller over HTTP."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Self

import aiohttp
from aiohttp import web

from amalthea.remote.clock import Clock
from amalthea.remote.readiness import is_ready
from amalthea.remote.settings import Settings
from amalthea.remote.standing import Standing

_ANYWHERE = "0.0.0.0"  # noqa: S104  (the kubelet asks from the node)


class Server:
    """Serves from before the job is submitted until the program ends; `standing` tells how the session is."""

    def __init__(self, settings: Settings, standing: Callable[[], Standing], clock: Clock) -> None:
        self._settings = settings
        self._standing = standing
        self._clock = clock
        self._stack = AsyncExitStack()
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        """Listen; raise OSError where the port is taken."""
        connector = aiohttp.TCPConnector(force_close=True)
        self._session = await self._stack.enter_async_context(
            aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        )
        app = web.Application()
        routes = {"/": self._root, "/live": self._live, "/ready": self._ready, "/status": self._status}
        app.add_routes([web.get(path, handler, allow_head=False) for path, handler in routes.items()])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, _ANYWHERE, self._settings.server_port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _root(self, _: web.Request) -> web.Response:
        return web.Response(text="Remote session controller: OK")

    async def _live(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _ready(self, _: web.Request) -> web.Response:
        return web.Response(status=200 if await is_ready(self._settings, self._session) else 503)

    async def _status(self, _: web.Request) -> web.Response:
        standing = self._standing()
        told = standing.told(self._clock.now().timestamp())
        return web.json_response(told, status=200 if standing.well else 503)

"""The controller's HTTP server, for the kubelet, programs in the pod, and the operator."""

import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Handler

from amalthea.remote.clock import Clock
from amalthea.remote.job.standing import Standing
from amalthea.remote.readiness import is_ready
from amalthea.remote.settings import Settings

_ANYWHERE = "0.0.0.0"  # noqa: S104  (the kubelet asks from the node)
_FOR_THE_OPERATOR = "/remote_status"

log = logging.getLogger("remote.server")


class Server:
    """Serves from before the job is submitted until the program ends; `standing` returns the session's state."""

    def __init__(self, settings: Settings, standing: Callable[[], Standing], clock: Clock) -> None:
        self._settings = settings
        self._standing = standing
        self._clock = clock
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Listen; raise OSError where the port is taken."""
        for_the_operator = {_FOR_THE_OPERATOR: self._remote_status}
        routes = {"/": self._root, "/live": self._live, "/ready": self._ready, "/status": self._status}
        await self._serve({**routes, **for_the_operator}, self._settings.server_port)
        if self._settings.status_port:
            await self._serve_if_free(for_the_operator, self._settings.status_port)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _serve(self, routes: Mapping[str, Handler], port: int) -> None:
        app = web.Application()
        app.add_routes([web.get(path, handler, allow_head=False) for path, handler in routes.items()])
        # The kubelet hangs up after a second, and asks again: else several looks at a slow front end went on at once.
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, _ANYWHERE, port).start()

    async def _serve_if_free(self, routes: Mapping[str, Handler], port: int) -> None:
        """Serve there too, if the port is free; a job does not depend on reports about it."""
        try:
            await self._serve(routes, port)
        except OSError as error:
            log.warning("the operator cannot ask for the job's state", extra={"port": port, "error": error.strerror})

    async def _root(self, _: web.Request) -> web.Response:
        return web.Response(text="Remote session controller: OK")

    async def _live(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _ready(self, _: web.Request) -> web.Response:
        return web.Response(status=200 if await is_ready(self._settings) else 503)

    async def _remote_status(self, _: web.Request) -> web.Response:
        return web.json_response(self._standing().told_the_operator(*self._moment()))

    async def _status(self, _: web.Request) -> web.Response:
        standing = self._standing()
        return web.json_response(standing.told(*self._moment()), status=200 if standing.well else 503)

    def _moment(self) -> tuple[float, float]:
        """Return this moment, in seconds since 1970 and on the clock that never jumps."""
        return self._clock.now().timestamp(), self._clock.monotonic()

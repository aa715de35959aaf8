"""The operator's own small web servers: probes for the kubelet, metrics for Prometheus."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from ssl import SSLContext

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from amalthea.engine.clock import time_limit
from amalthea.engine.ports import Clock
from amalthea.engine.slices import in_slices
from amalthea.operator.telemetry.metrics import SessionRow, exposition
from amalthea.operator.telemetry.scrape_limit import ScrapeLimit

SHARE = 0.5
"""Part of the time that may go into a scrape: it is the same loop that serves users."""
SCRAPES, WAITING_SCRAPES = 2, 8
"""Scrapes under way at once, and those that may wait: two Prometheus servers watch over each other in many clusters."""
SCRAPE_LIMIT = 30.0
"""Seconds for a scrape: who reads no faster keeps others waiting."""


class BindError(RuntimeError):
    """An address that cannot be listened on. The message names the flag's value and the reason; the operator stops."""


def probes(ready: Callable[[], str]) -> web.Application:
    """Return the application of /healthz and /readyz. `ready` returns what is missing, empty when nothing is."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def readyz(_: web.Request) -> web.Response:
        missing = ready()
        return web.Response(text=missing or "ok", status=503 if missing else 200)

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    return app


def metrics(registry: CollectorRegistry, rows: Callable[[], Iterable[SessionRow]], clock: Clock) -> web.Application:
    """Return the application of /metrics: what is registered, and a row for each session that is there."""
    limit = ScrapeLimit(SCRAPES, WAITING_SCRAPES)

    async def serve(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE_LATEST})
        async with limit.one():
            try:
                async with time_limit(clock, SCRAPE_LIMIT):
                    await expose(request, response)
            except (TimeoutError, ConnectionError):  # who asks has gone, or reads too slowly
                if request.transport is not None:
                    request.transport.abort()
        return response

    async def expose(request: web.Request, response: web.StreamResponse) -> None:
        await response.prepare(request)
        await response.write(generate_latest(registry))
        found = [row async for row in in_slices(rows(), clock, SHARE)]
        async for lines in in_slices(exposition(found), clock, SHARE):
            await response.write(lines.encode())
        await response.write_eof()

    app = web.Application()
    app.router.add_get("/metrics", serve)
    return app


@asynccontextmanager
async def serving(app: web.Application, address: str, tls: SSLContext | None = None) -> AsyncIterator[None]:
    """Serve an application on `host:port` or `:port`; the address "0" serves nothing.

    Raises:
        BindError: the address is malformed or taken.
    """
    if address == "0":
        yield
        return
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdecimal():
        raise BindError(f"{address!r} is not an address; write host:port, :port, or 0 for none.")
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host.strip("[]") or None, int(port), ssl_context=tls)
        try:
            await site.start()
        except OSError as error:
            raise BindError(f"cannot listen on {address}: {error.strerror or error}") from error
        yield
    finally:
        await runner.cleanup()

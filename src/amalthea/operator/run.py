"""Runs the operator in its process: the API server's time, its clients, its HTTP servers, and signals that end it."""

import asyncio
import signal
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from aiohttp.web import Application
from prometheus_client import CollectorRegistry

from amalthea.engine.clock import SystemClock
from amalthea.engine.server_time import ServerClock
from amalthea.kube.auth.config import Config
from amalthea.kube.auth.credentials import service_account
from amalthea.kube.client import Client
from amalthea.operator import cluster_facts, process, web
from amalthea.operator.instance import Operator, Trace
from amalthea.operator.telemetry import gauges, instrumentation, metrics_access
from amalthea.operator.telemetry.metrics import OperatorMetrics
from amalthea.settings import Settings


@dataclass(frozen=True)
class Options:
    """The values of the flags."""

    metrics_address: str = "0"
    probe_address: str = ":8081"
    metrics_secure: bool = False
    """Serve metrics over TLS, to those only who may read them."""
    metrics_certificates: Path | None = None
    """Folder of tls.crt and tls.key; a certificate is made if None."""
    leader_elect: bool = False
    trace: Trace | None = None
    """Traces passes over sessions."""


async def run(config: Config, settings: Settings, options: Options) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Raises:
        BindError: an address of the options cannot be listened on.
        ApiError: the API server refuses us from the start.
    """
    process.spare_memory_of_connections()
    registry = CollectorRegistry()
    metrics = OperatorMetrics(registry)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    clock = ServerClock(SystemClock(), instrumentation.ClockTelemetry())
    metrics.clock_skew.set_function(lambda: clock.skew / timedelta(seconds=1))
    async with (
        Client(config, partial(instrumentation.count_calls, metrics), date_observer=clock.learn) as client,
        Client(config, date_observer=clock.learn) as lease_client,
    ):
        settings = replace(settings, account=service_account(await config.credentials.token()))
        operator = Operator(client, await cluster_facts.complete(client, settings), metrics, clock, options.trace)
        metrics.queued.set_function(lambda: operator.queue.depth)
        scraped = web.metrics(registry, partial(gauges.rows, operator.caches, clock), clock)
        async with (
            web.serving(web.probes(operator.missing), options.probe_address),
            _metrics(scraped, client, options),
        ):
            elector = operator.elector(lease_client) if options.leader_elect else None
            metrics.leading.set(elector is None)
            await operator.run(stop, elector)


def _metrics(app: Application, client: Client, options: Options) -> AbstractAsyncContextManager[None]:
    if not options.metrics_secure:
        return web.serving(app, options.metrics_address)
    tls = metrics_access.server_tls(options.metrics_certificates, SystemClock().now())
    return web.serving(metrics_access.guarded(app, client), options.metrics_address, tls)

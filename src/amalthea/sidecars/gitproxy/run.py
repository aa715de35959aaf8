"""`sidecars gitproxy proxy`: assembles the proxy and runs it until it is stopped, which is not a failure."""

import asyncio
import logging
import os
import signal
import ssl
import time
from collections.abc import Sequence

from amalthea.sidecars import last_words
from amalthea.sidecars.gitproxy import certificate, listening
from amalthea.sidecars.gitproxy.health import Health
from amalthea.sidecars.gitproxy.proxy import Proxy
from amalthea.sidecars.gitproxy.settings import Settings, from_environment
from amalthea.sidecars.gitproxy.site import Site
from amalthea.sidecars.gitproxy.tokens import Tokens
from amalthea.sidecars.http import network, trust
from amalthea.sidecars.http.client import HttpClient, Limits
from amalthea.telemetry import logs

_LOOPBACK = ("127.0.0.1", "::1")
_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104  (the kubelet asks from the node)

_TOKEN_SECONDS = 15.0
"""Seconds that a request for a token may take: git waits meanwhile."""

log = logging.getLogger("gitproxy")


def main(arguments: Sequence[str]) -> int:
    """Run the proxy; return the exit code: 0 after SIGTERM, 2 if it cannot start as it is configured."""
    if arguments:
        return last_words.end("gitproxy proxy takes no arguments; it is configured by the variables GIT_PROXY_*.", 2)
    try:
        logs.set_up(os.environ.get("LOG_LEVEL") or "info")
        settings, believed = from_environment(os.environ), trust.context(os.environ)
        way_out = network.from_environment(os.environ)
    except ValueError as error:
        return last_words.end(str(error), 2)
    try:
        asyncio.run(_run(settings, believed, way_out))
    except OSError as error:
        return last_words.end(f"The git proxy cannot listen ({error}); check whether another one runs here.", 2)
    return 0


async def _run(settings: Settings, believed: ssl.SSLContext, way_out: network.Network) -> None:
    """Serve until SIGTERM or SIGINT; raise OSError if a port is taken."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    tokens = Tokens(settings, HttpClient(believed, way_out, Limits(total=_TOKEN_SECONDS)), time.time)
    names = {host for known in settings.repositories for host in (known.origin.host, f"www.{known.origin.host}")}
    site = Site(settings.repositories, tokens, believed, way_out, settings.clear_text)
    proxy = Proxy(site, certificate.server_side(names))
    health = Health(settings.port, settings.health_port)
    await listening.start(proxy.handle, _LOOPBACK, settings.port, listening.PROXY)
    await listening.start(health.handle, _ANYWHERE, settings.health_port, listening.HEALTH)
    keeping = asyncio.create_task(tokens.keep())
    log.info("the git proxy is ready", extra={"port": settings.port, "repositories": len(settings.repositories)})
    await stopped.wait()
    keeping.cancel()

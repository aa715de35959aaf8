"""Assembles the remote session controller, and runs it until the pod is stopped."""

import asyncio
import logging
import os
import random
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from amalthea.remote import kinds, output, settings
from amalthea.remote.clock import SystemClock
from amalthea.remote.errors import RemoteError
from amalthea.remote.job.controller import START, Controller
from amalthea.remote.job.journal import FileJournal, JournalError
from amalthea.remote.job.port import RemoteBackend, Surroundings
from amalthea.remote.kinds import Kind
from amalthea.remote.pretence import Pretence
from amalthea.remote.requests.http import HttpExchange
from amalthea.remote.server import Server
from amalthea.remote.settings import Options, Settings, SettingsError
from amalthea.sidecars import last_words
from amalthea.sidecars.http import network, trust

_AT_ONCE = 128 + signal.SIGTERM

log = logging.getLogger("remote")


def main(arguments: Sequence[str], early: Sequence[int] = ()) -> int:
    """Run the controller; return the exit code: 0 once the job is gone, 1 where it is not, or cannot be submitted.

    `early` gets signals that came before the controller could listen to them.
    """
    try:
        output.set_up(os.environ.get("LOG_LEVEL") or "info")
        options = settings.read(arguments, os.environ)
        common = settings.common(options)
        kind = kinds.choose(options)
        exchange = HttpExchange(trust.context(os.environ), network.from_environment(os.environ, plain=True))
    except ValueError as error:
        return last_words.end(str(error), 1)
    log.info("configuration", extra={"settings": options.shown()})
    for flag in settings.URLS:
        if options.get(flag).startswith("http://"):
            log.warning("tokens could be intercepted; write https://", extra={"variable": settings.variable_of(flag)})
    log.info("using remote kind", extra={"kind": kind.name})
    try:
        trouble = asyncio.run(_run(options, common, kind, exchange, early))
    except SettingsError as error:
        return last_words.end(str(error), 1)
    except (RemoteError, JournalError) as error:
        return _fail("could not start session", str(error))
    except TimeoutError:
        return _fail("could not start session", f"The cluster did not accept the job within {START:g} s.")
    except OSError as error:
        return last_words.end(f"The controller cannot listen on port {common.server_port} ({error.strerror}).", 1)
    return _fail("could not cancel the job", trouble) if trouble else 0


def _fail(what: str, error: str) -> int:
    log.error(what, extra={"error": error})
    last_words.leave(error)
    return 1


async def _run(options: Options, common: Settings, kind: Kind, exchange: HttpExchange, early: Sequence[int]) -> str:
    """Run until SIGTERM or SIGINT; return why the job could not be cancelled, or empty."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _stop, stopped)
    if early:
        stopped.set()
    clock, chance = SystemClock(), random.Random()  # noqa: S311  (for the distance between attempts)
    journal = FileJournal(Path(common.mount_dir or "/") / ".rsc")
    printer = output.Printer(sys.stdout.buffer)
    async with exchange:
        around = Surroundings(exchange, clock, chance, journal, printer, os.environ)
        backend: RemoteBackend = Pretence() if common.fake_start else await kind.make(options, around)
        controller = Controller(backend, clock, chance)
        async with Server(common, lambda: controller.standing, clock):
            return await controller.run(stopped)


def _stop(stopped: asyncio.Event) -> None:
    """End gracefully at the first signal, and at once at the second (as process 1, which has no default action)."""
    if stopped.is_set():
        os._exit(_AT_ONCE)
    stopped.set()

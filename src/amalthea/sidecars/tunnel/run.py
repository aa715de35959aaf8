"""`sidecars tunnel listen`: assembles the server and runs it until it is stopped, which is not a failure."""

import asyncio
import os
import signal
from collections.abc import Sequence

from amalthea.sidecars import last_words
from amalthea.sidecars.tunnel import memory
from amalthea.sidecars.tunnel.server.server import Server, log
from amalthea.sidecars.tunnel.server.settings import Settings, read
from amalthea.telemetry import logs


def main(arguments: Sequence[str]) -> int:
    """Run the server; return the exit code: 0 after SIGTERM, 2 if it cannot start as it is configured."""
    try:
        settings = read(arguments, os.environ)
    except ValueError as error:
        return last_words.end(str(error), 2)
    memory.keep()
    logs.set_up(settings.log_level)
    try:
        asyncio.run(_run(settings))
    except OSError as error:
        return last_words.end(
            f"The tunnel cannot listen at port {settings.port} ({error.strerror}); set another one.", 2
        )
    return 0


async def _run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; raise OSError if the port is taken."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    server = Server(settings)
    await server.start()
    log.info("the tunnel is ready", extra={"port": settings.port})
    await stopped.wait()
    await server.stop()

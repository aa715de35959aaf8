"""The tunnel's server, its client, and the program on the other machine that they lead to."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from amalthea.sidecars.tunnel import bundle
from amalthea.testing.waiting import eventually
from tests.sidecars.authproxy.limited import Limited
from tests.sidecars.tunnel.ends import SECRET, End, Front, Server, opened
from tests.support import sidecars
from tests.support.processes import free_port

Listen = Callable[..., Awaitable[Server]]
Dial = Callable[..., End]


@pytest.fixture
async def listen(tmp_path: Path) -> AsyncIterator[Listen]:
    """Start a server, at the same port again if it is given one."""
    started: list[Server] = []

    async def begin(group: Limited | None = None, port: int = 0, **variables: str) -> Server:
        port = port or free_port()
        log_file = tmp_path / f"server-{port}-{len(started)}.log"
        command = sidecars.sidecars("tunnel", "listen")
        env = {"PATH": os.environ["PATH"], "WSTUNNEL_SECRET": SECRET, "WSTUNNEL_PORT": str(port), **variables}
        with log_file.open("wb") as log:
            process = subprocess.Popen(  # noqa: ASYNC220  (it is started, not waited for)
                group.within(*command) if group else command, env=env, stderr=log
            )
        server = Server(process, log_file, port)
        started.append(server)
        await eventually(lambda: "the tunnel is ready" in server.log, within=20)
        return server

    yield begin
    for server in started:
        server.process.kill()
        server.process.wait()


@pytest.fixture
def dial(tmp_path: Path) -> Iterator[Dial]:
    """Start the client, as the one file that it is, on any Python."""
    started: list[End] = []

    def begin(url: str, *arguments: str, python: str = sys.executable, **variables: str) -> End:
        number = len(started)
        file, secret, log_file = (tmp_path / f"{number}-{name}" for name in ("client.py", "secret", "client.log"))
        file.write_text(bundle.source())
        secret.write_text(f"{SECRET}\n")
        command = [python, str(file), "--secret-file", str(secret), *arguments, url]
        with log_file.open("wb") as log:
            process = subprocess.Popen(command, env={"PATH": os.environ["PATH"], **variables}, stderr=log)
        started.append(End(process, log_file))
        return started[-1]

    yield begin
    for client in started:
        client.process.kill()
        client.process.wait()


@pytest.fixture(autouse=True)
async def end_of_wires() -> AsyncIterator[None]:
    """End the connections that a test has made."""
    yield
    for wire in opened:
        wire.writer.transport.abort()
    opened.clear()
    await asyncio.sleep(0)


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    made = Front()
    await made.start()
    yield made
    await made.stop()

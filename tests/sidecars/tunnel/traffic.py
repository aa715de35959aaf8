"""A tunnel in its container's 64 MiB with a fast program behind it, the same without a tunnel, and what both cost."""

import asyncio
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.sidecars.authproxy.limited import Limited
from tests.sidecars.tunnel.conftest import Dial, Listen
from tests.sidecars.tunnel.ends import MEBIBYTE, End, Server, open_port
from tests.support.processes import free_port

PUMP = str(Path(__file__).with_name("pump.py"))
GIBIBYTE = 1024 * MEBIBYTE
CPU_PER_GIBIBYTE = 4.0
"""CPU seconds of both ends together."""


@dataclass
class Traffic:
    """The start of each way: a tunnel's, a plain relay's, and without either."""

    server: Server
    client: End
    group: Limited
    tunnel: int
    relay: int
    direct: int
    helpers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    async def fetch(self, port: int, count: int, times: int = 1) -> float:
        """Download so many bytes, several times at once; return the seconds that it took."""
        command = (sys.executable, PUMP, "fetch", str(port), str(count), str(times))
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        told, _ = await process.communicate()
        assert process.returncode == 0
        return float(told)

    @property
    def cpu_seconds(self) -> tuple[float, float]:
        """Return what the server and the client have used so far."""
        return self.server.cpu_seconds, self.client.cpu_seconds

    def stop(self) -> None:
        for process in (*self.helpers, self.server.process, self.client.process):
            process.kill()
            process.wait()
        for helper in self.helpers:
            assert helper.stdout is not None
            helper.stdout.close()


async def traffic(listen: Listen, dial: Dial, group: Limited) -> Traffic:
    """Start all of it."""
    tunnel, relay, direct = free_port(), free_port(), free_port()
    server = await listen()
    made = Traffic(server, dial(server.url, "--reverse", f"{tunnel}:{direct}"), group, tunnel, relay, direct)
    for words in (("source", str(direct)), ("relay", str(relay), str(direct))):
        helper = subprocess.Popen([sys.executable, PUMP, *words], stdout=subprocess.PIPE)  # noqa: ASYNC220
        made.helpers.append(helper)
        assert helper.stdout is not None
        await asyncio.to_thread(helper.stdout.readline)
    (await open_port(tunnel)).close()
    return made

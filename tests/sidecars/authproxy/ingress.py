"""A real ingress before doors: Traefik, as a process of its own."""

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from lab.programs import binaries
from tests.sidecars.authproxy.door import Door
from tests.support.processes import free_port


@contextlib.asynccontextmanager
async def traefik(folder: Path, doors: Mapping[str, Door]) -> AsyncIterator[int]:
    """Lead each path prefix to its door; yield the port of 127.0.0.1 at which all of them are reached."""
    port = free_port()
    services, routes = {}, {}
    for number, (prefix, door) in enumerate(doors.items()):
        services[f"s{number}"] = {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{door.port}"}]}}
        routes[f"r{number}"] = {"rule": f"PathPrefix(`{prefix}`)", "service": f"s{number}"}
    file = folder / "traefik.yaml"
    file.write_text(json.dumps({"http": {"routers": routes, "services": services}}))
    flags = {
        "providers.file.filename": str(file),
        "entrypoints.web.address": f"127.0.0.1:{port}",
        "global.checknewversion": "false",
        "global.sendanonymoususage": "false",
    }
    process = subprocess.Popen(  # noqa: ASYNC220  (it is started, not waited for)
        [binaries.path("traefik"), *(f"--{name}={value}" for name, value in flags.items())]
    )
    try:
        async with asyncio.timeout(20):
            while not all([await _leads_to(door, port, prefix) for prefix, door in doors.items()]):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(20)


async def _leads_to(door: Door, port: int, prefix: str) -> bool:
    """Return whether the door refuses a request at the ingress, which knows no path at first."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        return (await (await door.connect(port)).ask(prefix)).status == 400
    return False

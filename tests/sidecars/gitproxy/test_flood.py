"""A flood of a port must neither fill the memory nor keep the kubelet, or git, without an answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from amalthea.testing.waiting import eventually
from tests.sidecars.gitproxy.conftest import ProxyProcess

Start = Callable[..., Awaitable[ProxyProcess]]
STRANGERS = 2000
HALF = b"GET /health HTTP/1.1\r\nX: " + b"x" * 1000
KIBIBYTE = 1024


def resident(proxy: ProxyProcess) -> int:
    status = Path(f"/proc/{proxy.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * KIBIBYTE


def connections(proxy: ProxyProcess) -> int:
    """Return how many files it has open at most: sockets, and few others."""
    return len(list(Path(f"/proc/{proxy.process.pid}/fd").iterdir()))


async def ask(port: int) -> tuple[bytes, float]:
    """Ask for the health as the kubelet does; return the status line and the seconds that it took."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
    try:
        line = await asyncio.wait_for(reader.readline(), 5)
    finally:
        writer.close()
    return line, time.monotonic() - began


async def hold(port: int, count: int, data: bytes) -> list[asyncio.StreamWriter]:
    """Open connections that send `data` and then nothing more."""
    held = []
    for _ in range(count):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        held.append(writer)
    return held


async def end(held: list[asyncio.StreamWriter]) -> None:
    for writer in held:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def test_two_thousand_half_requests_cost_little_and_the_kubelet_is_answered(start: Start) -> None:
    proxy = await start()
    for _ in range(50):  # so that what is allocated once is there
        await ask(proxy.health_port)
    before = resident(proxy)
    flood = asyncio.create_task(hold(proxy.health_port, STRANGERS, HALF))
    slowest = 0.0
    while not flood.done():
        line, seconds = await ask(proxy.health_port)
        assert line.startswith(b"HTTP/1.1 200 ")
        slowest = max(slowest, seconds)
        await asyncio.sleep(0)
    held = await flood
    line, seconds = await ask(proxy.health_port)
    grown = resident(proxy) - before
    await end(held)
    assert line.startswith(b"HTTP/1.1 200 ")
    assert max(slowest, seconds) < 1
    assert grown < 2 * KIBIBYTE**2, f"{grown / KIBIBYTE:.0f} KiB"


@pytest.mark.parametrize("data", [b"x" * 60_000, b"X: y\r\n" * 500], ids=["one line", "many fields"])
async def test_a_long_head_at_the_health_port_is_not_kept(start: Start, data: bytes) -> None:
    proxy = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.health_port)
    writer.write(data)
    with suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 3) == b""
    writer.close()
    assert proxy.process.poll() is None


async def test_a_program_that_keeps_all_connections_to_the_proxy_cannot_keep_git_out(start: Start) -> None:
    proxy = await start()
    held = await hold(proxy.port, 400, b"GET http://x/ HTTP/1.1\r\nX: ")
    line, seconds = await ask(proxy.health_port)
    await eventually(lambda: connections(proxy) < 128 + 50)
    await end(held)
    assert line.startswith(b"HTTP/1.1 200 ")
    assert seconds < 1


async def test_tunnels_that_are_kept_open_give_way_to_newer_ones(start: Start) -> None:
    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    proxy = await start()
    target = server.sockets[0].getsockname()[1]
    held = await hold(proxy.port, 300, b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n" % target)
    line, seconds = await ask(proxy.health_port)
    await eventually(lambda: connections(proxy) < 2 * 128 + 50)
    await end(held)
    server.close()
    assert line.startswith(b"HTTP/1.1 200 ")
    assert seconds < 1

"""A port of the pod is open while clients of the other machine are there, and not much longer: probes go by it.

The server runs in the test, so that minutes are fractions of a second.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from amalthea.sidecars.tunnel.server import reverse
from amalthea.sidecars.tunnel.server.server import Server
from amalthea.sidecars.tunnel.server.settings import Settings
from amalthea.testing.waiting import eventually
from tests.sidecars.tunnel.ends import SECRET, Wire, connect, open_port, request
from tests.support.processes import free_port

PORT = free_port()
LISTENS = "0A"
"""The state of a listening socket in /proc/net/tcp (proc_net_tcp in the kernel's documentation)."""


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Start a server that finds a client absent after a moment; return its port."""
    monkeypatch.setattr(reverse, "ABSENCE_SECONDS", 0.3)
    monkeypatch.setattr(reverse, "CLAIM_SECONDS", 0.2)
    monkeypatch.setattr(reverse, "SILENCE_SECONDS", 0.5)  # a probe is gone long before, also on a busy machine
    made = Server(Settings(SECRET, port := free_port()))
    await made.start()
    yield port
    await _let_all_settle()  # asyncio drops a connection, with a warning, whose server is closed while it is accepted
    await made.stop()
    await _let_all_settle()


async def _let_all_settle() -> None:
    """Let connections that are being accepted or ended get there: that takes seven turns of the loop."""
    for _ in range(10):
        await asyncio.sleep(0)


async def waits(server: int) -> Wire:
    client = await connect(server)
    await client.send(request(PORT))
    (await open_port(PORT)).close()
    return client


def is_closed() -> bool:
    """Look whether nobody listens, without a connection: one that arrives while the port closes is dropped noisily."""
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return not any(row.split()[1].endswith(f":{PORT:04X}") and row.split()[3] == LISTENS for row in rows)


async def test_the_port_closes_once_the_last_client_is_gone(server: int) -> None:
    client = await waits(server)
    client.writer.transport.abort()
    await eventually(is_closed)
    await waits(server)  # and it opens again


async def test_the_port_stays_open_while_a_client_waits_in_silence(server: int) -> None:
    await waits(server)
    with pytest.raises(AssertionError):
        await eventually(is_closed, within=4 * reverse.ABSENCE_SECONDS)


async def test_a_client_that_was_awaited_and_is_gone_does_not_keep_the_port_open(
    server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await waits(server)
    monkeypatch.setattr(reverse, "CLAIM_SECONDS", 30)
    users = [await connect(PORT), await connect(PORT)]
    for user in users:
        await user.send(b"x")
    await first.head()
    second = await connect(server)
    await second.send(request(PORT))
    await second.head()
    for wire in (first, second):
        wire.writer.transport.abort()
    await eventually(is_closed)


async def test_a_user_for_whom_no_client_comes_is_sent_away(server: int) -> None:
    client = await waits(server)
    taken, left = await connect(PORT), await connect(PORT)
    await taken.send(b"x")
    await client.head()
    await left.send(b"x")
    assert await left.rest() == b""


async def test_a_user_who_has_said_nothing_is_sent_away_when_the_port_closes(
    server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await waits(server)
    monkeypatch.setattr(reverse, "SILENCE_SECONDS", 600)
    silent = await connect(PORT)
    client.writer.transport.abort()
    assert await silent.rest() == b""


async def test_who_waits_to_be_spoken_to_gets_a_client_all_the_same(server: int) -> None:
    client = await waits(server)
    user = await connect(PORT)
    await client.head()
    await client.send(b"\x82\x05hello")
    assert await asyncio.wait_for(user.exactly(5), 5) == b"hello"

"""Anybody on the Internet reaches the tunnel through the ingress: nobody without the secret holds it up or fills it."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from amalthea.sidecars.tunnel.wire.frames import DATA, data_frames
from amalthea.testing.waiting import eventually
from tests.sidecars.authproxy.limited import Limited
from tests.sidecars.tunnel.conftest import Dial, Listen
from tests.sidecars.tunnel.ends import LIMIT, MEBIBYTE, Front, Server, Wire, connect, open_port, request
from tests.support.processes import free_port

STRANGERS = 1000


@pytest.fixture
async def server(group: Limited, listen: Listen) -> AsyncIterator[Server]:
    started = await listen()
    yield started
    assert group.kills == 0


async def works(server: Server) -> float:
    """Open a tunnel, and use it; return how many seconds that took."""
    begun, port = time.monotonic(), free_port()
    client = await connect(server.port)
    await client.send(request(port))
    user = await open_port(port)
    await user.send(b"ping")
    await client.head()
    assert await client.frames(1) == [(DATA, b"ping")]
    await client.send(data_frames(b"pong", masked=False))
    assert await user.exactly(4) == b"pong"
    client.close()
    user.close()
    return time.monotonic() - begun


async def strangers(server: Server, data: bytes, count: int = STRANGERS) -> list[Wire]:
    """Connect so many times, say that, and nothing more."""
    made = []
    for _ in range(count):
        wire = await connect(server.port)
        wire.writer.write(data)
        made.append(wire)
    return made


@pytest.mark.parametrize("data", [b"", b"GET /x/events HTTP/1.1\r\nx: " + b"y" * 8000], ids=["silence", "half a head"])
async def test_a_thousand_strangers_who_do_not_finish_keep_nobody_out(server: Server, data: bytes) -> None:
    await works(server)
    before = server.resident
    held = await strangers(server, data)
    assert await works(server) < 5
    assert server.sockets < 200
    assert server.resident - before < 4 * MEBIBYTE
    assert all(wire.writer is not None for wire in held)


async def test_who_sends_a_head_byte_by_byte_is_sent_away_in_time(server: Server) -> None:
    begun = time.monotonic()
    wire = await connect(server.port)

    async def drip() -> None:
        for byte in request(free_port()):
            await wire.send(bytes((byte,)))
            await asyncio.sleep(0.1)

    dripping = asyncio.create_task(drip())
    assert (await wire.rest()).startswith(b"HTTP/1.1 400 ")
    dripping.cancel()
    with suppress(asyncio.CancelledError, ConnectionError):
        await dripping
    assert 8 < time.monotonic() - begun < 14


@pytest.mark.parametrize(
    "data", [b"x" * 100_000, b"GET /x/events HTTP/1.1\r\n" + b"a: b\r\n" * 20_000], ids=["line", "fields"]
)
async def test_a_head_without_end_is_not_read(server: Server, data: bytes) -> None:
    wire = await connect(server.port)
    with suppress(ConnectionError):
        await wire.send(data)
    assert not (await wire.rest()).startswith(b"HTTP/1.1 101 ")
    await works(server)


async def test_a_flood_of_wrong_secrets_costs_little_and_fills_no_log(server: Server) -> None:
    before, port = server.resident, free_port()
    spent = server.cpu_seconds

    async def guess(number: int) -> bytes:
        wire = await connect(server.port)
        await wire.send(request(port, secret=f"guess-{number}"))
        return await wire.rest()

    for start in range(0, STRANGERS, 50):
        answers = await asyncio.gather(*map(guess, range(start, start + 50)))
        assert {answer.split(b" ")[1] for answer in answers} == {b"400"}
    assert (server.cpu_seconds - spent) / STRANGERS < 0.005
    assert server.resident - before < 4 * MEBIBYTE
    refused = server.told("a request is refused")
    assert [line["count"] for line in refused] == [2**power for power in range(10)]
    assert "guess" not in server.log
    with pytest.raises(ConnectionError):
        await connect(port)
    await works(server)


async def test_a_thousand_waiting_requests_of_one_client_are_bounded(server: Server) -> None:
    port, before = free_port(), server.resident
    held = await strangers(server, request(port))
    assert (await held[STRANGERS - 64 - 1].rest()).startswith(b"HTTP/1.1 400 "), (
        "the last that the newest one displaces"
    )
    assert server.sockets < 100
    assert server.resident - before < 4 * MEBIBYTE
    user = await open_port(port)
    await user.send(b"x")
    assert (await held[-1].head()).startswith(b"HTTP/1.1 101 "), "the newest is the most likely to be there"


async def test_users_beyond_those_that_may_wait_for_a_client_are_sent_away(server: Server) -> None:
    port = free_port()
    client = await connect(server.port)
    await client.send(request(port))
    await open_port(port)
    users = [await connect(port) for _ in range(150)]
    for user in users:
        user.writer.write(b"x")
    ended = [asyncio.create_task(user.rest()) for user in users]
    await eventually(lambda: sum(task.done() for task in ended) >= 150 - 65)
    for task in ended:
        task.cancel()
    assert (await client.head()).startswith(b"HTTP/1.1 101 ")


async def test_more_ports_than_a_session_has_are_refused(server: Server) -> None:
    answers = []
    for _ in range(9):
        wire = await connect(server.port)
        await wire.send(request(port := free_port()))
        answers.append(wire)
    assert (await answers[-1].rest()).startswith(b"HTTP/1.1 400 ")
    with pytest.raises(ConnectionError):
        await connect(port)


async def test_a_port_that_another_program_has_is_refused(server: Server) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        wire = await connect(server.port)
        await wire.send(request(taken.getsockname()[1]))
        assert (await wire.rest()).startswith(b"HTTP/1.1 400 ")
    await works(server)


async def test_a_client_that_speaks_before_it_is_let_in_is_sent_away(server: Server) -> None:
    wire = await connect(server.port)
    await wire.send(request(free_port()) + data_frames(b"early", masked=True))
    assert (await wire.rest()).startswith(b"HTTP/1.1 400 ")


async def test_a_waiting_client_that_is_gone_gets_nobody(server: Server) -> None:
    port = free_port()
    stays = await connect(server.port)
    await stays.send(request(port))
    await open_port(port)
    gone = [await connect(server.port) for _ in range(3)]
    for each in gone:
        await each.send(request(port))
    await eventually(lambda: server.sockets > 5)
    for each in gone:
        each.writer.transport.abort()
    user = await connect(port)
    await user.send(b"hello")
    assert (await stays.head()).startswith(b"HTTP/1.1 101 ")
    assert await stays.frames(1) == [(DATA, b"hello")]


async def test_a_probe_spends_no_client_and_the_front_end_sees_none(listen: Listen, dial: Dial, front: Front) -> None:
    """The controller's readiness probe connects each second, and says nothing."""
    server, port = await listen(), free_port()
    dial(server.url, "--reverse", f"{port}:{front.port}", "--waiting=1")
    (await open_port(port)).close()
    for _ in range(20):
        (await connect(port)).close()
    user = await connect(port)
    await user.send(b"give 5\n")
    assert await user.rest() == b"\x00\x01\x02\x03\x04"
    assert front.connections == 1


async def test_where_authentication_is_on_nobody_outside_the_pod_gets_past_the_door(listen: Listen) -> None:
    address = _own_address()
    for variables, is_open in (({}, True), ({"TUNNEL_LOOPBACK_ONLY": "true"}, False)):
        server, port = await listen(**variables), free_port()
        client = await connect(server.port)
        await client.send(request(port))
        (await open_port(port)).close()
        with socket.socket() as outside:
            assert (outside.connect_ex((address, port)) == 0) is is_open


def _own_address() -> str:
    """Return an address of this machine that is not the loopback's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        address: str = probe.getsockname()[0]
        return address


async def test_a_hundred_transfers_that_nobody_takes_fit_into_the_limit(server: Server, group: Limited) -> None:
    port = free_port()
    first = await connect(server.port)
    await first.send(request(port))
    (await open_port(port)).close()
    for _ in range(100):
        client = await connect(server.port)
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        user = await connect(port)
        await client.send(request(port))
        user.writer.write(b"x" * MEBIBYTE)
    sizes = [0]

    def is_settled() -> bool:
        sizes.append(group.own + group.sockets)
        return server.sockets > 200 and len(sizes) > 20 and len(set(sizes[-20:])) == 1

    await eventually(is_settled, within=20)
    assert sizes[-1] < LIMIT
    assert await works(server) < 10

"""A pause of the session ends the tunnel: what is under way gets to its end, and what only rests holds nothing up."""

import asyncio
import time
from contextlib import suppress

import pytest

from amalthea.sidecars.tunnel.wire.frames import CLOSE, DATA, data_frames
from tests.sidecars.tunnel.conftest import Listen
from tests.sidecars.tunnel.ends import MEBIBYTE, Server, Wire, connect, open_port, pattern, request
from tests.support.processes import free_port


async def tunnel(server: Server) -> tuple[Wire, Wire]:
    """Return both ends of a tunnel that is open."""
    port = free_port()
    client = await connect(server.port)
    await client.send(request(port))
    user = await open_port(port)
    await user.send(b"x")
    await client.head()
    assert await client.frames(1) == [(DATA, b"x")]
    return client, user


async def test_with_nothing_open_it_ends_at_once(listen: Listen) -> None:
    server = await listen()
    begun = time.monotonic()
    assert await server.stop() == 0
    assert time.monotonic() - begun < 2


async def test_waiting_clients_are_sent_away_so_that_they_come_again(listen: Listen) -> None:
    server = await listen()
    client = await connect(server.port)
    await client.send(request(port := free_port()))
    await open_port(port)
    assert await server.stop() == 0
    assert (await client.rest()).startswith(b"HTTP/1.1 400 ")


async def test_a_stranger_who_asks_while_it_ends_opens_nothing(listen: Listen) -> None:
    server = await listen()
    client, user = await tunnel(server)
    late, port = await connect(server.port), free_port()
    stopping = asyncio.create_task(server.stop())
    assert (await late.rest()).startswith(b"HTTP/1.1 400 ")
    with suppress(ConnectionError):
        await late.send(request(port))
    with pytest.raises(ConnectionError):
        await connect(port)
    assert await stopping == 0
    assert (await client.rest(), await user.rest()) == (b"", b"")


async def test_what_only_rests_holds_nothing_up(listen: Listen) -> None:
    server = await listen()
    ends = [await tunnel(server) for _ in range(3)]
    begun = time.monotonic()
    assert await server.stop() == 0
    assert time.monotonic() - begun < 5
    assert [await user.rest() for _, user in ends] == [b""] * 3


async def test_a_transfer_that_is_under_way_gets_to_its_end_and_nobody_new_is_let_in(listen: Listen) -> None:
    server = await listen()
    client, user = await tunnel(server)
    stopping = asyncio.create_task(server.stop())
    taking = asyncio.create_task(user.exactly(12 * MEBIBYTE))
    payload = pattern(12 * MEBIBYTE)
    for at in range(0, len(payload), MEBIBYTE):
        await client.send(data_frames(payload[at : at + MEBIBYTE], masked=False))
        await asyncio.sleep(0.2)  # slower than the server looks whether anything moves
        if at == 2 * MEBIBYTE:
            with pytest.raises(ConnectionError):
                await connect(server.port)
    await client.send(b"\x88\x02\x03\xe8")
    assert await taking == payload
    assert await client.frames(1) == [(CLOSE, b"\x03\xe8")]
    assert await stopping == 0


async def test_a_transfer_without_end_is_broken_off_in_time(listen: Listen) -> None:
    server = await listen()
    client, user = await tunnel(server)

    async def go_on() -> None:
        while True:
            await client.send(data_frames(b"x", masked=False))
            await user.exactly(1)
            await asyncio.sleep(0.1)

    going = asyncio.create_task(go_on())
    begun = time.monotonic()
    assert await server.stop() == 0
    assert 9 < time.monotonic() - begun < 15
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await going


async def test_the_last_line_of_the_log_tells_what_has_happened(listen: Listen) -> None:
    server = await listen()
    client, user = await tunnel(server)
    await client.send(data_frames(b"hello", masked=True) + b"\x88\x02\x03\xe8")
    assert await user.rest() == b"hello"
    (await connect(server.port)).writer.write(b"GET / HTTP/1.1\r\n\r\n")
    stranger = await connect(server.port)
    await stranger.send(request(free_port(), secret="wrong"))
    await stranger.rest()
    assert await server.stop() == 0
    (told,) = server.told("the tunnel has ended")
    assert {key: told[key] for key in ("connections", "tunnels", "received", "sent")} == {
        "connections": 3,
        "tunnels": 1,
        "received": 5,
        "sent": 1,
    }
    assert told["refused"] == 2

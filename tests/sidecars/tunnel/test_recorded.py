"""Clients that are in use stay welcome: the server gets what real ones sent (tests/data/wstunnel)."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from amalthea.sidecars.tunnel.wire.frames import CLOSE, DATA, MOST, Parser
from tests.sidecars.authproxy.limited import Limited
from tests.sidecars.tunnel.conftest import Listen
from tests.sidecars.tunnel.ends import LIMIT, MEBIBYTE, SECONDS, Wire, connect, open_port, pattern
from tests.unit.sidecars.tunnel.recordings import NAMES, Connection, connections, head_of, sent_by

PORT = 18888
"""The one that the recorded clients ask for."""
GIT_PROXY = 65480


def of(scenario: str) -> list[str]:
    return [name for name in NAMES if name.endswith(scenario)]


def payload_of(side: str, connection: Connection) -> bytes:
    """Return the data that a side sent, as far as it was kept."""
    events = Parser().feed(sent_by(side, connection))
    return b"".join(bytes(payload) for kind, payload in events if kind == DATA)


@pytest.mark.parametrize("name", of("reverse-small"))
async def test_a_reverse_tunnel_carries_what_was_recorded(listen: Listen, name: str) -> None:
    server = await listen()
    for connection in connections(name)[:2]:
        client = await connect(server.port)
        await client.send(head_of(connection))
        user = await open_port(PORT)
        asked, answered = payload_of("server", connection), payload_of("client", connection)
        await user.send(asked)
        assert (await client.head()).startswith(b"HTTP/1.1 101 ")
        assert await client.frames(len(asked)) == [(DATA, asked)]
        await client.send(sent_by("client", connection))
        assert await user.rest() == answered
        user.close()
        assert await client.frames(1) == [(CLOSE, b"\x03\xe8")]
        assert await client.rest() == b""


async def test_the_answer_is_held_back_until_somebody_connects(listen: Listen) -> None:
    server = await listen()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(head_of(connections(of("reverse-small")[0])[0]))
        user = await open_port(PORT)  # so the request has been read
        with pytest.raises(BlockingIOError):
            client.recv(1, socket.MSG_DONTWAIT)
        await user.send(b"x")
        client.settimeout(SECONDS)
        assert (await asyncio.to_thread(client.recv, 12)) == b"HTTP/1.1 101"


@pytest.mark.parametrize("name", of("reverse-idle"))
async def test_pings_of_a_real_client_are_answered(listen: Listen, name: str) -> None:
    server = await listen()
    client = await connect(server.port)
    await client.send(head_of(connections(name)[0]))
    user = await open_port(PORT)
    await user.send(payload_of("server", connections(name)[0]))
    await client.head()
    await client.frames(1)
    pings = sum(frame["opcode"] == 9 for frame in connections(name)[0]["client"]["frames"])
    await client.send(sent_by("client", connections(name)[0]))
    assert pings
    assert await client.frames(pings) == [(10, b"")] * pings


@pytest.mark.parametrize("name", of("reverse-big-refused"))
async def test_a_client_whose_front_end_is_away_ends_only_its_own_connection(listen: Listen, name: str) -> None:
    server = await listen()
    refused = next(each for each in connections(name) if each["server"]["frames"] and not each["client"]["frames"])
    client = await connect(server.port)
    await client.send(head_of(refused))
    user = await open_port(PORT)
    await user.send(payload_of("server", refused))
    await client.head()
    client.close()
    assert await user.rest() == b""
    again = await connect(server.port)
    await again.send(head_of(refused))
    user = await connect(PORT)
    await user.send(b"x")
    await again.head()
    assert await again.frames(1) == [(DATA, b"x")]


@pytest.mark.parametrize("name", of("reverse-big-refused"))
async def test_frames_of_the_recorded_sizes_and_of_32_mib_arrive_whole(
    listen: Listen, group: Limited, name: str
) -> None:
    server = await listen()
    sizes = [frame["length"] for frame in connections(name)[0]["client"]["frames"] if frame["opcode"] == DATA]
    assert max(sizes) >= MEBIBYTE
    client = await connect(server.port)
    await client.send(head_of(connections(name)[0]))
    user = await open_port(PORT)
    await user.send(b"x")
    await client.head()
    payload = pattern(sum(sizes) + 32 * MEBIBYTE)
    taking = asyncio.create_task(user.exactly(len(payload)))
    at = 0
    for size in (*sizes, 32 * MEBIBYTE):
        head = b"\x82\x7f" + size.to_bytes(8, "big")
        await client.send(head + payload[at : at + size])
        at += size
    assert await taking == payload
    assert group.kills == 0
    assert group.own < LIMIT / 2


async def test_no_frame_above_64_kib_goes_out(listen: Listen) -> None:
    server = await listen()
    client = await connect(server.port)
    await client.send(head_of(connections(NAMES[-1].replace("wrong-secret", "reverse-small"))[0]))
    user = await open_port(PORT)
    payload = pattern(4 * MEBIBYTE)
    sending = asyncio.create_task(user.send(payload))
    await client.head()
    left, sizes = len(payload), []
    async with asyncio.timeout(SECONDS):
        while left:
            head = await client.reader.readexactly(2)
            assert head[0] == 0x82
            long = {126: 2, 127: 8}.get(head[1], 0)
            size = int.from_bytes(await client.reader.readexactly(long), "big") if long else head[1]
            assert await client.reader.readexactly(size) == payload[len(payload) - left :][:size]
            left -= size
            sizes.append(size)
    await sending
    assert max(sizes) == MOST


@pytest.mark.parametrize("name", of("wrong-secret"))
async def test_a_wrong_secret_is_answered_as_it_was(listen: Listen, name: str) -> None:
    server = await listen()
    client = await connect(server.port)
    await client.send(head_of(connections(name)[0]))
    recorded = bytes.fromhex(connections(name)[0]["server"]["bytes_first_6000_hex"])
    answer = await client.rest()
    assert (answer.split()[1], answer.partition(b"\r\n\r\n")[2]) == (b"400", recorded.partition(b"\r\n\r\n")[2])


@contextlib.asynccontextmanager
async def git_proxy(answer: bytes) -> AsyncIterator[list[bytes]]:
    """Stand in for the git proxy, at its port, which another test may have at the moment."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with asyncio.timeout(30):
        while True:
            try:
                server = await asyncio.start_server(serve, "127.0.0.1", GIT_PROXY)
                break
            except OSError:
                await asyncio.sleep(0.1)
    yield asked
    server.close()


@pytest.mark.parametrize("name", of("forward"))
async def test_a_forward_tunnel_leads_to_the_git_proxy(listen: Listen, name: str) -> None:
    server = await listen()
    (connection,) = connections(name)
    async with git_proxy(payload_of("server", connection)) as asked:
        client = await connect(server.port)
        await client.send(head_of(connection))
        assert (await client.head()).startswith(b"HTTP/1.1 101 ")
        await client.send(sent_by("client", connection))
        events = await client.frames(len(payload_of("server", connection)))
        if len(events) == 1:
            events += await client.frames(1)
        assert events == [(DATA, payload_of("server", connection)), (CLOSE, b"\x03\xe8")]
        assert asked == [payload_of("client", connection)]


async def test_a_forward_tunnel_to_nobody_is_refused(listen: Listen) -> None:
    server = await listen()
    client: Wire = await connect(server.port)
    await client.send(head_of(connections(of("forward")[0])[0]))
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 400 ")

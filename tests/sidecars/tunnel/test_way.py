"""The way from the other machine to the server: ingress, certificates and the network's own proxy."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from amalthea.testing.waiting import eventually
from lab.base.pki import Authority
from tests.sidecars.tunnel.conftest import Dial, Listen
from tests.sidecars.tunnel.ends import END, PATH, SECRET, Front, asks, connect, pattern
from tests.sidecars.tunnel.nginx import nginx
from tests.sidecars.tunnel.pythons import oldest_and_newest
from tests.support.processes import free_port


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@oldest_and_newest
async def test_through_nginx_and_tls_it_goes_on_after_504_and_a_restart_of_the_ingress(
    listen: Listen, dial: Dial, front: Front, authority: Authority, tmp_path: Path, python: str
) -> None:
    server, port, entry = await listen(), free_port(), free_port()
    pair = authority.server("ingress", ["localhost"])
    url = f"https://localhost:{entry}/{PATH}/"  # with two slashes, as the variables of a session have it
    arguments = ("--reverse", f"{port}:{front.port}", "--ca-file", str(authority.pair.certificate))
    client = dial(url, *arguments, python=python)
    async with nginx(tmp_path / "first", entry, server.port, pair, patience=1):
        assert await asks(port, b"give 3000000\n") == pattern(3_000_000)
        await eventually(lambda: "504" in client.log, within=20)
        assert await asks(port, b"give 1\n") == b"\0"
    await eventually(lambda: client.log.count("\n") > 1)
    async with nginx(tmp_path / "second", entry, server.port, pair):
        assert await asks(port, b"give 1\n") == b"\0"
        user = await connect(port)
        await user.send(b"take 3000000\n" + pattern(3_000_000))
        assert await user.rest() == b"3000000\n"
        assert await client.stop() == 0


async def test_a_server_that_nobody_vouches_for_gets_no_secret(
    listen: Listen, dial: Dial, authority: Authority, tmp_path: Path
) -> None:
    server, entry = await listen(), free_port()
    other = Authority(tmp_path / "other").server("ingress", ["localhost"])
    async with nginx(tmp_path / "nginx", entry, server.port, other):
        client = dial(f"https://localhost:{entry}/", "--reverse=8888:1", "--ca-file", str(authority.pair.certificate))
        await eventually(lambda: "CERTIFICATE_VERIFY_FAILED" in client.log, within=20)
    assert server.told("the other machine has dialled in") == []


async def test_a_certificate_for_another_name_is_not_believed(
    listen: Listen, dial: Dial, authority: Authority, tmp_path: Path
) -> None:
    server, entry = await listen(), free_port()
    other = authority.server("elsewhere", ["elsewhere.example.org"])
    async with nginx(tmp_path / "nginx", entry, server.port, other):
        client = dial(f"https://localhost:{entry}/", "--reverse=8888:1", "--ca-file", str(authority.pair.certificate))
        await eventually(lambda: "CERTIFICATE_VERIFY_FAILED" in client.log, within=20)


@oldest_and_newest
async def test_it_goes_through_the_networks_proxy(
    listen: Listen, dial: Dial, front: Front, authority: Authority, tmp_path: Path, python: str
) -> None:
    server, port, entry = await listen(), free_port(), free_port()
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(END))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", entry)
        with suppress(ConnectionError):
            await asyncio.gather(_copy(reader, to_writer), _copy(to_reader, writer))

    running = await asyncio.start_server(proxy, "127.0.0.1", 0)
    address = f"http://me:p%40ss@127.0.0.1:{running.sockets[0].getsockname()[1]}"
    host = "renku.example.org"
    pair = authority.server("by-proxy", [host])
    arguments = ("--reverse", f"{port}:{front.port}", "--ca-file", str(authority.pair.certificate))
    async with nginx(tmp_path / "nginx", entry, server.port, pair):
        client = dial(f"https://{host}{PATH}", *arguments, python=python, https_proxy=address, no_proxy="other.org")
        assert await asks(port, b"give 5\n") == pattern(5)
        assert await client.stop() == 0
    running.close()
    assert asked[0].split(b"\r\n") == [
        b"CONNECT renku.example.org:443 HTTP/1.1",
        b"Host: renku.example.org:443",
        b"Proxy-Authorization: Basic bWU6cEBzcw==",
        b"",
        b"",
    ]
    assert SECRET.encode() not in b"".join(asked)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()

"""Git and its tokens use the network's own proxy where servers cannot be reached otherwise."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.sidecars.gitproxy.conftest import ProxyProcess
from tests.sidecars.gitproxy.forge import Forge

Start = Callable[..., Awaitable[ProxyProcess]]


@dataclass
class NetworkProxy:
    """A proxy as institutes have them: it knows CONNECT, and wants to see who asks."""

    status: int = 200
    port: int = 0
    asked: list[str] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head)
        if self.status != 200 or "Proxy-Authorization: Basic bWU6aHVzaA==" not in head:
            writer.write(f"HTTP/1.1 {self.status if self.status != 200 else 407} No\r\n\r\n".encode())
            writer.close()
            return
        host, port = head.split()[1].split(":")
        upstream_reader, upstream = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Yes\r\n\r\n")
        await asyncio.gather(_pass_on(reader, upstream), _pass_on(upstream_reader, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
async def network_proxy() -> AsyncIterator[NetworkProxy]:
    proxy = NetworkProxy()
    server = await asyncio.start_server(proxy.handle, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    yield proxy
    server.close()


def outside(proxy: NetworkProxy, **more: str) -> dict[str, str]:
    return {"HTTPS_PROXY": f"http://me:hush@127.0.0.1:{proxy.port}", **more}


@pytest.mark.usefixtures("repository")
async def test_a_clone_goes_through_the_networks_proxy(
    start: Start, forge: Forge, network_proxy: NetworkProxy, tmp_path: Path
) -> None:
    proxy = await start(outside(network_proxy))

    done = await proxy.git("clone", f"{forge.url}/lab/data.git", str(tmp_path / "clone"))

    assert done.code == 0, done.output + proxy.log
    assert {head.split("\r\n")[0] for head in network_proxy.asked} == {f"CONNECT 0.0.0.0:{forge.port} HTTP/1.1"}
    assert not [each for each in forge.asked if not each.authorization]
    assert "hush" not in proxy.log + done.output


@pytest.mark.usefixtures("repository")
async def test_what_no_proxy_names_is_reached_directly(start: Start, forge: Forge, network_proxy: NetworkProxy) -> None:
    proxy = await start(outside(network_proxy, NO_PROXY="0.0.0.0"))

    assert (await proxy.git("ls-remote", f"{forge.url}/lab/data.git")).code == 0
    assert network_proxy.asked == []


@pytest.mark.usefixtures("repository")
async def test_a_refusal_by_the_networks_proxy_is_told_to_the_user(
    start: Start, forge: Forge, network_proxy: NetworkProxy
) -> None:
    network_proxy.status = 403
    proxy = await start(outside(network_proxy))

    done = await proxy.git("ls-remote", f"{forge.url}/lab/data.git")

    refused = "0.0.0.0 cannot be reached, or closed the connection (the network's proxy refuses it with 403)"
    assert refused in done.output

"""The proxy in the test's own process, and servers and clients that say byte by byte what a test wants them to."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

from amalthea.sidecars import clear_text
from amalthea.sidecars.gitproxy import certificate
from amalthea.sidecars.gitproxy.listening import PROXY, Bounds, Crowd
from amalthea.sidecars.gitproxy.proxy import Proxy
from amalthea.sidecars.gitproxy.rules.matching import Repository
from amalthea.sidecars.gitproxy.settings import RenkuTokens, Settings
from amalthea.sidecars.gitproxy.site import Site
from amalthea.sidecars.gitproxy.tokens import Tokens
from amalthea.sidecars.http.http1 import MAX_HEAD
from amalthea.sidecars.http.messages import Answer, Question
from amalthea.sidecars.http.origins import Origin
from lab.base.pki import KeyPair

END = b"\r\n\r\n"
BASIC = b"Authorization: Basic b2F1dGgyOnRva2VuLTE="
"""The field for the user `oauth2` with the password `token-1`."""
SECONDS = 10.0

GET = b"GET /lab/data/info/refs HTTP/1.1\r\nHost: localhost:%d\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def renku(question: Question) -> Answer:
    """Give the one token that there is."""
    return Answer(200, b'{"access_token": "token-1"}' if question.method == "GET" else b"{}")


@dataclass
class Upstream:
    """A server that does what `serve` does with each connection."""

    serve: Serve
    port: int = 0
    connections: int = 0
    _server: asyncio.Server | None = None

    async def start(self, pair: KeyPair | None) -> None:
        """Listen, over TLS where there is a certificate."""
        context = None
        if pair is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(pair.certificate, pair.key)

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            try:
                await self.serve(reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        self._server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Accept no more connections."""
        if self._server is not None:
            self._server.close()


@dataclass
class Client:
    """A client of the proxy."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        async with asyncio.timeout(SECONDS):
            return await self.reader.readuntil(END)

    async def exactly(self, count: int) -> bytes:
        async with asyncio.timeout(SECONDS):
            return await self.reader.readexactly(count)

    async def rest(self) -> bytes:
        async with asyncio.timeout(SECONDS):
            return await self.reader.read()

    async def secure(self) -> Self:
        """Go on over TLS as git does: whatever certificate is shown."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        await self.writer.start_tls(context)
        return self


@dataclass
class Wire:
    """The proxy, with a repository `/lab/data` at the server on `port`."""

    trust: ssl.SSLContext
    idle_seconds: float = 600.0
    scheme: str = "https"
    allowed: str = ""
    """Hosts that may get the token without TLS."""
    port: int = 0
    _server: asyncio.Server | None = None
    _clients: list[Client] = field(default_factory=list)

    async def start(self, upstream_port: int) -> None:
        """Listen."""
        repositories = (Repository(Origin(self.scheme, "localhost", upstream_port), ("lab", "data"), "forge"),)
        settings = Settings(providers={"forge": "http://renku/token"}, renku=RenkuTokens("a", "b", "http://renku/"))
        site = Site(
            repositories,
            Tokens(settings, renku, lambda: 0.0),
            self.trust,
            clear_text=clear_text.parse(self.allowed),
            idle_seconds=self.idle_seconds,
        )
        bounds = Bounds(PROXY.most, MAX_HEAD, self.idle_seconds)
        proxy = Proxy(site, certificate.server_side(("localhost",)))
        self._server = await asyncio.start_server(Crowd(proxy.handle, bounds), "127.0.0.1", 0, limit=MAX_HEAD)
        self.port = self._server.sockets[0].getsockname()[1]

    async def client(self) -> Client:
        """Connect to the proxy."""
        made = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self._clients.append(made)
        return made

    async def tunnel(self, port: int, host: str = "localhost") -> Client:
        """Connect through the proxy."""
        made = await self.client()
        await made.send(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        assert b" 200 " in await made.head()
        return made

    def stop(self) -> None:
        """Hang up."""
        for client in self._clients:
            client.writer.transport.abort()
        if self._server is not None:
            self._server.close()


MakesWire = Callable[[ssl.SSLContext], Wire]
Begin = Callable[..., Awaitable[tuple[Wire, Upstream]]]
"""The fixture `begin`."""


async def intercepted(wire: Wire, upstream: Upstream) -> Client:
    return await (await wire.tunnel(upstream.port)).secure()


def faults_of_the_proxy() -> list[object]:
    """Return a list that will hold what the proxy raises, which must be nothing."""
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    return faults


def answering(answer: bytes, seen: list[bytes]) -> Serve:
    """Answer every request that has no body."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append(await reader.readuntil(END))
            writer.write(answer)
            await writer.drain()

    return serve

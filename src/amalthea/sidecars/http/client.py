"""The HTTP client of all programs here: one request of a sidecar to a server, and its whole answer.

Whom it trusts is up to `trust.py`, the way to the server to `network.py`, and how answers are read to `http1.py`. A GET
follows redirects within its origin; nothing else is sent anywhere but to its address. Streams of git pass the git proxy
by themselves, on the same connections (`peer.py`).
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from amalthea import __version__
from amalthea.sidecars import token_expiry
from amalthea.sidecars.http import http1, origins, peer
from amalthea.sidecars.http.messages import Answer, Question, read_retry_after
from amalthea.sidecars.http.network import Network, WebProxy
from amalthea.sidecars.http.origins import Origin
from amalthea.sidecars.http.peer import Peer

REDIRECTS = 5
_MOVED = (301, 302, 303, 307, 308)
_SAFE = "!#$%&'()*+,/:;=?@[]~"
"""Punctuation of URLs: what is percent-encoded already stays as it is."""


class NoAnswer(Exception):  # noqa: N818  (named by what happened)
    """A request without a whole answer. The message is a sentence that names the server, and shows no secret."""


@dataclass(frozen=True)
class Limits:
    """The limits of each request."""

    total: float = 30.0
    """Seconds for the request and its whole answer, redirects included."""
    connect: float = 10.0
    """Seconds for a connection."""
    body: int = 1024 * 1024
    """Bytes of an answer's body."""
    keep: float = 0.0
    """Seconds for which a connection is kept for the next GET; 0: each request has its own."""


class HttpClient:
    """Asks servers. Whoever has it keep connections closes it at the end."""

    def __init__(self, trust: ssl.SSLContext, network: Network, limits: Limits = Limits()) -> None:
        self._trust = trust
        self._network = network
        self._limits = limits
        self._kept: dict[Origin, tuple[Peer, float]] = {}

    def close(self) -> None:
        """End the connections that are kept."""
        for connection, _ in self._kept.values():
            connection.abort()
        self._kept.clear()

    async def __call__(self, question: Question) -> Answer:
        """Ask once; raise NoAnswer. A GET that meets a kept connection just closed is sent again on a new one."""
        address = question.address
        server = origins.of_url(address)
        host = server.host if server is not None else "The server"
        with _explained(host, self._limits.body):
            async with asyncio.timeout(self._limits.total):
                for _ in range(REDIRECTS + 1):
                    answer, location = await self._ask(question, address)
                    if question.method != "GET" or answer.status not in _MOVED or not location:
                        return answer
                    address = _redirected(host, address, location)
        raise NoAnswer(f"{host} redirected the request more than {REDIRECTS} times.")

    async def _ask(self, question: Question, address: str) -> tuple[Answer, str]:
        server = origins.of_url(address)
        if server is None:
            raise OSError("its address is not a URL")
        proxy = self._network.plain_proxy(server)
        request = _encode(question, server, address, proxy, keeps=self._limits.keep > 0)
        kept = self._take(server) if question.method == "GET" else None
        if kept is not None:
            with contextlib.suppress(ConnectionError):  # the server has closed it just now
                return await self._exchange(kept, server, question.method, request)
        trust = self._trust if server.scheme == "https" else None
        dialled = await self._network.dial(
            proxy.server if proxy else server, trust, self._limits.connect, self._limits.total
        )
        return await self._exchange(dialled, server, question.method, request)

    async def _exchange(self, connection: Peer, server: Origin, method: str, request: bytes) -> tuple[Answer, str]:
        persists = False
        try:
            await connection.send(request)
            response = await _response(connection, method)
            body = await peer.whole(connection, response.framing, self._limits.body)
            persists = self._limits.keep > 0 and response.persists and response.framing != "until close"
        finally:
            if not persists:
                connection.abort()
        if persists:
            self._keep(server, connection)
        retry_after = read_retry_after(next(iter(response.values("retry-after")), None))
        return Answer(response.status, body, retry_after), next(iter(response.values("location")), "")

    def _keep(self, server: Origin, connection: Peer) -> None:
        if server in self._kept:
            connection.abort()
        else:
            self._kept[server] = (connection, time.monotonic())

    def _take(self, server: Origin) -> Peer | None:
        connection, since = self._kept.pop(server, (None, 0.0))
        if connection is not None and (connection.reader.at_eof() or time.monotonic() - since > self._limits.keep):
            connection.abort()
            return None
        return connection


async def _response(connection: Peer, method: str) -> http1.Response:
    """Read the head of an answer, past those that are only interim (1xx)."""
    while True:
        data = await connection.head(None)
        if not data:
            raise peer.Truncated("the connection ended without an answer")
        response = http1.read_response(data, method)
        if response.status >= 200:
            return response


def _encode(question: Question, server: Origin, address: str, proxy: WebProxy | None, *, keeps: bool) -> bytes:
    if question.bearer and not token_expiry.is_plain(question.bearer):
        raise NoAnswer(f"The token for {server.host} contains characters that a token cannot have.")
    fields = [
        *(("Host", server.authority), ("User-Agent", f"amalthea/{__version__}")),
        *(("Accept", "application/json"), ("Accept-Encoding", "identity")),
    ]
    if not keeps:
        fields.append(("Connection", "close"))
    if question.bearer:
        fields.append(("Authorization", f"Bearer {question.bearer}"))
    if proxy is not None and proxy.authorization:
        fields.append(("Proxy-Authorization", proxy.authorization))
    if question.body is not None:
        fields.append(("Content-Type", question.body.type))
    content = question.body.content if question.body is not None else b""
    if question.method != "GET":
        fields.append(("Content-Length", str(len(content))))
    parts = urlsplit(address)
    target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_SAFE)
    where = f"http://{server.authority}{target}" if proxy is not None else target
    return http1.Head(f"{question.method} {where} HTTP/1.1", 1, tuple(fields)).encode() + content


def _redirected(host: str, address: str, location: str) -> str:
    target = urljoin(address, quote(location, safe=_SAFE, encoding="latin-1"))
    if not origins.same_origin(address, target):
        raise NoAnswer(f"{host} redirected the request to another server, which must not get the token.")
    return target


@contextlib.contextmanager
def _explained(host: str, most: int) -> Iterator[None]:
    """Say in a sentence why there is no answer."""
    try:
        yield
    except TimeoutError:
        raise NoAnswer(f"{host} did not answer in time.") from None
    except ssl.SSLCertVerificationError as error:
        raise NoAnswer(f"The certificate of {host} is not trusted: {error.verify_message.rstrip('.')}.") from None
    except peer.TooLong:
        raise NoAnswer(f"{host} sent more than {most // 2**20} MiB at once.") from None
    except http1.BadMessage as error:
        raise NoAnswer(f"{host} sent an answer that cannot be read: {error}") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise NoAnswer(f"{host} cannot be reached ({why}).") from None

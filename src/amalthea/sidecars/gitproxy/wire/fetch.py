"""One HTTP request to the token issuers: small answers, no pool, no second attempt."""

import asyncio
import ssl
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import urljoin, urlsplit

from amalthea.sidecars.gitproxy.rules import matching
from amalthea.sidecars.http import http1, origins, peer
from amalthea.sidecars.http.network import Network

_PATIENCE = 15.0
_MAX_ANSWER = 1024 * 1024
_REDIRECTS = 5


class FetchError(Exception):
    """A request without an answer. The message says why, without any part of the question."""


@dataclass(frozen=True)
class Question:
    """A request: a form where there is a body."""

    method: str
    url: str
    bearer: str = field(default="", repr=False)
    form: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Answer:
    """The answer."""

    status: int
    body: bytes = field(repr=False)
    location: str = ""


class Fetch(Protocol):
    """Asks; raises FetchError."""

    async def __call__(self, question: Question) -> Answer: ...


class HttpFetch:
    """Asks over real connections, of which each serves one question."""

    def __init__(self, trust: ssl.SSLContext, network: Network) -> None:
        self._trust = trust
        self._network = network

    async def __call__(self, question: Question) -> Answer:
        """Ask. A GET follows redirects within its origin only, by the rule in `origins.py`; a POST follows none."""
        try:
            async with asyncio.timeout(_PATIENCE):
                for _ in range(_REDIRECTS):
                    answer = await self._ask(question)
                    if answer.status not in (301, 302, 303, 307, 308) or question.method != "GET":
                        return answer
                    question = _sent_on(question, answer.location)
        except TimeoutError:
            raise FetchError(f"no answer within {_PATIENCE:g} s") from None
        except ssl.SSLCertVerificationError as error:
            raise FetchError(f"its certificate is not trusted: {error.verify_message}") from None
        except (OSError, http1.BadMessage) as error:
            raise FetchError(str(error) or type(error).__name__) from None
        raise FetchError(f"redirected more than {_REDIRECTS} times")

    async def _ask(self, question: Question) -> Answer:
        parts = urlsplit(question.url)
        server = matching.origin(parts.scheme, parts.netloc)
        if server is None:
            raise FetchError("redirected to something that is not a URL")
        trust = self._trust if server.scheme == "https" else None
        connection = await self._network.dial(server, trust, _PATIENCE, _PATIENCE)
        try:
            await connection.send(_encode(question, server, parts.path, parts.query))
            return await _read(connection, question.method)
        finally:
            connection.abort()


def _encode(question: Question, server: matching.Origin, path: str, query: str) -> bytes:
    fields = [("Host", server.authority), ("Accept", "application/json"), ("Connection", "close")]
    if question.bearer:
        fields.append(("Authorization", f"Bearer {question.bearer}"))
    if question.form:
        fields.append(("Content-Type", "application/x-www-form-urlencoded"))
        fields.append(("Content-Length", str(len(question.form))))
    target = (path or "/") + (f"?{query}" if query else "")
    return http1.Head(f"{question.method} {target} HTTP/1.1", 1, tuple(fields)).encode() + question.form


async def _read(connection: peer.Peer, method: str) -> Answer:
    response = http1.read_response(await connection.head(_PATIENCE), method)
    body = await peer.whole(connection, response.framing, _MAX_ANSWER)
    return Answer(response.status, body, next(iter(response.values("location")), ""))


def _sent_on(question: Question, location: str) -> Question:
    url = urljoin(question.url, location)
    if not origins.same_origin(question.url, url):
        raise FetchError("redirected to another server, which the token is not for")
    return replace(question, url=url)

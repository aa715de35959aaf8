"""Questions for tokens carry secrets: they must reach the server that is trusted, and no answer may do harm."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from amalthea.sidecars.gitproxy.wire.fetch import FetchError, HttpFetch, Question
from amalthea.sidecars.http.network import Network
from lab.pki import Authority
from tests.sidecars.gitproxy.wire import END, Upstream

Answering = Callable[..., Awaitable[tuple[Upstream, list[bytes]]]]
BEARER = "the-secret"


@pytest.fixture
async def answering() -> AsyncIterator[Answering]:
    """Start a server that gives one answer after the other."""
    started: list[Upstream] = []

    async def start(*answers: bytes, of: Authority | None = None) -> tuple[Upstream, list[bytes]]:
        seen: list[bytes] = []
        left = iter(answers)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(await reader.readuntil(END))
            writer.write(next(left))
            await writer.drain()

        upstream = Upstream(serve)
        await upstream.start(of.server("renku", ["localhost"]) if of else None)
        started.append(upstream)
        return upstream, seen

    yield start
    for upstream in started:
        upstream.stop()


def fetch_of(authority: Authority) -> HttpFetch:
    trust = ssl.create_default_context(cafile=str(authority.pair.certificate))
    trust.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return HttpFetch(trust, Network())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
    ],
    ids=["length", "chunks", "until close"],
)
async def test_an_answer_is_read_however_long_it_says_to_be(
    answering: Answering, authority: Authority, answer: bytes
) -> None:
    server, seen = await answering(answer, of=authority)
    given = await fetch_of(authority)(Question("GET", f"https://localhost:{server.port}/token?x=1", bearer=BEARER))
    assert (given.status, given.body) == (200, b"hello")
    assert seen[0].startswith(b"GET /token?x=1 HTTP/1.1\r\n")
    assert f"Authorization: Bearer {BEARER}\r\n".encode() in seen[0]


async def test_the_token_goes_along_where_the_server_sends_it_on(answering: Answering, authority: Authority) -> None:
    found = b"HTTP/1.1 307 Go on\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
    server, seen = await answering(found, b"HTTP/1.0 200 OK\r\n\r\n")
    await fetch_of(authority)(Question("GET", f"http://localhost:{server.port}/here", bearer=BEARER))
    assert [BEARER.encode() in head for head in seen] == [True, True]


async def test_another_server_never_sees_the_token_that_a_redirect_would_take_there(
    answering: Answering, authority: Authority
) -> None:
    other, seen = await answering(b"HTTP/1.0 200 OK\r\n\r\n", of=authority)
    found = b"HTTP/1.1 307 Go on\r\nLocation: https://localhost:%d/\r\nContent-Length: 0\r\n\r\n" % other.port
    server, _ = await answering(found, of=authority)
    with pytest.raises(FetchError, match="another server"):
        await fetch_of(authority)(Question("GET", f"https://localhost:{server.port}/", bearer=BEARER))
    assert seen == []


async def test_a_renewal_is_not_sent_on_at_all(answering: Answering, authority: Authority) -> None:
    found = b"HTTP/1.1 307 Go on\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
    server, seen = await answering(found, b"HTTP/1.0 200 OK\r\n\r\n", of=authority)
    given = await fetch_of(authority)(Question("POST", f"https://localhost:{server.port}/", form=b"refresh_token=x"))
    assert (given.status, len(seen)) == (307, 1)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 302 Go on\r\nLocation: http://localhost:1/\r\nContent-Length: 0\r\n\r\n", "another server"),
        (b"HTTP/1.1 302 Go on\r\nLocation: ftp:\r\nContent-Length: 0\r\n\r\n", "another server"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "too long"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "ended within a body"),
        (b"nonsense\r\n\r\n", "status line"),
    ],
    ids=["to plain HTTP", "to no URL", "too long", "broken off", "no HTTP"],
)
async def test_an_answer_that_cannot_be_used_is_an_error_without_the_token(
    answering: Answering, authority: Authority, answer: bytes, why: str
) -> None:
    server, _ = await answering(answer, of=authority)
    with pytest.raises(FetchError, match=why) as error:
        await fetch_of(authority)(Question("GET", f"https://localhost:{server.port}/", bearer=BEARER))
    assert BEARER not in str(error.value)


async def test_a_server_with_a_wrong_certificate_is_not_asked(
    answering: Answering, authority: Authority, tmp_path: Path
) -> None:
    server, seen = await answering(b"", of=Authority(tmp_path / "stranger"))
    with pytest.raises(FetchError, match="not trusted"):
        await fetch_of(authority)(Question("POST", f"https://localhost:{server.port}/", form=b"refresh_token=x"))
    assert seen == []

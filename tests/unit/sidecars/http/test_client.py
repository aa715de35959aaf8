"""Requests carry secrets: they must reach the server that is trusted, once where it counts, and no answer may harm."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from amalthea.sidecars.http.client import HttpClient, Limits, NoAnswer
from amalthea.sidecars.http.messages import Body, Question
from amalthea.sidecars.http.network import Network, WebProxy
from amalthea.sidecars.http.origins import Origin
from lab.base.pki import Authority
from tests.sidecars.gitproxy.wire import END, Upstream

Answering = Callable[..., Awaitable[tuple[Upstream, list[bytes]]]]
BEARER = "the-secret"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
FORM = Body(b"refresh_token=x", "application/x-www-form-urlencoded")
KEEPING = Limits(keep=15.0)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def answering() -> AsyncIterator[Answering]:
    """Start a server that gives one answer after the other, on each connection `each` of them."""
    started: list[Upstream] = []

    async def start(
        *answers: bytes, of: Authority | None = None, each: int = 1, name: str = "localhost"
    ) -> tuple[Upstream, list[bytes]]:
        seen: list[bytes] = []
        left = iter(answers)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for _ in range(each):
                seen.append(await reader.readuntil(END))
                writer.write(next(left))
                await writer.drain()

        upstream = Upstream(serve)
        await upstream.start(of.server(f"of-{name}", [name]) if of else None)
        started.append(upstream)
        return upstream, seen

    yield start
    for upstream in started:
        upstream.stop()


def client_of(authority: Authority, limits: Limits = Limits()) -> HttpClient:  # noqa: B008
    trust = ssl.create_default_context(cafile=str(authority.pair.certificate))
    trust.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return HttpClient(trust, Network(), limits)


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK,
    ],
    ids=["length", "chunks", "until close", "after an interim one"],
)
async def test_an_answer_is_read_however_long_it_says_to_be(
    answering: Answering, authority: Authority, answer: bytes
) -> None:
    server, seen = await answering(answer, of=authority)
    given = await client_of(authority)(Question("GET", f"https://localhost:{server.port}/token?x=1", bearer=BEARER))
    assert (given.status, given.body) == (200, b"hello")
    assert seen[0].startswith(b"GET /token?x=1 HTTP/1.1\r\n")
    assert f"Authorization: Bearer {BEARER}\r\n".encode() in seen[0]


async def test_the_token_goes_along_where_the_server_sends_it_on(answering: Answering, authority: Authority) -> None:
    found = b"HTTP/1.1 307 Go on\r\nLocation: /there\xe4\r\nContent-Length: 0\r\n\r\n"
    server, seen = await answering(found, b"HTTP/1.0 200 OK\r\n\r\n")
    await client_of(authority)(Question("GET", f"http://localhost:{server.port}/here", bearer=BEARER))
    assert [BEARER.encode() in head for head in seen] == [True, True]
    assert seen[1].startswith(b"GET /there%E4 HTTP/1.1\r\n")


async def test_another_server_never_sees_the_token_that_a_redirect_would_take_there(
    answering: Answering, authority: Authority
) -> None:
    other, seen = await answering(b"HTTP/1.0 200 OK\r\n\r\n", of=authority)
    found = b"HTTP/1.1 307 Go on\r\nLocation: https://localhost:%d/\r\nContent-Length: 0\r\n\r\n" % other.port
    server, _ = await answering(found, of=authority)
    with pytest.raises(NoAnswer, match="another server, which must not get the token"):
        await client_of(authority)(Question("GET", f"https://localhost:{server.port}/", bearer=BEARER))
    assert seen == []


async def test_a_circle_of_redirects_ends(answering: Answering, authority: Authority) -> None:
    found = b"HTTP/1.1 302 Go on\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
    server, seen = await answering(*([found] * 10))
    with pytest.raises(NoAnswer, match=r"localhost redirected the request more than 5 times\."):
        await client_of(authority)(Question("GET", f"http://localhost:{server.port}/"))
    assert len(seen) == 6


async def test_a_renewal_is_not_sent_on_at_all(answering: Answering, authority: Authority) -> None:
    found = b"HTTP/1.1 307 Go on\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
    server, seen = await answering(found, b"HTTP/1.0 200 OK\r\n\r\n", of=authority)
    given = await client_of(authority)(Question("POST", f"https://localhost:{server.port}/", body=FORM))
    assert (given.status, len(seen)) == (307, 1)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 302 Go on\r\nLocation: http://localhost:1/\r\nContent-Length: 0\r\n\r\n", "another server"),
        (b"HTTP/1.1 302 Go on\r\nLocation: ftp:\r\nContent-Length: 0\r\n\r\n", "another server"),
        (b"HTTP/1.1 302 Go on\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n", "cannot be reached"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "localhost sent more than 1 MiB at once"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "ended within a body"),
        (b"nonsense\r\n\r\n", "localhost sent an answer that cannot be read: The status line cannot be read"),
        (b"", "the connection ended without an answer"),
    ],
    ids=["to plain HTTP", "to no URL", "to half a URL", "too long", "broken off", "no HTTP", "none"],
)
async def test_an_answer_that_cannot_be_used_is_an_error_without_the_token(
    answering: Answering, authority: Authority, answer: bytes, why: str
) -> None:
    server, _ = await answering(answer, of=authority)
    with pytest.raises(NoAnswer, match=why) as error:
        await client_of(authority)(Question("GET", f"https://localhost:{server.port}/?{BEARER}", bearer=BEARER))
    assert BEARER not in str(error.value)


@pytest.mark.parametrize("address", ["https://[bad/", "ftp://localhost/", "https://me@localhost/", "", "https://a..b/"])
async def test_an_address_that_is_none_is_no_crash(authority: Authority, address: str) -> None:
    with pytest.raises(NoAnswer, match=r"cannot be reached \("):
        await client_of(authority)(Question("GET", address, bearer=BEARER))


async def test_a_token_with_a_line_break_does_not_become_a_field_of_its_own(authority: Authority) -> None:
    with pytest.raises(NoAnswer, match="characters that a token cannot have") as error:
        await client_of(authority)(Question("GET", "http://localhost:1/", bearer="hush\r\nX-Forwarded-For: me"))
    assert "hush" not in str(error.value)


async def test_a_server_with_a_wrong_certificate_is_not_asked(
    answering: Answering, authority: Authority, tmp_path: Path
) -> None:
    server, seen = await answering(b"", of=Authority(tmp_path / "stranger"))
    with pytest.raises(NoAnswer, match="The certificate of localhost is not trusted: "):
        await client_of(authority)(Question("POST", f"https://localhost:{server.port}/", body=FORM))
    assert seen == []


async def test_a_server_that_keeps_silent_is_given_up(authority: Authority) -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    upstream = Upstream(silent)
    await upstream.start(None)
    with pytest.raises(NoAnswer, match=r"^localhost did not answer in time\.$"):
        await client_of(authority, Limits(total=0.2))(Question("GET", f"http://localhost:{upstream.port}/"))
    upstream.stop()


async def test_a_kept_connection_serves_the_next_question_and_ends_with_the_client(
    answering: Answering, authority: Authority
) -> None:
    server, seen = await answering(OK, OK, of=authority, each=2)
    client = client_of(authority, KEEPING)
    for _ in range(2):
        assert (await client(Question("GET", f"https://localhost:{server.port}/"))).body == b"hello"
    client.close()
    assert (server.connections, len(seen)) == (1, 2)


async def test_a_kept_connection_that_the_server_has_closed_costs_nobody_an_answer(
    answering: Answering, authority: Authority
) -> None:
    server, seen = await answering(OK, OK)
    client = client_of(authority, KEEPING)
    for _ in range(2):
        assert (await client(Question("GET", f"http://localhost:{server.port}/"))).body == b"hello"
    client.close()
    assert (server.connections, len(seen)) == (2, 2)


async def test_what_must_not_be_sent_twice_never_takes_a_kept_connection(
    answering: Answering, authority: Authority
) -> None:
    server, seen = await answering(OK, OK, each=2)
    client = client_of(authority, KEEPING)
    await client(Question("GET", f"http://localhost:{server.port}/"))
    await client(Question("POST", f"http://localhost:{server.port}/", body=FORM))
    client.close()
    assert server.connections == 2
    assert b"Content-Length: 15\r\n" in seen[1]


async def test_without_leave_to_keep_it_a_connection_ends_with_its_answer(
    answering: Answering, authority: Authority
) -> None:
    server, seen = await answering(OK, OK, each=2)
    client = client_of(authority)
    for _ in range(2):
        await client(Question("GET", f"http://localhost:{server.port}/"))
    assert server.connections == 2
    assert all(b"Connection: close\r\n" in head for head in seen)


async def test_a_request_without_tls_goes_to_the_networks_proxy_which_is_told_where_to(
    answering: Answering, authority: Authority
) -> None:
    proxy, seen = await answering(OK)
    network = Network(plain=WebProxy(Origin("http", "localhost", proxy.port), "Basic aHVzaA=="))
    trust = client_of(authority)._trust
    assert (await HttpClient(trust, network)(Question("GET", "http://far.example.org:81/x?y"))).body == b"hello"
    assert seen[0].startswith(b"GET http://far.example.org:81/x?y HTTP/1.1\r\nHost: far.example.org:81\r\n")
    assert b"Proxy-Authorization: Basic aHVzaA==\r\n" in seen[0]


async def test_a_request_over_tls_goes_through_the_networks_proxy_which_reads_none_of_it(
    answering: Answering, authority: Authority
) -> None:
    server, seen = await answering(OK, of=authority, name="far.example.org")
    passed = bytearray()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed.extend(await reader.readuntil(END))
        far_reader, far = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"HTTP/1.1 200 Yes\r\n\r\n")

        async def back() -> None:
            while data := await far_reader.read(65536):
                writer.write(data)

        async with asyncio.TaskGroup() as both:
            both.create_task(back())
            while data := await reader.read(65536):
                passed.extend(data)
                far.write(data)
            far.close()

    proxy = Upstream(connect)
    await proxy.start(None)
    network = Network(WebProxy(Origin("http", "localhost", proxy.port), "Basic aHVzaA=="))
    client = HttpClient(client_of(authority)._trust, network)
    assert (await client(Question("GET", "https://far.example.org/", bearer=BEARER))).body == b"hello"
    proxy.stop()
    assert passed.startswith(b"CONNECT far.example.org:443 HTTP/1.1\r\nHost: far.example.org:443\r\n")
    assert b"Proxy-Authorization: Basic aHVzaA==\r\n" in passed
    assert BEARER.encode() in seen[0]
    assert BEARER.encode() not in passed

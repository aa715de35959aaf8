"""Requests that may be sent back, redirected or read on the way get no token, and pass all the same."""

import asyncio
from functools import partial

import pytest

from tests.sidecars.gitproxy.wire import BASIC, END, GET, OK, Begin, Wire, answering, intercepted

UNAUTHORIZED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
HTTP = b"GET http://localhost:%d/lab/data/info/refs HTTP/1.1\r\nHost: x\r\n"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with the request, as RFC 9110 wants it for TRACE."""
    while True:
        head = await reader.readuntil(END)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: message/http\r\nContent-Length: %d\r\n\r\n" % len(head) + head)
        await writer.drain()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"GET ", b"TRACE "),
        (b"GET ", b"trace "),
        (b"\r\nHost", b"\r\nX-HTTP-Method-Override: TRACE\r\nHost"),
        (b"\r\nHost", b"\r\nX-Original-URL: /debug\r\nHost"),
        (b"/info/refs", b"/..%20/..%20/debug"),
        (b"/info/refs", b"/%c0%ae%c0%ae/debug"),
        (b"/info/refs", b"/\xc0\xae\xc0\xae/debug"),
    ],
    ids=["TRACE", "small letters", "override", "original URL", "blank", "overlong", "raw bytes"],
)
async def test_the_session_cannot_have_the_token_sent_back(begin: Begin, old: bytes, new: bytes) -> None:
    wire, upstream = await begin(echo)
    client = await intercepted(wire, upstream)
    await client.send((GET % upstream.port).replace(old, new, 1))
    assert (await client.head()).startswith(b"HTTP/1.1 200 ")
    sent = await client.head()
    assert new in sent
    assert b"authorization" not in sent.lower()


async def test_a_repository_without_tls_gets_no_token_and_git_hears_why(begin: Begin) -> None:
    seen: list[bytes] = []
    wire, upstream = await begin(answering(UNAUTHORIZED, seen), tls=False, made=partial(Wire, scheme="http"))
    client = await wire.client()
    await client.send(HTTP % upstream.port + b"\r\n")
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"is not encrypted, so your token is not sent there" in answer
    assert b"GIT_PROXY_ALLOW_HTTP_HOSTS" in answer
    assert b"authorization" not in seen[0].lower()


@pytest.mark.parametrize(
    ("answer", "more"),
    [(OK, b""), (UNAUTHORIZED, b"Authorization: Basic bWluZQ==\r\n")],
    ids=["open", "own credentials"],
)
async def test_without_tls_all_that_needs_no_token_passes(begin: Begin, answer: bytes, more: bytes) -> None:
    wire, upstream = await begin(answering(answer, []), tls=False, made=partial(Wire, scheme="http"))
    client = await wire.client()
    await client.send(HTTP % upstream.port + more + b"\r\n")
    assert await client.exactly(len(answer)) == answer


async def test_a_listed_host_gets_the_token_without_tls(begin: Begin) -> None:
    seen: list[bytes] = []
    wire, upstream = await begin(answering(OK, seen), tls=False, made=partial(Wire, scheme="http", allowed="localhost"))
    client = await wire.client()
    await client.send(HTTP % upstream.port + b"\r\n")
    await client.head()
    assert BASIC in seen[0]


async def test_trailers_never_reach_a_server_that_may_take_them_for_fields(begin: Begin) -> None:
    bodies: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(END)
        bodies.append(await reader.readuntil(END))
        writer.write(OK)
        await writer.drain()
        await reader.read()

    wire, upstream = await begin(serve)
    client = await intercepted(wire, upstream)
    post = (GET % upstream.port).replace(b"GET", b"POST")[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"
    await client.send(post + b"2\r\nhi\r\n0\r\nX-Original-URL: /debug\r\nA: b\n\nGET /evil HTTP/1.1\r\n\r\n")
    assert await client.head() + await client.exactly(2) == OK
    assert bodies == [b"2\r\nhi\r\n0\r\n\r\n"]


async def test_a_change_of_protocol_that_nobody_asked_for_is_refused(begin: Begin) -> None:
    wire, upstream = await begin(answering(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", []))
    client = await intercepted(wire, upstream)
    await client.send(GET % upstream.port)
    assert (await client.rest()).startswith(b"HTTP/1.1 502 ")


async def test_a_request_that_asks_to_change_the_protocol_carries_no_token(begin: Begin) -> None:
    seen: list[bytes] = []
    wire, upstream = await begin(answering(OK, seen))
    client = await intercepted(wire, upstream)
    await client.send(GET[:-2] % upstream.port + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n")
    await client.head()
    assert b"authorization" not in seen[0].lower()

"""Byte by byte: what a client, a provider or somebody in between may do must harm neither the token nor the session."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from amalthea.sidecars.http import peer
from amalthea.testing.waiting import eventually
from lab.base.pki import Authority
from tests.sidecars.gitproxy.wire import BASIC, END, GET, OK, Begin, Wire, answering, faults_of_the_proxy, intercepted

MEBIBYTE = 2**20


async def test_requests_of_one_connection_share_one_to_the_server_and_each_carries_the_token(begin: Begin) -> None:
    seen: list[bytes] = []
    wire, upstream = await begin(answering(OK, seen))
    client = await intercepted(wire, upstream)
    for _ in range(3):
        await client.send(GET % upstream.port)
        assert await client.head() + await client.exactly(2) == OK
    assert (upstream.connections, [BASIC in head for head in seen]) == (1, [True] * 3)


async def test_a_question_on_a_connection_that_the_server_has_just_closed_is_asked_again(begin: Begin) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(END)
        writer.write(OK)
        await reader.readuntil(END)  # the next question, which gets no answer

    wire, upstream = await begin(once)
    client = await intercepted(wire, upstream)
    for _ in range(2):
        await client.send(GET % upstream.port)
        assert await client.head() + await client.exactly(2) == OK
    assert upstream.connections == 2


async def test_a_credential_of_the_client_is_replaced_and_not_added_to(begin: Begin) -> None:
    seen: list[bytes] = []
    wire, upstream = await begin(answering(OK, seen))
    client = await intercepted(wire, upstream)
    await client.send(GET[:-4] % upstream.port + b"\r\nauthorization: Basic bWluZQ==" + END)
    await client.head()
    assert (seen[0].lower().count(b"authorization"), BASIC in seen[0]) == (1, True)


async def test_a_server_with_a_wrong_certificate_never_sees_the_token(begin: Begin, tmp_path: Path) -> None:
    seen: list[bytes] = []
    stranger = Authority(tmp_path / "stranger")
    for of, host in ((stranger, "localhost"), (None, "other.example.org")):
        given = {"of": of} if of else {}
        wire, upstream = await begin(answering(OK, seen), host=host, **given)
        client = await intercepted(wire, upstream)
        await client.send(GET % upstream.port)
        answer = await client.rest()
        assert answer.startswith(b"HTTP/1.1 502 ")
        assert b"The certificate of localhost is not trusted" in answer
    assert seen == []


async def test_a_server_that_hangs_is_given_up_with_a_sentence(begin: Begin) -> None:
    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    wire, upstream = await begin(hang, made=partial(Wire, idle_seconds=0.2))
    client = await intercepted(wire, upstream)
    await client.send(GET % upstream.port)
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 504 ")
    assert b"localhost does not answer" in answer


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"], ids=repr)
async def test_an_answer_that_is_none_is_told_as_such(begin: Begin, answer: bytes) -> None:
    wire, upstream = await begin(answering(answer, []))
    client = await intercepted(wire, upstream)
    await client.send(GET % upstream.port)
    assert (await client.rest()).startswith(b"HTTP/1.1 502 ")


async def test_an_answer_that_breaks_off_is_not_taken_for_whole(begin: Begin) -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(END)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await writer.drain()

    wire, upstream = await begin(break_off)
    client = await intercepted(wire, upstream)
    await client.send(GET % upstream.port)
    await client.head()
    assert await client.exactly(10) == b"5\r\nhello\r\n"
    assert await client.rest() == b""  # and no last chunk


async def test_a_slow_reader_slows_the_server_and_fills_no_memory(begin: Begin) -> None:
    total, sent = 64 * MEBIBYTE, 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(END)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        while sent < total:
            writer.write(bytes(MEBIBYTE))
            await writer.drain()
            sent += MEBIBYTE

    wire, upstream = await begin(flood)
    client = await intercepted(wire, upstream)
    await client.send(GET % upstream.port)
    await client.head()
    last = -1

    def stalled() -> bool:
        nonlocal last
        before, last = last, sent
        return before == sent > 0

    await eventually(stalled)
    assert sent < total / 2, f"{sent / MEBIBYTE:.0f} MiB were taken from the server, and nobody reads them"
    for _ in range(total // MEBIBYTE):
        await client.exactly(MEBIBYTE)
    assert sent == total


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (b"Content-Length: 3\r\nTransfer-Encoding: chunked", b"400"),
        (b"Content-Length: 3\r\nContent-Length: 4", b"400"),
        (b"Content-Length: 39\r\nTransfer_Encoding: chunked", b"400"),
        (b"Transfer-Encoding: xchunked", b"501"),
        (b"X: " + b"x" * 70000, b"431"),
        (b"Host: elsewhere.example.org", b"421"),
    ],
    ids=["two lengths", "two numbers", "look-alike", "unknown coding", "large head", "two hosts"],
)
async def test_a_request_within_a_request_never_reaches_the_server(begin: Begin, fields: bytes, status: bytes) -> None:
    seen: list[bytes] = []
    wire, upstream = await begin(answering(OK, seen))
    client = await intercepted(wire, upstream)
    await client.send(GET[:-4] % upstream.port + b"\r\n" + fields + END + b"GET /lab/data/evil HTTP/1.1\r\n\r\n")
    assert (await client.rest()).startswith(b"HTTP/1.1 " + status)
    assert seen == []


async def test_a_client_that_waits_to_send_its_body_is_told_when_it_may(begin: Begin) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(END)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readuntil(b"0\r\n\r\n") == b"5\r\nhello\r\n0\r\n\r\n"
        writer.write(OK)
        await writer.drain()
        await reader.read()

    wire, upstream = await begin(serve)
    client = await intercepted(wire, upstream)
    post = GET.replace(b"GET", b"POST")[:-4] % upstream.port
    await client.send(post + b"\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
    assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"5\r\nhello\r\n0\r\n\r\n")
    assert await client.head() + await client.exactly(2) == OK


async def test_a_server_that_answers_before_the_upload_is_done_is_heard(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "_LINGER_SECONDS", 0.2)
    faults = faults_of_the_proxy()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(END)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await reader.read()

    wire, upstream = await begin(refuse)
    client = await intercepted(wire, upstream)
    await client.send(GET.replace(b"GET", b"POST")[:-4] % upstream.port + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    await client.send(b"5\r\nhello\r\n")
    answer = await client.head()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in answer
    await client.send(b"5\r\nhello\r\n")  # is still taken: else the client may lose the answer
    assert await client.rest() == b""
    assert faults == []


async def test_a_client_that_goes_away_in_an_upload_leaves_no_connection_behind(begin: Begin) -> None:
    ended = asyncio.Event()

    async def take(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        finally:
            ended.set()

    wire, upstream = await begin(take)
    client = await intercepted(wire, upstream)
    await client.send(GET.replace(b"GET", b"POST")[:-4] % upstream.port + b"\r\nContent-Length: 99999999\r\n\r\nxxx")
    client.writer.transport.abort()
    async with asyncio.timeout(5):
        await ended.wait()


async def test_bytes_to_any_other_host_pass_untouched_both_ways(begin: Begin) -> None:
    received = b""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        while data := await reader.read(65536):
            received += data
            writer.write(data[::-1])
        writer.write(b"bye")
        await writer.drain()

    wire, upstream = await begin(echo, tls=False)
    client = await wire.tunnel(upstream.port, host="127.0.0.1")
    upgrade = b"GET /lab/data HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    await client.send(upgrade)
    assert await client.exactly(len(upgrade)) == upgrade[::-1]
    await client.send(b"\x00\xff\x82")
    assert await client.exactly(3) == b"\x82\xff\x00"
    client.writer.write_eof()
    assert await client.rest() == b"bye"
    assert received == upgrade + b"\x00\xff\x82"


async def test_a_connection_that_changes_its_protocol_goes_on_as_bytes(begin: Begin) -> None:
    async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(END)
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
        writer.write((await reader.readexactly(3))[::-1])
        await writer.drain()
        await reader.read()

    wire, upstream = await begin(upgrade)
    client = await intercepted(wire, upstream)
    await client.send(GET[:-4] % upstream.port + b"\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
    assert b" 101 " in await client.head()
    await client.send(b"abc")
    assert await client.exactly(3) == b"cba"


async def test_http_without_tls_is_passed_on_without_a_token(begin: Begin) -> None:
    seen: list[bytes] = []
    wire, upstream = await begin(answering(OK, seen), tls=False)
    client = await wire.client()
    await client.send(b"GET http://localhost:%d/lab/data HTTP/1.1\r\nHost: x\r\n\r\n" % upstream.port)
    assert await client.head() + await client.exactly(2) == OK
    assert seen == [b"GET /lab/data HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % upstream.port]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"CONNECT a..b:443 HTTP/1.1\r\n\r\n", b"502"),
        (b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n", b"502"),
        (b"CONNECT nowhere HTTP/1.1\r\n\r\n", b"400"),
        (b"\x16\x03\x01\r\n\r\n", b"400"),
    ],
    ids=["for itself", "no name", "nobody there", "no port", "no HTTP"],
)
async def test_what_cannot_be_served_is_answered_with_a_sentence(begin: Begin, request_: bytes, status: bytes) -> None:
    wire, _ = await begin(answering(OK, []))
    client = await wire.client()
    await client.send(request_)
    client.writer.write_eof()
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert answer.endswith(b".\n")

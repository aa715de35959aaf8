"""A server that copies the request's credential into its answer must not hand the token to the session."""

import asyncio
import json

import pytest

from amalthea.sidecars.http import peer
from tests.sidecars.gitproxy.wire import BASIC, END, GET, OK, Begin, Serve, answering, faults_of_the_proxy, intercepted

CREDENTIAL = BASIC.partition(b": ")[2]
BODY = b'{"operation": "download"}'
BATCH = (
    b"POST /lab/data.git/info/lfs/objects/batch HTTP/1.1\r\nHost: localhost:%d\r\nAccept-Encoding: gzip\r\n"
    b"Content-Length: 25\r\n\r\n" + BODY
)
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.git-lfs+json\r\n"


def batch(head: bytes, body: bytes, seen: list[bytes]) -> Serve:
    """Answer every batch."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append(await reader.readuntil(END))
            assert await reader.readexactly(len(BODY)) == BODY
            writer.write(head + END + body)
            await writer.drain()
            if b"Content-Length" not in head and b"chunked" not in head:
                return

    return serve


def chunked(body: bytes) -> bytes:
    return b"".join(b"1\r\n%c\r\n" % each for each in body) + b"0\r\nX-Trailer: y\r\n\r\n"


@pytest.mark.parametrize("framing", ["length", "chunked", "until close"])
async def test_the_session_never_reads_the_token_in_a_batch(begin: Begin, framing: str) -> None:
    href = "https://localhost/lab/data.git/info/lfs/objects/1"
    header = {"Authorization": CREDENTIAL.decode(), "Accept": "x"}
    body = json.dumps({"objects": [{"actions": {"download": {"href": href, "header": header}}}]}).encode()
    answers = {
        "length": (JSON + b"Content-Length: %d" % len(body), body),
        "chunked": (JSON + b"Transfer-Encoding: chunked", chunked(body)),
        "until close": (JSON + b"Connection: close", body),
    }
    seen: list[bytes] = []
    wire, upstream = await begin(batch(*answers[framing], seen))
    client = await intercepted(wire, upstream)
    for _ in range(1 if framing == "until close" else 2):  # what follows on the same connection is read right
        await client.send(BATCH % upstream.port)
        head = await client.head()
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        got = json.loads(await client.exactly(length))
        assert got == {"objects": [{"actions": {"download": {"href": href, "header": {"Accept": "x"}}}}]}
        assert b"chunked" not in head
    assert all(BASIC in each and b"Accept-Encoding: identity" in each and b"gzip" not in each for each in seen)


@pytest.mark.parametrize(
    ("head", "body", "why"),
    [
        (JSON + b"Transfer-Encoding: chunked", chunked(b'{"echo": "token-1"}'), b"sent your token back"),
        (JSON + b"Content-Length: 9\r\nContent-Encoding: gzip", b"\x1f\x8b-------", b"cannot be searched"),
        (JSON + b"Content-Length: 1048577", b"", b"too long"),
        (JSON + b"Transfer-Encoding: chunked", b"100001\r\n", b"too long"),
        (JSON + b"Connection: close", b" " * (2**20 + 1), b"too long"),
        (JSON + b"Transfer-Encoding: chunked", b"x\r\n", b"cannot be read"),
        (JSON + b"Content-Length: 2\r\nX-Echo: " + CREDENTIAL, b"{}", b"sent your token back in a header field"),
        (JSON + b"Connection: close\r\nContent-Length: 99", b"{", b"cannot be reached, or closed the connection"),
    ],
    ids=["elsewhere", "gzip", "long", "long chunk", "long to its end", "bad chunk", "head", "broken off"],
)
async def test_an_answer_that_shows_the_token_or_may_is_withheld(
    begin: Begin, head: bytes, body: bytes, why: bytes
) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(END)
        writer.write(head + END + body)
        await writer.drain()

    wire, upstream = await begin(once)
    client = await intercepted(wire, upstream)
    await client.send(BATCH % upstream.port)
    answer = await client.head() + await client.reader.readuntil(b".\n")
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert why in answer
    assert b"token-1" not in answer
    assert CREDENTIAL not in answer


async def test_an_early_hint_with_the_token_is_withheld_while_the_body_is_still_sent(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "_LINGER_SECONDS", 0.2)
    faults = faults_of_the_proxy()

    async def hint(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(END)
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: token-1\r\n\r\n" + OK)
        await writer.drain()
        await reader.read()

    wire, upstream = await begin(hint)
    client = await intercepted(wire, upstream)
    await client.send(GET.replace(b"GET", b"POST")[:-4] % upstream.port + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"token-1" not in answer
    assert faults == []


async def test_json_for_a_request_without_a_token_passes_untouched(begin: Begin) -> None:
    answer = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"token-1"'
    wire, upstream = await begin(answering(answer, []))
    client = await intercepted(wire, upstream)
    await client.send((GET % upstream.port).replace(b"/lab/data", b"/lab/other"))
    assert await client.exactly(len(answer)) == answer


async def test_a_question_about_json_alone_keeps_its_length(begin: Begin) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    wire, upstream = await begin(answering(answer, []))
    client = await intercepted(wire, upstream)
    await client.send((GET % upstream.port).replace(b"GET", b"HEAD"))
    assert await client.head() == answer

"""All that passes the door must arrive as it was sent: paths, bodies, streams, WebSockets of any length."""

import asyncio
import signal

import pytest

from amalthea.testing.waiting import eventually
from tests.sidecars.authproxy.conftest import Open
from tests.sidecars.authproxy.door import BEARER, COOKIE, SECONDS, UPGRADE, Answer, Door
from tests.sidecars.authproxy.session import END, EVENT, Session

MEBIBYTE = 2**20
RAW_PATHS = ("/", "/a%2Fb//c/../d;e?x=%20&y=a/b", "/%E2%82%AC/~x/?", "//x/y", "/a%00b?c[]={d}")


def first_line(session: Session) -> str:
    return session.heads[-1].partition(b"\r\n")[0].decode()


@pytest.mark.parametrize("path", RAW_PATHS)
async def test_a_path_arrives_as_it_was_sent(door: Door, session: Session, path: str) -> None:
    await door.ask(path, BEARER)
    assert first_line(session) == f"GET {path} HTTP/1.1"


@pytest.mark.parametrize("prefix", ["/sessions/my.name/", "/sessions/my.name"])
async def test_the_prefix_is_cut_from_the_raw_path_and_from_nothing_else(
    open_door: Open, session: Session, prefix: str
) -> None:
    door = await open_door(env={"AUTHPROXY_STRIP_PATH_PREFIX": prefix})
    for path in RAW_PATHS:
        await door.ask(f"/sessions/my.name{path}", BEARER)
        assert first_line(session) == f"GET {path} HTTP/1.1"
    for path in ("/sessions/my-name/x", "/sessions/my.name2/x", "/x/sessions/my.name/y", "/sessions"):
        await door.ask(path, BEARER)
        assert first_line(session) == f"GET {path} HTTP/1.1"
    await door.ask("/sessions/my.name?x", BEARER)
    assert first_line(session) == "GET /?x HTTP/1.1"


async def test_forwarded_is_dropped_only_where_a_prefix_is_cut(open_door: Open, session: Session) -> None:
    for env in ({"AUTHPROXY_STRIP_PATH_PREFIX": "/x/"}, {"AUTHPROXY_STRIP_PATH_PREFIX": "/"}, {}):
        await (await open_door(env=env)).ask("/x/y", BEARER, "Forwarded: host=a")
    assert [b"forwarded: host=a" in head for head in session.heads] == [False, False, True]


async def test_the_session_learns_who_asks_and_an_ingress_is_believed(door: Door) -> None:
    sent = (await door.ask("/", BEARER)).sent
    for line in ("host: session.example.org", "x-forwarded-for: 127.0.0.1", "x-real-ip: 127.0.0.1"):
        assert f"{line}\r\n" in sent
    assert "x-forwarded-proto: http\r\n" in sent
    told = ("X-Forwarded-For: 1.2.3.4, 5.6.7.8", "X-Real-IP: 1.2.3.4", "X-Forwarded-Proto: https")
    sent = (await door.ask("/", BEARER, *told)).sent
    assert "x-forwarded-for: 1.2.3.4, 5.6.7.8, 127.0.0.1\r\n" in sent
    assert "x-real-ip: 1.2.3.4\r\n" in sent
    assert "x-forwarded-proto: https\r\n" in sent
    assert sent.count("x-") == 3


async def test_a_connection_is_kept_for_the_next_request_also_where_the_session_hangs_up(
    door: Door, session: Session
) -> None:
    browser = await door.connect()
    for path in ("/a", "/last", "/b", "/last", "/last", "/c"):
        assert (await browser.ask(path, COOKIE)).status == 200
        await asyncio.sleep(0)
    assert len(session.heads) == 6


async def test_head_is_answered_without_a_body(door: Door) -> None:
    browser = await door.connect()
    answer = await browser.ask("/x", BEARER, method="HEAD")
    assert (answer.status, int(answer.field("content-length") or 0) > 0) == (200, True)
    assert (await browser.ask("/y", BEARER)).sent.startswith("GET /y")


async def test_an_upload_is_passed_on_while_it_comes(door: Door, session: Session) -> None:
    browser = await door.connect()
    size = 64 * MEBIBYTE
    await browser.send(f"PUT /x HTTP/1.1\r\nHost: h\r\n{BEARER}\r\nContent-Length: {size}\r\n\r\n".encode())
    for sent in range(1, 65):
        await browser.send(b"x" * MEBIBYTE)
        if sent == 32:
            await eventually(lambda: session.received == 32 * MEBIBYTE, within=SECONDS)
    assert (await browser.answer()).status == 200
    assert session.received == size


async def test_a_chunked_upload_and_an_expected_100_go_through(door: Door, session: Session) -> None:
    browser = await door.connect()
    head = f"POST /x HTTP/1.1\r\nHost: h\r\n{BEARER}\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    await browser.send(head.encode())
    assert (await browser.head()).startswith(b"HTTP/1.1 100 ")
    await browser.send(b"3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n")
    answer = await browser.answer()
    assert (answer.status, session.received) == (200, 8)
    assert answer.body.endswith(b"abcdefgh")


async def test_a_large_download_arrives_whole(door: Door) -> None:
    answer = await door.ask(f"/large/{64 * MEBIBYTE}", BEARER)
    assert len(answer.body) == 64 * MEBIBYTE


async def test_an_event_arrives_when_it_is_sent_and_not_when_the_stream_ends(door: Door, session: Session) -> None:
    browser = await door.connect()
    await browser.send(f"GET /events HTTP/1.1\r\nHost: h\r\n{BEARER}\r\nAccept: text/event-stream\r\n\r\n".encode())
    assert b"text/event-stream" in await browser.head()
    async with asyncio.timeout(SECONDS):
        assert EVENT in await browser.reader.readuntil(EVENT)
    session.finish.set()
    assert EVENT in await browser.rest()


async def test_a_websocket_carries_any_bytes_both_ways(door: Door, session: Session) -> None:
    browser = await door.websocket(COOKIE)
    assert b"upgrade: websocket" in session.heads[0].lower()
    for data in (b"x", bytes(range(256)) * 64, b"\r\n\r\nGET / HTTP/1.1\r\n\r\n"):
        await browser.send(data)
        assert await browser.exactly(len(data)) == data


async def test_cookies_of_16_kibibytes_go_through(door: Door, session: Session) -> None:
    crumbs = "; ".join(f"c{number}={'x' * 4000}" for number in range(4))
    for cookie in (f"{crumbs}; renku-auth=", f"renku-auth={'x' * 9}; {crumbs}; renku-auth="):
        answer = await door.ask("/", f"{cookie.join(('Cookie: ', ''))}{COOKIE.partition('=')[2]}")
        assert answer.status == 200
        assert f"cookie: {crumbs}\r\n".encode() in session.heads[-1]


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n" + BEARER.encode() + END


async def ambiguous(door: Door, fields: bytes) -> tuple[Answer, bytes]:
    """Send a request with these fields, and what somebody would smuggle in; return the answer and what follows."""
    browser = await door.connect()
    await browser.send(b"POST / HTTP/1.1\r\nHost: h\r\n" + BEARER.encode() + b"\r\n" + fields + END)
    await browser.send(b"0\r\n\r\n" + SMUGGLED)
    return await browser.answer(), await browser.rest()


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 5\r\nContent-Length: 39",
        b"Content-Length: 5, 39",
        b"Content-Length: +5",
        b"Content-Length: 5x",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: xchunked\r\nContent-Length: 5",
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding:\x0bchunked",
        b"X: y\rTransfer-Encoding: chunked",
        b"Bad Name: x",
        b"Host: other",
    ],
    ids=repr,
)
async def test_a_request_that_can_be_read_in_two_ways_is_refused(door: Door, session: Session, fields: bytes) -> None:
    answer, _ = await ambiguous(door, fields)
    assert answer.status == 400
    assert session.heads == []


@pytest.mark.parametrize("swapped", [False, True])
async def test_of_two_lengths_of_a_body_the_session_sees_one_and_nothing_follows(
    door: Door, session: Session, swapped: bool
) -> None:
    lengths = [b"Content-Length: 4", b"Transfer-Encoding: chunked"]
    answer, rest = await ambiguous(door, b"\r\n".join(lengths[:: -1 if swapped else 1]))
    assert (answer.status, rest, len(session.heads)) == (200, b"", 1)
    assert b"content-length" not in session.heads[0].lower()


async def test_a_stop_lets_open_requests_end(door: Door, session: Session) -> None:
    browser = await door.connect()
    await browser.send(f"GET /events HTTP/1.1\r\nHost: h\r\n{BEARER}\r\n\r\n".encode())
    await browser.head()
    door.process.send_signal(signal.SIGTERM)
    await door.closed()
    session.finish.set()
    assert (await browser.rest()).count(b"tick") == 2
    assert await asyncio.to_thread(door.process.wait, SECONDS) == 0


async def test_a_stop_without_open_requests_is_at_once_and_no_failure(door: Door) -> None:
    await door.ask("/", BEARER)
    async with asyncio.timeout(5):
        assert await door.end() == 0


async def test_what_is_no_websocket_is_not_taken_for_one(door: Door) -> None:
    assert (await door.ask("/status-404", *UPGRADE[:1], "Upgrade: h2c", BEARER)).status == 404
    browser = await door.connect()
    await browser.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert not (await browser.rest()).startswith(b"\x00")

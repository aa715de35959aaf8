"""Answers and requests that are odd and right: what other proxies stumbled over, the door passes on."""

import pytest

from tests.sidecars.authproxy.door import BEARER, UPGRADE, Door
from tests.sidecars.authproxy.session import Session, field_of

OK, ONE = b"HTTP/1.1 200 OK\r\n", b"Content-Length: 1\r\n\r\nx"
UMLAUTS = 'Content-Disposition: x; filename="größe.csv"\r\n'.encode()
FIELDS = b"".join(b"X-%d: y\r\n" % number for number in range(100))
ANSWERS: dict[str, tuple[bytes, int, bytes]] = {
    "a name in UTF-8": (OK + UMLAUTS + ONE, 200, b"x"),
    "lines that end in LF": (b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx", 200, b"x"),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n" + ONE, 200, b"x"),
    "204 with a length": (b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, b""),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b""),
    "two equal lengths": (OK + b"Content-Length: 1\r\n" + ONE, 200, b"x"),
    "103 before it": (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK + ONE, 200, b"x"),
    "a cookie of 20 KiB": (OK + b"Set-Cookie: a=" + b"y" * 20480 + b"\r\n" + ONE, 200, b"x"),
    "a hundred fields": (OK + FIELDS + ONE, 200, b"x"),
}


@pytest.mark.parametrize(("sent", "status", "body"), ANSWERS.values(), ids=ANSWERS)
async def test_an_odd_answer_arrives(door: Door, session: Session, sent: bytes, status: int, body: bytes) -> None:
    session.raw = sent
    browser = await door.connect()
    await browser.send(f"GET /raw HTTP/1.1\r\nHost: x\r\n{BEARER}\r\n\r\n".encode())
    while (head := await browser.head()).startswith(b"HTTP/1.1 103"):
        pass
    assert int(head.split()[1]) == status
    assert await browser.exactly(len(body)) == body
    for name in (b"content-disposition", b"set-cookie"):
        if name in sent.lower():
            assert field_of(head, name.decode()) == field_of(sent, name.decode())
    assert door.log == ""


@pytest.mark.parametrize(
    "fields",
    [
        ("Connection: keep-alive, Upgrade", "Upgrade: WebSocket"),
        ("Connection: upgrade", "Upgrade: WEBSOCKET"),
        ("Connection: Upgrade", "Upgrade: websocket"),
    ],
    ids=str,
)
async def test_a_websocket_may_be_asked_for_in_any_spelling(door: Door, fields: tuple[str, str]) -> None:
    assert (await (await door.connect()).ask("/ws", *UPGRADE[2:], *fields, BEARER)).status == 101


async def test_a_websockets_protocols_and_extensions_arrive_as_they_are(door: Door, session: Session) -> None:
    protocols, extensions = "v1.kernel.jupyter.org, token.c2VjcmV0", "permessage-deflate"
    await door.websocket(BEARER, f"Sec-WebSocket-Protocol: {protocols}", f"Sec-WebSocket-Extensions: {extensions}")
    assert field_of(session.heads[-1], "sec-websocket-protocol") == protocols
    assert field_of(session.heads[-1], "sec-websocket-extensions") == extensions


@pytest.mark.parametrize("path", ["/a|b", "/{x}", '/"x"', "/a\\b", "/a^b"])
async def test_signs_that_browsers_do_not_encode_are_passed_on(door: Door, session: Session, path: str) -> None:
    assert (await door.ask(path, BEARER)).status == 200
    assert session.heads[-1].startswith(f"GET {path} HTTP/1.1".encode())


async def test_the_key_goes_along_with_a_token_of_jupyters_own(door: Door, session: Session) -> None:
    assert (await door.ask("/api?token=of-jupyter", BEARER, "Cookie: _xsrf=2|a|b")).status == 200
    head = session.heads[-1].lower()
    assert b"get /api?token=of-jupyter" in head
    assert b"cookie: _xsrf=2|a|b" in head

"""A message that could be read in two ways must be refused: a request could hide in another one."""

import pytest

from amalthea.sidecars.http.http1 import MAX_HEAD, BadMessage, Framing, Request, chunk_size, read_request, read_response


def request(*fields: str, start: str = "POST /x HTTP/1.1") -> Request:
    return read_request("".join(f"{line}\r\n" for line in (start, *fields, "")).encode("latin-1"))


@pytest.mark.parametrize(
    ("fields", "framing"),
    [
        ((), 0),
        (("Content-Length: 0",), 0),
        (("content-length:\t12 ",), 12),
        (("Transfer-Encoding: chunked",), "chunked"),
        (("transfer-encoding: Chunked",), "chunked"),
    ],
)
def test_a_body_has_one_length(fields: tuple[str, ...], framing: Framing) -> None:
    assert request(*fields).framing == framing


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (("Content-Length: 5", "Transfer-Encoding: chunked"), 400),
        (("Content-Length: 5", "Content-Length: 6"), 400),
        (("Content-Length: 5", "Content-Length: 5"), 400),
        (("Content-Length: 5, 5",), 400),
        (("Content-Length: +5",), 400),
        (("Content-Length: -5",), 400),
        (("Content-Length: 0x5",), 400),
        (("Content-Length: \u00b2",), 400),
        (("Content-Length:",), 400),
        (("Content-Length: 1" + "0" * 18,), 400),
        (("Transfer-Encoding: gzip, chunked",), 501),
        (("Transfer-Encoding: identity",), 501),
        (("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 501),
        (("Transfer-Encoding: \x0bchunked",), 400),
        (("Transfer-Encoding : chunked",), 400),
        (("Content-Length: 5", "Transfer_Encoding: chunked"), 400),
        (("TRANSFER.ENCODING: chunked",), 400),
        (("Transfer-Encoding: chunked", "Content_Length: 5"), 400),
        (("content+length: 5",), 400),
        ((" folded: line",), 400),
        (("A: b", " c"), 400),
        (("no colon",), 400),
        ((": no name",), 400),
        (("A: b\rC: d",), 400),
        (("A: b\nC: d",), 400),
        (("A: b\x00",), 400),
        (("B\u00e4d: name",), 400),
    ],
    ids=repr,
)
def test_a_request_that_can_be_read_in_two_ways_is_refused(fields: tuple[str, ...], status: int) -> None:
    with pytest.raises(BadMessage) as refused:
        request(*fields)
    assert refused.value.status == status


@pytest.mark.parametrize(
    "start",
    [
        "",
        "GET /x",
        "GET  /x HTTP/1.1",
        "GET /x  HTTP/1.1",
        "GET /x y HTTP/1.1",
        "GET /x HTTP/2.0",
        "GET /x HTTP/1.2",
        "GET /x http/1.1",
        " GET /x HTTP/1.1",
        "GE\u00e4 /x HTTP/1.1",
        "GET /x\t HTTP/1.1",
        "GET /x HTTP/1.1 ",
    ],
)
def test_a_request_line_that_is_none_is_refused(start: str) -> None:
    with pytest.raises(BadMessage, match="request line"):
        request(start=start)


def test_chunks_in_http_1_0_are_refused() -> None:
    with pytest.raises(BadMessage, match="ambiguous"):
        request("Transfer-Encoding: chunked", start="POST /x HTTP/1.0")


def test_a_head_without_end_is_refused_as_too_large() -> None:
    with pytest.raises(BadMessage, match="too large") as refused:
        request(f"A: {'x' * MAX_HEAD}")
    assert refused.value.status == 431


@pytest.mark.parametrize(
    ("status", "fields", "method", "framing"),
    [
        ("200 OK", ("Content-Length: 7",), "GET", 7),
        ("200 OK", ("Content-Length: 7",), "HEAD", 0),
        ("200 OK", (), "GET", "until close"),
        ("200 OK", ("Transfer-Encoding: chunked",), "GET", "chunked"),
        ("204 No Content", (), "GET", 0),
        ("304 Not Modified", ("Content-Length: 7",), "GET", 0),
        ("100 Continue", (), "POST", 0),
        ("101 Switching Protocols", (), "GET", 0),
        ("200", (), "GET", "until close"),
        ("404 ", ("Content-Length: 0",), "GET", 0),
    ],
)
def test_a_response_ends_where_its_status_and_its_request_say(
    status: str, fields: tuple[str, ...], method: str, framing: Framing
) -> None:
    data = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *fields, "")).encode()
    assert read_response(data, method).framing == framing


@pytest.mark.parametrize("start", ["HTTP/1.1 2000 OK", "HTTP/2 200", "HTTP/1.1 099 X", "ICY 200 OK", "HTTP/1.1 abc"])
def test_a_status_line_that_is_none_is_refused(start: str) -> None:
    with pytest.raises(BadMessage, match="status line"):
        read_response(f"{start}\r\n\r\n".encode(), "GET")


@pytest.mark.parametrize(("line", "size"), [(b"0\r\n", 0), (b"fF\r\n", 255), (b"00a;x=y\r\n", 10), (b"1 ;a\r\n", 1)])
def test_a_chunk_has_the_size_that_it_says(line: bytes, size: int) -> None:
    assert chunk_size(line) == size


@pytest.mark.parametrize(
    "line", [b"\r\n", b"-1\r\n", b"0x1\r\n", b"1", b"g\r\n", b" 1\r\n", b"1_0\r\n", b"1" * 16 + b"\r\n"]
)
def test_a_chunk_size_that_is_none_is_refused(line: bytes) -> None:
    with pytest.raises(BadMessage):
        chunk_size(line)


@pytest.mark.parametrize(
    ("start", "fields", "persists"),
    [
        ("GET / HTTP/1.1", (), True),
        ("GET / HTTP/1.1", ("Connection: keep-alive, Close",), False),
        ("GET / HTTP/1.0", ("Connection: keep-alive",), False),
    ],
)
def test_a_connection_lasts_as_long_as_both_ends_want(start: str, fields: tuple[str, ...], persists: bool) -> None:
    assert request(*fields, start=start).persists is persists


def test_a_field_that_is_set_stands_alone() -> None:
    changed = request("authorization: mine", "AUTHORIZATION: too", "Other: x").with_field("Authorization", "ours")
    assert changed.fields == (("Other", "x"), ("Authorization", "ours"))
    assert read_request(changed.encode()) == changed

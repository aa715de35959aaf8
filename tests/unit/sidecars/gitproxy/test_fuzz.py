"""Whatever bytes come: they are read as one message or refused, and what is passed on is what was read.

Seconds here; `make fuzz` goes on for minutes (FUZZ_EXAMPLES). Seeds are real heads, which are then spoilt.
"""

import os
import re
from contextlib import suppress
from urllib.parse import unquote

from hypothesis import given, settings
from hypothesis import strategies as st

from amalthea.sidecars.gitproxy.rules import routing
from amalthea.sidecars.gitproxy.rules.matching import provider, repository
from amalthea.sidecars.http.http1 import BadMessage, chunk_size, read_request, read_response
from amalthea.sidecars.http.origins import Origin

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "400"))
SEEDS = (
    b"GET /lab/data.git/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: h\r\nUser-Agent: git\r\n\r\n",
    b"POST /lab/data.git/git-receive-pack HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\nContent-Length: 12\r\n\r\n",
    b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n",
    b"GET http://h/x HTTP/1.0\r\nConnection: close\r\nProxy-Connection: close\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
    b"HTTP/1.0 304 Not Modified\r\nContent-Length: 3\r\n\r\n",
)
PIECES = (
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"\0",
    b":",
    b",",
    b"%2e%2e",
    b"/..%2f",
    b"/%252e%252e",
    b"/..;",
    b"/..%5c",
    b"/..",
    b"/..%20",
    b"/.%00.",
    b"/%c0%ae%c0%ae",
    b"/%ef%bc%8e.",
    b"/.%e2%80%8b.",
    b"chunked",
    b"0",
    b"\xff",
)
REPOSITORY = repository("https://h/lab/data", "forge")
HERE = Origin("https", "h", 443)


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """Return a real head with some pieces cut, repeated or put in."""
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 20)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8), st.just(data[start:end] * 2)))
        data = data[:start] + piece + data[end:]
    return data


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.one_of(spoilt(), st.binary(max_size=200)))
def test_a_request_is_refused_or_reads_the_same_once_passed_on(data: bytes) -> None:
    try:
        read = read_request(data)
    except BadMessage:
        return
    assert read_request(read.encode()) == read
    assert read.encode().count(b"\r\n\r\n") == 1
    assert not re.search(rb"[^\r]\n|\r[^\n]|\x00", read.encode())
    assert len(read.values("content-length")) + len(read.values("transfer-encoding")) <= 1
    where_it_goes(read_request(data).target, data)


def where_it_goes(target: str, data: bytes) -> None:
    """Only requests to the repository get its token, whatever their targets look like."""
    assert REPOSITORY is not None
    for route in (lambda: routing.within(read_request(data), HERE), lambda: routing.plain(read_request(data))):
        with suppress(BadMessage):
            route()
    if provider((REPOSITORY,), HERE, target) is not None:
        path = target.split("?", maxsplit=1)[0]
        assert target.isascii()
        assert not re.search(r"[\s\\;\ufffd]", unquote(path))
        assert unquote(path).isprintable()
        for _ in range(3):
            path = unquote(path)
            assert not {".", ".."} & {part.split(";")[0] for part in re.split(r"[/\\]", path)}


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.one_of(spoilt(), st.binary(max_size=200)), st.sampled_from(("GET", "HEAD", "POST")))
def test_a_response_is_refused_or_reads_the_same_once_passed_on(data: bytes, method: str) -> None:
    try:
        read = read_response(data, method)
    except BadMessage:
        return
    assert read_response(read.encode(), method) == read
    assert not read.closing().persists


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.binary(max_size=40).map(lambda data: data + b"\r\n"))
def test_a_chunk_size_is_refused_or_a_number(line: bytes) -> None:
    try:
        assert chunk_size(line) == int(line.partition(b";")[0].strip(), 16)
    except BadMessage:
        return

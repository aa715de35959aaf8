"""Whatever bytes come: frames are read as they are in RFC 6455 or refused, and no stranger is let in.

Seconds here; `make fuzz` goes on for minutes (FUZZ_EXAMPLES). Seeds are what real clients send, which is then spoilt.
"""

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from amalthea.sidecars.tunnel.server import admission
from amalthea.sidecars.tunnel.server.admission import FORWARD_PORTS, LOOPBACK, RESERVED_PORTS, Forward, Refused, judge
from amalthea.sidecars.tunnel.server.settings import Settings
from amalthea.sidecars.tunnel.wire.frames import DATA, BadFrame, Event, Parser, data_frames
from tests.unit.sidecars.tunnel.recordings import SECRET, heads

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "400"))
HEADS = [head for head in heads() if b"wrong" not in head]
PIECES = (b"\r\n", b"\0", b" ", b",", b"Authorization: Bearer x\r\n", b"/events", b"eyJ", b".", b"%", b"Bearer ")
FRAMES = (b"\x82\x05hello", b"\x89\x00", b"\x82\x7e\x00\x90", b"\x81\x82\x01\x02\x03\x04hi", b"\x88\x02\x03\xe8")


@st.composite
def spoilt(draw: st.DrawFn, seeds: tuple[bytes, ...], pieces: tuple[bytes, ...]) -> bytes:
    """Return a seed with some pieces cut, repeated or put in."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 20)))
        piece = draw(st.one_of(st.sampled_from(pieces), st.binary(max_size=8), st.just(data[start:end] * 2)))
        data = data[:start] + piece + data[end:]
    return data


def simply(data: bytes) -> list[Event] | None:
    """Read whole frames one after the other, as the RFC has them; None for what nobody may send."""
    events: list[Event] = []
    while len(data) >= 2:
        kind, long, length, at = data[0] & 15, data[1] & 127, data[1] & 127, 2
        if long >= 126:
            at += 2 if long == 126 else 8
            length = int.from_bytes(data[2:at], "big")
        key, at = (data[at : at + 4], at + 4) if data[1] & 128 else (bytes(4), at)
        if len(data) < at:
            break
        if (
            data[0] & 0x70
            or 2 < kind < 8
            or kind > 10
            or length >> 63
            or (kind > 7 and (length > 125 or data[0] < 128))
        ):
            return None
        payload = bytes(byte ^ key[place % 4] for place, byte in enumerate(data[at : at + length]))
        if len(payload) == length or kind <= DATA:
            events.append((max(kind, DATA), payload))
        data = data[at + length :]
    return events


def told(events: list[Event]) -> tuple[bytes, list[Event]]:
    """Return what counts: all data in one, and the control frames."""
    data = b"".join(payload for kind, payload in events if kind == DATA)
    return data, [(kind, bytes(payload)) for kind, payload in events if kind != DATA]


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.one_of(spoilt(FRAMES, FRAMES), st.binary(max_size=40)), max_size=6))
def test_frames_are_read_alike_however_they_are_cut(pieces: list[bytes]) -> None:
    parser = Parser()
    events: list[Event] = []
    expected = simply(b"".join(pieces))
    try:
        for piece in pieces:
            events += [(kind, bytes(payload)) for kind, payload in parser.feed(piece)]
    except BadFrame:
        assert expected is None
        return
    assert expected is not None
    assert told(events) == told(expected)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.binary(max_size=300), st.booleans(), st.integers(1, 100))
def test_what_is_written_is_read_again(payload: bytes, masked: bool, size: int) -> None:
    parser, written = Parser(), data_frames(payload, masked)
    events = [event for at in range(0, len(written), size) for event in parser.feed(written[at : at + size])]
    assert told(events) == (payload, [])


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.one_of(spoilt(tuple(HEADS), PIECES), st.binary(max_size=200)), st.booleans())
def test_a_request_without_the_secret_is_refused_and_no_other_port_is_opened(data: bytes, near: bool) -> None:
    try:
        admitted = judge(data, Settings(SECRET, 65531, loopback_only=near))
    except Refused:
        return
    assert SECRET.encode() in data
    if isinstance(admitted.request, Forward):
        assert admitted.request.host in LOOPBACK
        assert admitted.request.port in FORWARD_PORTS
    else:
        assert 1024 <= admitted.request.port <= 65535
        assert admitted.request.port not in RESERVED_PORTS
        assert admitted.request.hosts == LOOPBACK or not near
    assert admitted.answer.startswith(b"HTTP/1.1 101 ")
    assert admission.REFUSAL not in admitted.answer

"""A frame of any size costs the memory of what has just arrived, and what is not a frame is not taken for one."""

import itertools
import tracemalloc

import pytest

from amalthea.sidecars.tunnel.wire.frames import (
    CLOSE,
    DATA,
    MOST,
    PING,
    BadFrame,
    Event,
    Parser,
    close_frame,
    control_frame,
    data_frames,
)

MEBIBYTE = 2**20


def read(*pieces: bytes) -> list[Event]:
    parser = Parser()
    return [(kind, bytes(payload)) for piece in pieces for kind, payload in parser.feed(piece)]


def joined(events: list[Event]) -> bytes:
    return b"".join(payload for kind, payload in events if kind == DATA)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x82\x05hello", [(DATA, b"hello")]),
        (b"\x81\x05hello", [(DATA, b"hello")]),
        (b"\x02\x02he\x80\x03llo", [(DATA, b"he"), (DATA, b"llo")]),
        (b"\x82\x85\x00\x00\x00\x00hello", [(DATA, b"hello")]),
        (b"\x82\x85\x37\xfa\x21\x3d\x5f\x9f\x4d\x51\x58", [(DATA, b"hello")]),
        (b"\x82\x7e\x00\x02hi", [(DATA, b"hi")]),
        (b"\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x02hi", [(DATA, b"hi")]),
        (b"\x82\x00\x82\x02hi", [(DATA, b"hi")]),
        (b"\x89\x00", [(PING, b"")]),
        (b"\x89\x81\x01\x00\x00\x00\x01", [(PING, b"\x00")]),
        (b"\x82\x01a\x89\x02hi\x82\x01b", [(DATA, b"a"), (PING, b"hi"), (DATA, b"b")]),
        (b"\x88\x02\x03\xe8", [(CLOSE, b"\x03\xe8")]),
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else "",
)
def test_a_frame_is_read_whole_and_byte_by_byte_alike(data: bytes, expected: list[Event]) -> None:
    assert read(data) == expected
    slowly = read(*(data[at : at + 1] for at in range(len(data))))
    assert joined(slowly) == joined(expected)
    assert [event for event in slowly if event[0] != DATA] == [event for event in expected if event[0] != DATA]


@pytest.mark.parametrize(
    "data",
    [
        b"\xc2\x00",
        b"\xa2\x00",
        b"\x92\x00",
        b"\x83\x00",
        b"\x87\x00",
        b"\x8b\x00",
        b"\x8f\x00",
        b"\x09\x00",
        b"\x89\x7e\x00\x7e",
        b"\x88\xfe\x00\x80\x00\x00\x00\x00",
        b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00",
    ],
    ids=bytes.hex,
)
def test_what_was_not_agreed_on_ends_the_reading(data: bytes) -> None:
    with pytest.raises(BadFrame):
        read(data)


@pytest.mark.parametrize("masked", [False, True], ids=["server", "client"])
@pytest.mark.parametrize("length", [0, 1, 125, 126, 65535, MOST, MOST + 1, 3 * MOST + 7])
def test_what_is_written_is_read_again_in_frames_of_64_kib_at_most(length: int, masked: bool) -> None:
    payload = bytes(itertools.islice(itertools.cycle(range(251)), length))
    written = data_frames(payload, masked)
    assert joined(read(written)) == payload
    count = max(1, -(-length // MOST))
    assert len(written) - length <= count * 14
    assert all(len(piece) <= MOST for _, piece in read(written))


def test_a_client_masks_with_zeros_as_servers_need_that_do_not_unmask() -> None:
    assert data_frames(b"hi", masked=True) == b"\x82\x82\0\0\0\0hi"
    assert control_frame(PING, b"", masked=True) == b"\x89\x80\0\0\0\0"
    assert close_frame(1000, masked=False) == b"\x88\x02\x03\xe8"


def test_a_frame_of_32_mib_is_handed_on_as_it_comes() -> None:
    parser, chunk, taken = Parser(), bytes(256 * 1024), 0
    parser.feed(b"\x82\x7f" + (32 * MEBIBYTE).to_bytes(8, "big"))
    tracemalloc.start()
    while taken < 32 * MEBIBYTE:
        ((kind, payload),) = parser.feed(chunk)
        assert kind == DATA
        taken += len(payload)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEBIBYTE / 8
    assert parser.feed(b"\x89\x00") == [(PING, b"")]

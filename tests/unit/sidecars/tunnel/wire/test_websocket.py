"""Two connections that are joined: no byte is lost, none is kept, and a dead one is noticed. A test moves the time."""

import socket
from typing import cast

import pytest

from amalthea.sidecars.tunnel.wire.frames import CLOSE, DATA, PING, PONG, close_frame, control_frame, data_frames
from amalthea.sidecars.tunnel.wire.halves import LINGER_SECONDS, Stream
from amalthea.sidecars.tunnel.wire.websocket import MAX_HEAD, PING_SECONDS, WebSocket
from tests.unit.sidecars.tunnel.wires import Loop, Transport

NORMAL = (CLOSE, b"\x03\xe8")
HEAD = b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n"


class Asked(WebSocket):
    """Keeps the heads that come."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop, masked=False)  # type: ignore[arg-type]
        self.heads: list[tuple[bytes, bytes]] = []

    def head_received(self, head: bytes, rest: bytes) -> None:
        self.heads.append((head, rest))


class Pair:
    """A WebSocket that is joined with a stream."""

    def __init__(self, rest: bytes = b"") -> None:
        self.loop = Loop()
        self.websocket = Asked(self.loop)
        self.stream = Stream(self.loop)  # type: ignore[arg-type]
        self.outside, self.inside = Transport(self.websocket, self.loop), Transport(self.stream, self.loop)
        self.loop.advance(0)
        assert not self.inside.reads
        self.websocket.data_received(HEAD)
        self.websocket.join(self.stream, rest)


def test_bytes_go_both_ways_as_they_are() -> None:
    pair = Pair()
    pair.websocket.data_received(data_frames(b"down", masked=True) + data_frames(b"load", masked=False))
    pair.stream.data_received(b"upload")
    assert pair.inside.sent == b"download"
    assert pair.outside.frames() == [(DATA, b"upload")]
    assert (pair.websocket.taken, pair.stream.taken) == (8, 6)


def test_what_came_with_the_head_is_not_lost() -> None:
    assert Pair(rest=data_frames(b"early", masked=False)).inside.sent == b"early"


@pytest.mark.parametrize("size", [1, 3, len(HEAD), 1000])
def test_a_head_is_read_however_it_comes(size: int) -> None:
    websocket = Asked(loop := Loop())
    Transport(websocket, loop)
    for at in range(0, len(HEAD), size):
        websocket.data_received(HEAD[at : at + size])
    assert websocket.heads == [(HEAD, b"")]


def test_a_head_that_does_not_end_is_not_kept() -> None:
    websocket = Asked(loop := Loop())
    transport = Transport(websocket, loop)
    for _ in range(MAX_HEAD // 1000 + 1):
        websocket.data_received(b"x" * 1000)
    assert websocket.heads == [(b"", b"")]
    websocket.data_received(b"x")
    assert transport.ended == ["abort"]


@pytest.mark.parametrize("upload", [True, False], ids=["upload", "download"])
def test_who_takes_nothing_holds_who_sends(upload: bool) -> None:
    pair = Pair()
    slow, source = (pair.outside, pair.inside) if upload else (pair.inside, pair.outside)
    slow.stick()
    piece, sent = data_frames(b"x" * 65536, masked=False), 0
    while source.reads:
        source.protocol.data_received(piece)
        sent += len(piece)
        assert sent < 2**18
    slow.flow()
    assert source.reads


def test_a_connection_that_was_full_before_it_was_joined_holds_the_other() -> None:
    loop = Loop()
    websocket, stream = Asked(loop), Stream(loop)  # type: ignore[arg-type]
    outside, inside = Transport(websocket, loop), Transport(stream, loop)
    loop.advance(0)
    websocket.pause_writing()
    websocket.join(stream)
    assert (outside.reads, inside.reads) == (True, False)


def test_pings_are_answered_at_once_also_while_the_other_side_takes_no_data() -> None:
    pair = Pair()
    pair.websocket.data_received(control_frame(PING, b"1", masked=False))
    assert pair.outside.frames() == [(PONG, b"1")]
    pair.outside.stick()
    while pair.inside.reads:
        pair.stream.data_received(b"x" * 65536)
    before = len(pair.outside.sent)
    for number in range(1000):
        pair.websocket.data_received(control_frame(PING, b"%d" % number, masked=False))
    assert len(pair.outside.sent) == before, "a flood of pings is not kept"
    pair.outside.flow()
    assert pair.outside.frames()[-1] == (PONG, b"999")


def test_three_pings_without_a_sign_of_life_end_both_connections() -> None:
    pair = Pair()
    pair.loop.advance(3 * PING_SECONDS)
    assert pair.outside.frames() == [(PING, b"")] * 3
    assert pair.outside.ended == []
    pair.loop.advance(PING_SECONDS)
    assert (pair.outside.ended, pair.inside.ended) == (["abort"], ["abort"])


@pytest.mark.parametrize("sign", [control_frame(PONG, b"", masked=False), data_frames(b"x", masked=False)])
def test_any_sign_of_life_keeps_a_connection_for_hours(sign: bytes) -> None:
    pair = Pair()
    for _ in range(500):
        pair.loop.advance(2 * PING_SECONDS)
        pair.websocket.data_received(sign)
    assert pair.outside.ended == []


@pytest.mark.parametrize("upload", [True, False], ids=["upload", "download"])
def test_a_paused_transfer_is_not_taken_for_a_dead_connection(upload: bool) -> None:
    """A pong stands behind the data that this side does not read, and a ping behind what the other one does not."""
    pair = Pair()
    slow, source = (pair.outside, pair.inside) if upload else (pair.inside, pair.outside)
    slow.stick()
    while source.reads:
        source.protocol.data_received(data_frames(b"x" * 65536, masked=False))
    pair.loop.advance(100 * PING_SECONDS)
    assert pair.outside.ended == []
    slow.flow()
    pair.loop.advance(4 * PING_SECONDS)
    assert pair.outside.ended == ["abort"], "once it flows, silence counts"


def test_the_end_of_the_stream_closes_the_websocket_and_waits_for_the_other_side() -> None:
    pair = Pair()
    pair.stream.data_received(b"last")
    assert pair.stream.eof_received() is False
    assert pair.outside.frames() == [(DATA, b"last"), NORMAL]
    assert pair.outside.ended == []
    pair.websocket.data_received(data_frames(b"too late", masked=False))
    pair.websocket.data_received(control_frame(PING, b"", masked=False))
    assert pair.outside.frames()[-1] == NORMAL, "nothing is said after it"
    pair.websocket.data_received(close_frame(1000, masked=False))
    assert pair.outside.ended == ["close"]


def test_who_does_not_answer_the_close_is_left_after_a_while() -> None:
    pair = Pair()
    pair.stream.eof_received()
    pair.loop.advance(LINGER_SECONDS)
    assert pair.outside.ended == ["abort"]


def test_a_close_ends_the_stream_in_order() -> None:
    pair = Pair()
    pair.websocket.data_received(data_frames(b"last", masked=False) + close_frame(1000, masked=False))
    assert pair.inside.sent == b"last"
    assert pair.inside.ended == ["eof"]
    assert pair.outside.frames() == [NORMAL]
    assert pair.outside.ended == ["close"]
    pair.stream.data_received(b"dropped")
    pair.loop.advance(LINGER_SECONDS)
    assert pair.inside.ended == ["eof", "abort"]


def test_who_still_takes_the_end_slowly_gets_all_of_it() -> None:
    pair = Pair()
    pair.inside.stick()
    pair.websocket.data_received(data_frames(b"x" * 50_000, masked=False) + close_frame(1000, masked=False))
    for left in range(40_000, 0, -10_000):
        pair.inside.buffered = left
        pair.loop.advance(LINGER_SECONDS)
        assert pair.inside.ended == ["eof"]
    pair.loop.advance(LINGER_SECONDS)
    assert pair.inside.ended == ["eof", "abort"], "it took nothing more"


@pytest.mark.parametrize("cause", ["lost", "bad frame"])
def test_without_a_close_the_stream_is_reset_since_it_is_not_whole(cause: str) -> None:
    pair = Pair()
    if cause == "lost":
        pair.outside.close()
    else:
        pair.websocket.data_received(b"\xff\x00")
        assert pair.outside.frames() == [(CLOSE, b"\x03\xea")]
    pair.loop.advance(0)
    assert pair.inside.ended == ["abort"]
    assert pair.inside.socket.set[-1][2] == b"\x01\0\0\0\0\0\0\0", "SO_LINGER, so that it is a reset"


def test_a_reset_of_the_stream_drops_the_websocket_without_a_close() -> None:
    pair = Pair()
    pair.stream.connection_lost(ConnectionResetError())
    assert pair.outside.frames() == []
    assert pair.outside.ended == ["abort"]


def test_the_kernel_asks_after_a_waiting_client_that_cannot_be_asked_itself() -> None:
    """Before the answer there are no pings, and a client that loses power does not say goodbye."""
    websocket = Asked(loop := Loop())
    options = Transport(websocket, loop).socket.set
    assert (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) in options
    wanted = {socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT}
    after = {option: value for level, option, value in options if level == socket.IPPROTO_TCP and option in wanted}
    assert after == {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3}


def test_nothing_is_left_to_do_for_what_has_ended() -> None:
    pair = Pair()
    pair.stream.eof_received()
    pair.websocket.data_received(close_frame(1000, masked=False))
    pair.inside.close()
    pair.loop.advance(0)
    timers = [timer for timer in pair.loop._timers if not timer.is_cancelled]
    assert cast("list[object]", timers) == []

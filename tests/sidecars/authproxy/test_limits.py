"""Whatever is open at once must neither take the door's 16 MiB nor its answer to the kubelet, who would restart it."""

import asyncio
import time

from amalthea.sidecars.authproxy.configuration import MAX_CONNECTIONS
from tests.sidecars.authproxy.door import BEARER, COOKIE, NAVIGATION, Door
from tests.sidecars.authproxy.session import Session

MEBIBYTE = 2**20
ROOM = 13 * MEBIBYTE
"""What may be in use of the 16 MiB: the rest is for the program's own pages and for sockets."""

KUBELET_WAITS = 20.0
"""Seconds: it restarts the door after the third question in a row, of one each ten seconds, without an answer."""


async def test_a_hundred_websockets_fit(door: Door) -> None:
    opened = [await door.websocket(BEARER, f"X: {'x' * 8000}") for _ in range(100)]
    for browser in opened:
        await browser.send(b"x" * 50_000)
    for browser in opened:
        await browser.exactly(50_000)
    assert (await door.statistics())["open_websockets"] == 100
    assert door.memory < ROOM


async def test_one_connection_too_many_is_told_so_and_health_still_answers(door: Door) -> None:
    opened = [await door.websocket(BEARER) for _ in range(MAX_CONNECTIONS - 5)]
    kept = [await door.connect() for _ in range(5)]
    assert {(await browser.ask("/", BEARER)).status for browser in kept} == {200}
    answer = await door.ask("/", COOKIE, NAVIGATION)
    assert (answer.status, b"Too many open connections" in answer.body) == (503, True)
    assert answer.field("retry-after") == "3"
    assert (await door.ask("/")).status == 400
    assert (await door.ask("/__amalthea__/health")).status == 200
    assert (await door.statistics())["open_websockets"] == len(opened)
    assert door.memory < ROOM
    for browser in opened[:20]:
        browser.writer.close()
    await door.tells("open_websockets", lambda count: count == len(opened) - 20)
    assert (await door.ask("/", COOKIE)).status == 200


async def test_uploads_that_the_session_does_not_take_leave_memory_and_health(door: Door, session: Session) -> None:
    async def upload() -> None:
        browser = await door.connect()
        head = f"POST /stalled HTTP/1.1\r\nHost: h\r\n{BEARER}\r\nContent-Length: {64 * MEBIBYTE}\r\n\r\n"
        browser.writer.write(head.encode() + b"x" * MEBIBYTE)

    await asyncio.gather(*(upload() for _ in range(60)))
    await door.tells("open_connections", lambda count: count >= 60)
    assert (await door.ask("/__amalthea__/health")).status == 200
    assert (await door.ask("/", BEARER)).status == 200
    assert door.memory < ROOM
    assert len(session.heads) == 61
    session.finish.set()


async def test_half_sent_requests_on_the_operators_port_leave_the_door_open(door: Door) -> None:
    async def half() -> None:
        await (await door.connect(door.meta_port)).send(b"GET /request_stats")

    strangers = [asyncio.create_task(half()) for _ in range(360)]  # more than HAProxy takes at both ports
    await asyncio.wait(strangers, return_when=asyncio.FIRST_COMPLETED)
    assert (await door.ask("/__amalthea__/health")).status == 200
    assert (await door.ask("/", COOKIE)).status == 200
    for stranger in strangers:
        stranger.cancel()
    await asyncio.gather(*strangers, return_exceptions=True)
    door.hang_up()
    await door.tells("open_connections", lambda count: count == 0)


async def test_a_door_full_of_half_sent_requests_answers_before_the_kubelet_gives_it_up(door: Door) -> None:
    for _ in range(310):
        await (await door.connect()).send(b"GET / HTTP/1.1")
    begun = time.monotonic()
    assert (await door.ask("/__amalthea__/health")).status == 200
    assert time.monotonic() - begun < KUBELET_WAITS

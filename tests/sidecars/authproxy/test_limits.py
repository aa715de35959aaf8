"""Whatever is open at once must neither take the door's 16 MiB nor its answer to the kubelet, who would restart it."""

import asyncio
import contextlib
import time

import pytest

from amalthea.sidecars.authproxy.connection_limits import CROWD, LET_IN, MOST_OF_ONE, STRANGERS
from tests.sidecars.authproxy.conftest import Open
from tests.sidecars.authproxy.door import BEARER, COOKIE, NAVIGATION, Browser, Door
from tests.sidecars.authproxy.session import Session

MEBIBYTE = 2**20
STRANGER = "127.0.0.2"
INGRESS = "127.5.0.1"
ROOM = 13 * MEBIBYTE
"""What may be in use of the 16 MiB: the rest is for the program's own pages and for sockets."""

KUBELET_WAITS = 1.0
"""Seconds: the time limit of a probe."""


async def test_a_hundred_websockets_fit(door: Door) -> None:
    opened = [await door.websocket(BEARER, f"X: {'x' * 8000}") for _ in range(100)]
    for browser in opened:
        await browser.send(b"x" * 50_000)
    for browser in opened:
        await browser.exactly(50_000)
    assert (await door.statistics())["open_websockets"] == 100
    assert door.memory < ROOM


async def test_one_connection_too_many_is_told_so_and_health_still_answers(door: Door) -> None:
    assert (await door.ask("/", BEARER)).status == 200  # from here on, the address is known
    opened = [await door.websocket(BEARER) for _ in range(LET_IN - 1)]
    assert (await door.ask("/", BEARER)).status == 200
    opened.append(await door.websocket(BEARER))
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

    assert (await door.ask("/", BEARER)).status == 200  # from here on, the address is known
    await asyncio.gather(*(upload() for _ in range(60)))
    await door.tells("open_connections", lambda count: count >= 60)
    assert (await door.ask("/__amalthea__/health")).status == 200
    assert (await door.ask("/", BEARER)).status == 200
    assert door.memory < ROOM
    assert len(session.heads) == 62
    session.finish.set()


async def test_half_sent_requests_on_the_operators_port_leave_the_door_open(door: Door) -> None:
    async def half() -> None:
        await (await door.connect(door.meta_port, STRANGER)).send(b"GET /request_stats")

    strangers = [asyncio.create_task(half()) for _ in range(360)]  # more than HAProxy takes at both ports
    await asyncio.wait(strangers, return_when=asyncio.FIRST_COMPLETED)
    assert (await door.ask("/__amalthea__/health")).status == 200
    assert (await door.ask("/", COOKIE)).status == 200
    for stranger in strangers:
        stranger.cancel()
    await asyncio.gather(*strangers, return_exceptions=True)
    door.hang_up()
    await door.tells("open_connections", lambda count: count == 0)


async def fill(door: Door, source: str, count: int = LET_IN + 2 * STRANGERS) -> int:
    """Send half heads from an address; return how many were not turned away at once."""
    taken = [await half_a_head(door, source) for _ in range(count)]
    return sum(taken)


async def half_a_head(door: Door, source: str) -> bool:
    with contextlib.suppress(OSError):
        browser = await door.connect(source=source)
        await browser.send(b"GET / HTTP/1.1")
        return True
    return False


async def test_a_door_full_of_half_sent_requests_answers_the_kubelet_and_a_new_owner_at_once(door: Door) -> None:
    for number in range(2, 22):
        await fill(door, f"127.0.0.{number}", 30)
    begun = time.monotonic()
    for source in ("127.3.0.1", "127.3.0.2"):
        kubelet = await door.connect(source=source)
        assert (await kubelet.ask("/__amalthea__/health")).status == 200
        owner = await door.connect(source=source)
        assert (await owner.ask("/", BEARER)).status == 200
    assert time.monotonic() - begun < KUBELET_WAITS


async def half_a_form(door: Door, source: str) -> Browser:
    browser = await door.connect(source=source)
    form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 99"
    await browser.send(f"POST / HTTP/1.1\r\nHost: h\r\n{form}\r\n\r\n".encode())
    return browser


@pytest.fixture
async def new_door(open_door: Open) -> Door:
    """Return a door with a form, which nobody has shown the key yet."""
    return await open_door(env={"AUTHPROXY_COOKIE_PATH": "/"}, token="s3cret")


async def test_one_pod_and_slow_forms_do_not_keep_the_owner_out_of_a_new_session(new_door: Door) -> None:
    await fill(new_door, STRANGER)
    assert (await new_door.statistics())["open_connections"] == MOST_OF_ONE
    for _ in range(24):
        await half_a_form(new_door, INGRESS)
    await new_door.tells("open_connections", lambda count: count >= MOST_OF_ONE + 10)
    owner = await new_door.connect(source=INGRESS)
    assert (await owner.ask("/", "Authorization: Bearer s3cret")).status == 200


async def test_in_a_crowd_slow_forms_do_not_keep_the_owner_out_of_a_new_session(new_door: Door) -> None:
    for number in range(3):
        await fill(new_door, f"127.6.0.{number + 1}", 2 * MOST_OF_ONE)
    forms = [await half_a_form(new_door, INGRESS) for _ in range(3)]
    for form in forms:
        assert (await form.answer()).status == 400, "the door does not wait for the rest"
        form.writer.close()  # as an ingress does
    await new_door.tells("open_connections", lambda count: count == CROWD)
    owner = await new_door.connect(source=INGRESS)
    assert (await owner.ask("/", "Authorization: Bearer s3cret")).status == 200


async def test_who_has_shown_the_key_has_a_share_that_no_stranger_can_take(door: Door) -> None:
    assert (await door.ask("/", BEARER)).status == 200
    for number in range(2, 100):  # more addresses than strangers have places
        await fill(door, f"127.0.1.{number}", 4)
    opened = [await door.websocket(BEARER) for _ in range(100)]
    for browser in opened:
        await browser.send(b"echo")
        assert await browser.exactly(4) == b"echo"


async def test_thousands_of_addresses_do_not_make_the_door_forget_who_has_shown_the_key(door: Door) -> None:
    owner = await door.connect(source=INGRESS)
    assert (await owner.ask("/", BEARER)).status == 200
    owner.writer.close()
    for number in range(2500):  # more than a table holds
        with contextlib.suppress(OSError):
            (await door.connect(source=f"127.7.{number // 250}.{number % 250 + 1}")).writer.close()
    for number in range(3):
        await fill(door, f"127.6.0.{number + 1}", 2 * MOST_OF_ONE)
    opened = [await door.connect(source=INGRESS) for _ in range(20)]
    for browser in opened:
        assert (await browser.ask("/", BEARER)).status == 200


@pytest.mark.parametrize(
    "request_",
    [
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nCookie: renku-auth=wrong\r\n\r\n",
        "GET /__amalthea__/health HTTP/1.1\r\nHost: h\r\n\r\n",
    ],
    ids=["no key", "unfinished body", "wrong key", "health"],
)
async def test_whom_the_door_refuses_it_leaves(door: Door, request_: str) -> None:
    stranger = await door.connect(source=STRANGER)
    await stranger.send(request_.encode())
    assert (await stranger.answer()).field("connection") == "close"
    assert await stranger.rest() == b""


async def test_who_is_let_in_may_pause_for_longer_than_a_stranger(door: Door, session: Session) -> None:
    browser, websocket, waiting = await door.connect(), await door.websocket(BEARER), await door.connect()
    await browser.send(f"GET /large/{32 * MEBIBYTE} HTTP/1.1\r\nHost: h\r\n{BEARER}\r\n\r\n".encode())
    await waiting.send(f"GET /events HTTP/1.1\r\nHost: h\r\n{BEARER}\r\n\r\n".encode())
    await waiting.head()
    kept = await door.connect()
    assert (await kept.ask("/", BEARER)).status == 200
    stranger = await door.connect(source=STRANGER)
    await stranger.send(b"GET / HTTP/1.1\r\nHost: h")
    assert b" 408 " in await stranger.rest()
    late = await door.connect(source=STRANGER)  # twice as long as a stranger may be silent
    await late.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n")
    await late.answer()
    await late.rest()
    await browser.head()
    await browser.exactly(32 * MEBIBYTE)
    await websocket.send(b"echo")
    assert await websocket.exactly(4) == b"echo"
    session.finish.set()
    assert (await waiting.rest()).endswith(b"tick\n\n")
    assert (await kept.ask("/", BEARER)).status == 200

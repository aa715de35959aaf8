"""A door whose session has ended must not hold up a pause: nothing that is still open keeps it."""

import asyncio
import time

import pytest

from amalthea.testing.waiting import eventually
from tests.sidecars.authproxy.conftest import Open
from tests.sidecars.authproxy.door import BEARER, NAVIGATION, Door
from tests.sidecars.authproxy.session import Session

AT_ONCE = {"AUTHPROXY_STOP_WITHIN": "1"}
"""What the operator sets where the door is a native sidecar, which is stopped after the session."""


async def left_open(door: Door, session: Session) -> None:
    """Leave what browsers have open when a session ends."""
    for _ in range(5):
        assert (await (await door.connect()).ask("/", BEARER)).status == 200
    websocket = await door.websocket(BEARER)
    await session.stop()
    assert await websocket.reader.read(1) == b"", "its end is told, and it stays half open"
    waiting = await door.connect()
    assert (await waiting.ask("/", BEARER, NAVIGATION)).status == 503


@pytest.mark.parametrize("env", [AT_ONCE, {}], ids=["native sidecar", "container beside the session"])
async def test_what_browsers_have_open_does_not_hold_it_up(
    open_door: Open, session: Session, env: dict[str, str]
) -> None:
    door = await open_door(env=env)
    await left_open(door, session)
    begun = time.monotonic()
    await door.end()
    assert time.monotonic() - begun < 2


async def test_a_native_sidecar_ends_also_while_somebody_downloads_slowly(open_door: Open, session: Session) -> None:
    door = await open_door(env=AT_ONCE)
    browser = await door.connect()
    browser.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await browser.send(f"GET /large/100000000 HTTP/1.1\r\nHost: h\r\n{BEARER}\r\n\r\n".encode())
    await eventually(lambda: session.heads)
    begun = time.monotonic()
    await door.end()
    assert time.monotonic() - begun < 3


async def test_beside_a_session_that_still_answers_it_waits_for_the_answer(door: Door, session: Session) -> None:
    browser = await door.connect()
    await browser.send(f"GET /stalled HTTP/1.1\r\nHost: h\r\n{BEARER}\r\n\r\n".encode())
    await eventually(lambda: session.heads)
    ended = asyncio.create_task(door.end())
    await door.closed()
    session.finish.set()
    assert (await browser.answer()).status == 200
    assert await ended == 0

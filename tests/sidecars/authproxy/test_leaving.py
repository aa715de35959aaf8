"""A closed tab must not keep its connections: they would count as open, and in the end shut out everybody else."""

import pytest

from amalthea.testing.waiting import eventually
from tests.sidecars.authproxy.door import BEARER, Door
from tests.sidecars.authproxy.session import Session


@pytest.mark.parametrize("path", ["/stalled", "/events"])
@pytest.mark.parametrize("abrupt", [False, True], ids=["closed", "broken off"])
async def test_a_browser_that_has_gone_is_not_waited_for(door: Door, session: Session, path: str, abrupt: bool) -> None:
    for _ in range(3):
        session.heads.clear()
        browser = await door.connect()
        await browser.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n{BEARER}\r\n\r\n".encode())
        await eventually(lambda: session.heads)
        browser.writer.transport.abort() if abrupt else browser.writer.close()
    await door.tells("open_connections", lambda count: count == 0)
    assert not session.finish.is_set()


async def test_a_websocket_ends_also_where_the_session_does_not_notice(door: Door, session: Session) -> None:
    opened = [await door.websocket(BEARER, target="/ws/deaf") for _ in range(3)]
    assert (await door.statistics())["open_websockets"] == 3
    for browser in opened:
        browser.writer.close()
    await door.tells("open_websockets", lambda count: count == 0)
    assert (await door.statistics())["open_connections"] == 0
    assert not session.finish.is_set()


async def test_an_upload_that_was_given_up_is_not_waited_for(door: Door, session: Session) -> None:
    browser = await door.connect()
    await browser.send(f"POST /stalled HTTP/1.1\r\nHost: h\r\n{BEARER}\r\nContent-Length: 9000000\r\n\r\nx".encode())
    await eventually(lambda: session.heads)
    browser.writer.close()
    await door.tells("open_connections", lambda count: count == 0)


async def test_what_was_sent_right_before_leaving_arrives(door: Door, session: Session) -> None:
    """The program only reads: one that answers meanwhile fails to, and asyncio reads no further then."""
    for _ in range(20):
        session.received = 0
        browser = await door.websocket(BEARER, target="/ws/silent")
        await browser.send(b"x" * 60_000)
        browser.writer.close()
        await eventually(lambda: session.received == 60_000)

"""While the session does not answer, people must see a page that waits for them, and programs a plain 503, at once."""

import asyncio
import json
import time

import pytest

from tests.sidecars.authproxy.conftest import Open
from tests.sidecars.authproxy.door import BEARER, NAVIGATION, UPGRADE, Answer, Browser, Door
from tests.sidecars.authproxy.session import Session


def is_page(answer: Answer) -> bool:
    return answer.field("content-type") == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("fields", "page"),
    [
        ((NAVIGATION,), True),
        (("Accept: text/html,application/xhtml+xml",), True),
        (("Accept: */*",), False),
        ((), False),
        (("Sec-Fetch-Mode: cors", "Accept: text/html"), False),
        (UPGRADE, False),
    ],
    ids=str,
)
@pytest.mark.parametrize("way", ["refused", "dies"])
async def test_people_get_a_page_and_programs_a_message(
    door: Door, session: Session, fields: tuple[str, ...], page: bool, way: str
) -> None:
    if way == "refused":
        await session.stop()
    begun = time.monotonic()
    answer = await door.ask("/die", BEARER, *fields)
    assert time.monotonic() - begun < 1
    assert (answer.status, answer.field("cache-control"), answer.field("retry-after")) == (503, "no-store", "3")
    assert is_page(answer) == page
    if not page:
        assert "does not answer" in json.loads(answer.body)["message"]


UNREADABLE = {
    "chunked twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a name that is none": b"HTTP/1.1 200 OK\r\nBad Name: x\r\nContent-Length: 0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "a long head": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 30_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("sent", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_answer_that_cannot_be_read_is_not_waited_for_and_told_in_the_log(
    door: Door, session: Session, sent: bytes
) -> None:
    session.raw = sent
    for navigation in (True, False):
        answer = await door.ask("/raw", BEARER, *((NAVIGATION,) if navigation else ()))
        assert answer.status == 502
        assert b"The answer of the session cannot be read" in answer.body
        assert b"refresh" not in answer.body
        assert is_page(answer) is navigation
    assert len(await door.logged("GET /raw 502: the answer of the session cannot be read", times=2)) == 2


async def test_the_page_needs_no_script_and_everybody_can_read_it(door: Door, session: Session) -> None:
    await session.stop()
    page = (await door.ask("/", BEARER, NAVIGATION)).body.decode()
    assert len(page) < 4096
    assert "<script" not in page
    for part in ('<html lang="en">', '<meta http-equiv="refresh" content="3">', "<title>", '<main role="status">'):
        assert part in page
    assert "prefers-color-scheme:dark" in page


async def test_a_posted_form_is_a_program_where_the_browser_does_not_tell(door: Door, session: Session) -> None:
    await session.stop()
    assert not is_page(await door.ask("/", BEARER, "Accept: text/html", method="POST", body=b"x"))
    assert is_page(await door.ask("/", BEARER, NAVIGATION, method="POST", body=b"x"))


async def test_the_key_is_asked_for_first(door: Door, session: Session) -> None:
    await session.stop()
    assert [(await door.ask("/", NAVIGATION, *key)).status for key in ((), ("Cookie: renku-auth=x",))] == [400, 401]


async def as_a_browser(door: Door, kept: Browser, path: str) -> Answer:
    """Ask on a kept connection; where that is closed without an answer, ask again, as browsers and ingresses do."""
    try:
        return await kept.ask(path, BEARER)
    except (asyncio.IncompleteReadError, ConnectionError):
        return await door.ask(path, BEARER)


async def test_a_session_that_comes_up_is_reached_at_once_also_by_whom_it_left(door: Door, session: Session) -> None:
    port = session.port
    browser = await door.connect()
    assert (await browser.ask("/", BEARER)).status == 200
    await session.stop()
    assert (await as_a_browser(door, browser, "/")).status == 503
    waiting = await door.connect()
    assert (await waiting.ask("/", BEARER)).status == 503
    await session.start(port)
    assert (await waiting.ask("/", BEARER)).status == 200


async def test_a_session_that_dies_at_the_second_request_of_a_connection_is_told_too(door: Door) -> None:
    browser = await door.connect()
    assert (await browser.ask("/", BEARER)).status == 200
    answer = await as_a_browser(door, browser, "/die")
    assert (answer.status, is_page(answer)) == (503, False)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 404])
async def test_what_the_session_itself_answers_is_not_replaced(door: Door, status: int) -> None:
    answer = await door.ask(f"/status-{status}", BEARER, NAVIGATION)
    assert answer.status == status
    assert answer.body.startswith(b"GET /status")


@pytest.mark.parametrize("prefix", [{}, {"AUTHPROXY_STRIP_PATH_PREFIX": "/sessions/mine/"}], ids=str)
async def test_the_doors_own_health_needs_neither_key_nor_session(
    open_door: Open, session: Session, prefix: dict[str, str]
) -> None:
    door = await open_door(env=prefix)
    before = await door.statistics()
    await session.stop()
    await asyncio.sleep(1.1)  # times are told in seconds
    answers = [await door.ask("/__amalthea__/health", method=method) for method in ("GET", "HEAD")]
    assert [answer.status for answer in answers] == [200, 200]
    assert (await door.ask("/__amalthea__/health/x")).status == 400
    assert (await door.ask("/__amalthea__/health", method="POST")).status == 400
    after = await door.statistics()
    assert [after[name] == before[name] for name in ("last_request_time", "last_work_time")] == [True, True]
    assert session.heads == []

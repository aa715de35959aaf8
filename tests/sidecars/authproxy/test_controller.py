"""Only the operator may ask for a remote session's job, and a controller that hangs must not hold anybody up."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from tests.sidecars.authproxy.conftest import Open
from tests.sidecars.authproxy.door import BEARER, Door
from tests.sidecars.authproxy.session import END

PATH = "/remote_status"
TOLD = b'{"version": 1, "status": "Running"}'


@dataclass
class Controller:
    """The server on the controller's port."""

    body: bytes = TOLD
    hangs: bool = False
    heads: list[bytes] = field(default_factory=list)
    port: int = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(END))
        if not self.hangs:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(self.body), self.body))
            await writer.drain()
        await reader.read()  # until the other side hangs up
        writer.close()


@pytest.fixture
async def controller() -> AsyncIterator[Controller]:
    made, begun = Controller(), list[asyncio.Task[None]]()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun.append(asyncio.create_task(made.answer(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    await asyncio.gather(*begun, return_exceptions=True)


@pytest.fixture
def open_remote(open_door: Open, controller: Controller) -> Callable[[], Awaitable[Door]]:
    async def begin() -> Door:
        return await open_door(env={"AUTHPROXY_CONTROLLER": f"http://127.0.0.1:{controller.port}"})

    return begin


async def asked(door: Door, path: str = PATH, method: str = "GET", port: int | None = None) -> tuple[int, bytes]:
    """Ask at the operator's port."""
    browser = await door.connect(port or door.meta_port)
    answer = await browser.ask(path, method=method)
    assert await browser.rest() == b"", "nobody holds a place there"
    return answer.status, answer.body


async def test_the_operator_gets_what_the_controller_says(
    open_remote: Callable[[], Awaitable[Door]], controller: Controller
) -> None:
    door = await open_remote()
    assert await asked(door) == (200, TOLD)
    assert controller.heads[0].startswith(b"GET /remote_status HTTP/1.1\r\n")
    assert (await door.statistics())["open_connections"] == 0, "the other question is answered as before"


async def test_nothing_else_of_the_controller_is_reached(
    open_remote: Callable[[], Awaitable[Door]], controller: Controller
) -> None:
    door = await open_remote()
    for path in ("/status", "/ready", "/", "/remote_status/", "/remote_status/../status", "//remote_status"):
        assert (await asked(door, path))[0] == 404
    for method in ("POST", "HEAD", "PUT", "OPTIONS"):
        browser = await door.connect(door.meta_port)
        assert (await browser.ask(PATH, method=method)).status == 404
    assert controller.heads == []


async def test_who_comes_through_the_door_gets_the_session_and_never_the_controller(
    open_remote: Callable[[], Awaitable[Door]], controller: Controller
) -> None:
    door = await open_remote()
    assert (await door.ask(PATH)).status in (400, 401)
    answer = await door.ask(PATH, BEARER)
    assert answer.sent.startswith("GET /remote_status HTTP/1.1"), "the session's own page of that name"
    assert controller.heads == []


async def test_a_door_of_a_local_session_has_no_such_path(door: Door) -> None:
    assert (await asked(door))[0] == 404


async def test_a_controller_that_is_down_is_told_at_once(open_door: Open) -> None:
    door = await open_door(env={"AUTHPROXY_CONTROLLER": "http://127.0.0.1:1"})
    began = time.monotonic()
    assert (await asked(door))[0] == 503
    assert time.monotonic() - began < 2


async def test_a_controller_that_hangs_holds_nobody_up(
    open_remote: Callable[[], Awaitable[Door]], controller: Controller
) -> None:
    door = await open_remote()
    controller.hangs = True
    began = time.monotonic()
    waiting = [await door.connect(door.meta_port, source=f"127.0.0.{number}") for number in range(2, 12)]
    answers = [asyncio.create_task(browser.ask(PATH)) for browser in waiting]
    assert (await door.ask("/x", BEARER)).status == 200
    assert (await door.statistics())["version"] == 1
    assert {answer.status for answer in await asyncio.gather(*answers)} <= {503, 504}
    assert time.monotonic() - began < 8
    assert len(controller.heads) <= 12, "its own probes find room"


async def test_what_the_controller_says_without_end_fills_no_memory(
    open_remote: Callable[[], Awaitable[Door]], controller: Controller
) -> None:
    door = await open_remote()
    before = door.memory
    controller.body = b"x" * 10_000_000
    browser = await door.connect(door.meta_port)
    await browser.send(b"GET /remote_status HTTP/1.1\r\nHost: x\r\n\r\n")
    await browser.exactly(4096)
    assert door.memory - before < 1_000_000
    browser.writer.transport.abort()
    controller.body = TOLD
    assert await asked(door) == (200, TOLD)

"""A listener at a pod's port must not lead the operator elsewhere, fill its memory, or hold it up."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from amalthea.api import names
from amalthea.model.views.door import NoAnswerError
from amalthea.operator.inputs import door_client
from amalthea.operator.inputs.door_client import ring
from tests.support import doors
from tests.support.doors import PlayedDoor


@pytest.fixture
def door() -> Iterator[PlayedDoor]:
    with doors.played() as opened:
        yield opened


async def test_the_answer_is_what_the_door_says(door: PlayedDoor) -> None:
    door.says = lambda: b"as it is"

    assert await ring(door.address) == b"as it is"


async def test_a_pod_with_an_address_of_ipv6_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    async with await asyncio.start_server(answer, "::1", 0) as server:
        monkeypatch.setattr(names, "PORT_META", server.sockets[0].getsockname()[1])
        assert await ring("::1") == b"{}"


@pytest.mark.parametrize("status", [202, 401, 404, 500])
async def test_any_other_status_is_not_an_answer(door: PlayedDoor, status: int) -> None:
    door.status = status

    with pytest.raises(NoAnswerError, match=str(status)):
        await ring(door.address)


async def test_no_redirect_is_followed(door: PlayedDoor) -> None:
    with doors.played() as elsewhere:
        door.status, door.headers = 302, {"Location": f"http://{elsewhere.address}:{doors.PORT}{doors.PATH}"}
        with pytest.raises(NoAnswerError, match="302"):
            await ring(door.address)
    assert elsewhere.asked == []


async def test_an_endless_answer_is_not_read(door: PlayedDoor) -> None:
    door.says = lambda: b"x" * 10_000_000

    with pytest.raises(NoAnswerError, match="longer than 4096 bytes"):
        await ring(door.address)


async def test_nothing_is_unpacked(door: PlayedDoor) -> None:
    door.headers, door.says = {"Content-Encoding": "gzip"}, lambda: b"no gzip at all"

    assert await ring(door.address) == b"no gzip at all"


async def test_no_proxy_of_the_environment_is_used(door: PlayedDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    door.says = lambda: b"reached"

    assert await ring(door.address) == b"reached"


async def test_a_closed_port_is_not_an_answer() -> None:
    with doors.played() as gone:
        pass

    for nowhere in (gone.address, "", "no address"):
        with pytest.raises(NoAnswerError):
            await ring(nowhere)


@pytest.fixture
async def raw() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that sends these bytes to all clients, and then goes on holding the line."""
    sent: list[bytes] = []
    talks: list[asyncio.Task[None]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"".join(sent))
        with contextlib.suppress(ConnectionError):
            await reader.read()  # until the other side hangs up
            writer.close()
            await writer.wait_closed()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.create_task(talk(reader, writer)))

    with doors.played() as free:
        address = free.address
    server = await asyncio.start_server(begin, address, doors.PORT)
    yield address, sent
    server.close()
    await asyncio.gather(*talks)


HOSTILE = {
    "silence": b"",
    "no HTTP": b"SSH-2.0-secret\r\n",
    "words that no log should hold": b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\nsecret",
    "a header without end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    "a body that does not come": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{",
    "chunks without size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a malformed length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "continue for ever": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
async def test_nonsense_is_not_an_answer_and_takes_no_longer_than_silence(
    raw: tuple[str, list[bytes]], answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_client, "TIME_LIMIT", 0.3)
    address, sent = raw
    sent.append(answer)
    began = time.monotonic()

    with pytest.raises(NoAnswerError) as caught:
        await ring(address)
    assert time.monotonic() - began < 2
    assert "secret" not in str(caught.value)

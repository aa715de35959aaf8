"""The door as a process of its own, and what a browser says to it."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.sidecars.authproxy.session import END, field_of

KEY = "s3cret,/+='%$\\{}#ü"
"""A token with whatever means something to HAProxy, a shell or YAML; a comma and a space would not go into a cookie."""
BEARER = f"Authorization: Bearer {KEY}"
COOKIE = f"Cookie: renku-auth={KEY}"
NAVIGATION = "Sec-Fetch-Mode: navigate"
UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
)
SECONDS = 15.0


class Answer(NamedTuple):
    """The answer."""

    status: int
    head: bytes
    body: bytes

    def field(self, name: str) -> str | None:
        return field_of(self.head, name)

    @property
    def sent(self) -> str:
        """Return the request as the session got it."""
        assert self.status == 200, self
        return self.body.decode()


@dataclass
class Browser:
    """One connection to the door."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def ask(self, target: str, *fields: str, method: str = "GET", body: bytes = b"") -> Answer:
        lines = (f"{method} {target} HTTP/1.1", "Host: session.example.org", *fields)
        length = (f"Content-Length: {len(body)}",) if body else ()
        await self.send("\r\n".join((*lines, *length, "", "")).encode() + body)
        return await self.answer(method)

    async def answer(self, method: str = "GET") -> Answer:
        head = await self.head()
        size = 0 if method == "HEAD" else int(field_of(head, "content-length") or 0)
        return Answer(int(head.split()[1]), head, await self.exactly(size))

    async def head(self) -> bytes:
        async with asyncio.timeout(SECONDS):
            return await self.reader.readuntil(END)

    async def exactly(self, count: int) -> bytes:
        async with asyncio.timeout(SECONDS):
            return await self.reader.readexactly(count)

    async def rest(self) -> bytes:
        async with asyncio.timeout(SECONDS):
            return await self.reader.read()


@dataclass
class Door:
    """`sidecars proxy serve`."""

    process: subprocess.Popen[bytes]
    port: int
    meta_port: int
    log_file: Path
    browsers: list[Browser] = field(default_factory=list)

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    async def logged(self, text: str, times: int = 1) -> list[str]:
        """Return the log's lines once so many have the text: HAProxy writes a line after the answer, not before it."""
        async with asyncio.timeout(SECONDS):
            while sum(text in line for line in self.log.splitlines()) < times:  # noqa: ASYNC110  (a file)
                await asyncio.sleep(0.02)
        return self.log.splitlines()

    @property
    def processes(self) -> tuple[Path, Path]:
        """Return the folders below /proc of the process that was started and of HAProxy, its child."""
        pid = self.process.pid
        return Path(f"/proc/{pid}"), Path("/proc", Path(f"/proc/{pid}/task/{pid}/children").read_text().strip())

    @property
    def memory(self) -> int:
        """Return what HAProxy has for itself, in bytes: of its container's limit, the part that cannot be dropped."""
        status = (self.processes[1] / "status").read_text()
        return 1024 * int(status.partition("RssAnon:")[2].split()[0])

    @property
    def cpu_seconds(self) -> float:
        """Return the CPU time that HAProxy has taken so far."""
        fields = (self.processes[1] / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def open_files(self) -> set[Path]:
        """Return the files that HAProxy has open, sockets and the like too."""
        return {path.resolve() for path in (self.processes[1] / "fd").iterdir()}

    async def connect(self, port: int | None = None, source: str = "127.0.0.1") -> Browser:
        """Connect from an address of this machine, such as any of 127.0.0.0/8."""
        streams = asyncio.open_connection("127.0.0.1", port or self.port, limit=1 << 20, local_addr=(source, 0))
        browser = Browser(*await streams)
        self.browsers.append(browser)
        return browser

    async def ask(self, target: str, *fields: str, method: str = "GET", body: bytes = b"") -> Answer:
        """Ask on a connection of its own."""
        browser = await self.connect()
        answer = await browser.ask(target, *fields, method=method, body=body)
        browser.writer.close()
        return answer

    async def websocket(self, *fields: str, target: str = "/ws", port: int | None = None) -> Browser:
        """Open a WebSocket."""
        browser = await self.connect(port)
        assert (await browser.ask(target, *UPGRADE, *fields)).status == 101
        return browser

    async def statistics(self) -> dict[str, Any]:
        browser = await self.connect(self.meta_port)
        answer = await browser.ask("/request_stats")
        browser.writer.close()
        assert (answer.status, answer.field("content-type")) == (200, "application/json")
        told: dict[str, Any] = json.loads(answer.body)
        return told

    async def tells(self, name: str, wanted: Callable[[Any], bool]) -> None:
        """Wait until the statistics show what is wanted. HAProxy counts bytes every 5 s, the door looks every 15 s."""
        async with asyncio.timeout(30):
            while not wanted((await self.statistics())[name]):  # noqa: ASYNC110  (it tells when it is asked)
                await asyncio.sleep(0.2)

    async def closed(self) -> None:
        """Wait until nobody new is let in."""
        async with asyncio.timeout(SECONDS):
            with contextlib.suppress(OSError):
                while True:
                    (await self.connect()).writer.transport.abort()

    def hang_up(self) -> None:
        """Break off what browsers are about."""
        for browser in self.browsers:
            browser.writer.transport.abort()
        self.browsers.clear()

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Return the exit code."""
        self.process.send_signal(number)
        return await asyncio.to_thread(self.process.wait, SECONDS)

"""Both ends of a tunnel as processes of their own, a front end behind it, and what a test says to the server itself."""

import asyncio
import base64
import contextlib
import json
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from amalthea.sidecars.tunnel.wire.frames import DATA, Event, Parser

SECRET = "MTIzNDU2Nzg5MGFiY2RlZg"
PATH = "/sessions/demo/__amalthea__/tunnel"
END = b"\r\n\r\n"
SECONDS = 15.0
MEBIBYTE = 2**20
LIMIT = 64 * MEBIBYTE
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class End:
    """A process, and what it logs."""

    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    @property
    def cpu_seconds(self) -> float:
        """Return the CPU time that it has used so far."""
        fields_ = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields_[11]) + int(fields_[12])) / TICKS

    @property
    def resident(self) -> int:
        """Return how much memory it has, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(status.partition("VmRSS:")[2].split()[0])

    @property
    def sockets(self) -> int:
        """Return how many connections and listeners it holds."""
        count = 0
        for link in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                count += str(link.readlink()).startswith("socket:")
        return count

    async def stop(self) -> int:
        """End it as the kubelet, or Slurm, does; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, 20)


@dataclass
class Server(End):
    """`sidecars tunnel listen`."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    def told(self, message: str) -> list[dict[str, object]]:
        """Return the lines of the log with this message."""
        return [line for line in map(json.loads, self.log.splitlines()) if line["message"] == message]


@dataclass
class Wire:
    """One connection to the server, by hand."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    parser: Parser = field(default_factory=Parser)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        async with asyncio.timeout(SECONDS):
            return await self.reader.readuntil(END)

    async def rest(self) -> bytes:
        """Return all that still comes; nothing more if it ends by a reset."""
        data = b""
        try:
            async with asyncio.timeout(SECONDS):
                while piece := await self.reader.read(2**16):
                    data += piece
        except ConnectionError:
            pass
        return data

    async def exactly(self, count: int) -> bytes:
        async with asyncio.timeout(SECONDS):
            return await self.reader.readexactly(count)

    async def frames(self, count: int) -> list[Event]:
        """Return the next frames: so many, or those of so many bytes of data."""
        found: list[Event] = []
        async with asyncio.timeout(SECONDS):
            while len(found) < count and sum(len(payload) for kind, payload in found if kind == DATA) < count:
                data = await self.reader.read(2**16)
                assert data, found
                found += [(kind, bytes(payload)) for kind, payload in self.parser.feed(data)]
        return found

    def close(self) -> None:
        self.writer.close()


opened: list[Wire] = []
"""Those of one test, which a fixture ends."""


async def connect(port: int) -> Wire:
    wire = Wire(*await asyncio.open_connection("127.0.0.1", port))
    opened.append(wire)
    return wire


async def open_port(port: int) -> Wire:
    """Connect to a port that opens in a moment."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                return await connect(port)
            except ConnectionError:
                await asyncio.sleep(0.01)


async def asks(port: int, line: bytes) -> bytes:
    """Ask the front end something through the tunnel, again where nobody is there at the moment."""
    async with asyncio.timeout(30):
        while True:
            user = await open_port(port)
            with contextlib.suppress(ConnectionError):
                await user.send(line)
                if answer := await user.rest():
                    return answer
            await asyncio.sleep(0.05)


def request(port: int, secret: str = SECRET, protocol: object = "ReverseTcp", host: str = "0.0.0.0") -> bytes:
    """Return a request as the real client makes it."""
    claims = json.dumps({"id": "x", "p": protocol, "r": host, "rp": port}).encode()
    token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b"{}", claims, b"x"))
    lines = (
        f"GET /{PATH}/events HTTP/1.1",
        "host: 127.0.0.1",
        "upgrade: websocket",
        "connection: upgrade",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version: 13",
        f"sec-websocket-protocol: v1, authorization.bearer.{token}",
        f"authorization: Bearer {secret}",
    )
    return "\r\n".join((*lines, "", "")).encode()


class Front:
    """A program on the other machine. `echo` gives back what comes; `give N` sends N bytes; `take N` counts N bytes."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            word, _, count = (await reader.readline()).decode().strip().partition(" ")
            if word == "echo":
                while data := await reader.read(2**16):
                    writer.write(data)
                    await writer.drain()
            elif word == "give":
                writer.write(pattern(int(count)))
                await writer.drain()
            elif word == "take":
                taken = 0
                while taken < int(count) and (data := await reader.read(2**18)):
                    taken += len(data)
                writer.write(b"%d\n" % taken)
            writer.close()
        except ConnectionError:
            writer.transport.abort()
        finally:
            self._open.discard(writer)


def pattern(count: int) -> bytes:
    """Return bytes that are wrong once one of them is missing."""
    block = bytes(range(256)) * 4 + b"amalthea"
    return (block * (count // len(block) + 1))[:count]

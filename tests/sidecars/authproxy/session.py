"""A session as a test wants it, byte by byte: it gives back what it was asked, streams, and speaks WebSocket."""

import asyncio
import base64
import hashlib
from dataclasses import dataclass, field

END = b"\r\n\r\n"
EVENT = b"data: tick\n\n"
PIECE = b"x" * 65536


def field_of(head: bytes, name: str) -> str | None:
    """Return a field of a message's head, None if it is not there."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name.encode():
            return value.strip().decode("latin-1")
    return None


@dataclass
class Session:
    """The server on the session's port."""

    heads: list[bytes] = field(default_factory=list)
    """The requests that came, as they came."""
    received: int = 0
    """Bytes that came, of bodies and on WebSockets."""
    raw: bytes = b""
    """What is sent for /raw, as it is."""
    finish: asyncio.Event = field(default_factory=asyncio.Event)
    """Lets answers end that were begun."""
    port: int = 0
    _server: asyncio.Server | None = None
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Accept no more connections, and break those there are."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while await self._answer(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the connection goes on."""
        head = await reader.readuntil(END)
        self.heads.append(head)
        method, path = head.split(b" ", 2)[:2]
        if path.startswith(b"/die"):
            return False
        if path.startswith(b"/raw"):
            writer.write(self.raw)
            return False
        if (field_of(head, "upgrade") or "").lower() == "websocket":
            await self._websocket(head, reader, writer)
            return False
        if field_of(head, "expect"):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if path.startswith(b"/stalled"):
            await self.finish.wait()
        body = await self._body(head, reader)
        if path.startswith(b"/events"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + EVENT)
            await writer.drain()
            await self.finish.wait()
            writer.write(EVENT)
            return False
        if path.startswith(b"/large/"):
            await _large(int(path.rpartition(b"/")[2]), writer)
            return True
        status = path.rpartition(b"/status-")[2] if b"/status-" in path else b"200"
        writer.write(b"HTTP/1.1 %s X\r\nContent-Length: %d\r\n\r\n" % (status, len(head + body)))
        writer.write(b"" if method == b"HEAD" else head + body)
        await writer.drain()
        return not path.startswith(b"/last")

    async def _body(self, head: bytes, reader: asyncio.StreamReader) -> bytes:
        """Read the body; return its end, and count the rest."""
        if field_of(head, "transfer-encoding") == "chunked":
            body = b""
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
            self.received += len(body)
            return body
        left, piece = int(field_of(head, "content-length") or 0), b""
        while left:
            piece = await reader.read(min(left, 1 << 20))
            if not piece:
                raise ConnectionResetError
            left -= len(piece)
            self.received += len(piece)
        return piece

    async def _websocket(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key = (field_of(head, "sec-websocket-key") or "") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest())
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        writer.write(b"Sec-WebSocket-Accept: " + accept + END)
        while data := await reader.read(65536):
            self.received += len(data)
            if b" /ws/silent " not in head:
                writer.write(data)
                await writer.drain()
        if b" /ws/deaf " in head:  # as some servers do not see that the other end has gone
            await self.finish.wait()


async def _large(size: int, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
    for _ in range(size // len(PIECE)):
        writer.write(PIECE)
        await writer.drain()
    writer.write(PIECE[: size % len(PIECE)])

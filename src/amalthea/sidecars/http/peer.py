"""One end of a connection: heads are read from it, bodies are poured through it.

Every byte that is taken from one side is given to the other before more is taken, so a slow reader slows its sender.
"""

import asyncio
import ssl
from contextlib import suppress

from amalthea.sidecars.http import http1
from amalthea.sidecars.http.origins import Origin

PIECE = 64 * 1024
_LINE = 8 * 1024
_TRAILERS = 64
_SHUTDOWN_SECONDS = 5.0
_LINGER_SECONDS = 2.0
_HAPPY_EYEBALLS_SECONDS = 0.25
"""Seconds until a name's next address is tried beside one that does not answer (RFC 8305)."""


class Truncated(ConnectionError):  # noqa: N818  (named by what happened)
    """The other end closed the connection in the middle of a message."""


class TooLong(http1.BadMessage):
    """A body is longer than anybody here reads."""


class Peer:
    """One end of a connection. `idle` is how many seconds of silence are tolerated where something must come."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, idle: float) -> None:
        self.reader = reader
        self.writer = writer
        self.idle = idle
        self.awaits_head = False
        """Whether a head is waited for: the connection is at rest, or its head is not all there."""
        self._without_tls: asyncio.StreamWriter | None = None

    async def head(self, patience: float | None) -> bytes:
        """Read a head up to its empty line; nothing if the connection ended before. `patience`: seconds, None forever.

        Raises:
            BadMessage: it does not end. Truncated: the connection did. TimeoutError: nothing comes any more.
        """
        self.awaits_head = True
        try:
            async with asyncio.timeout(patience):
                return await self.reader.readuntil(http1.END)
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise Truncated("the connection ended within a head") from None
            return b""
        except asyncio.LimitOverrunError:
            raise http1.BadMessage("The head is too large.", 431) from None
        finally:
            self.awaits_head = False

    async def send(self, data: bytes) -> None:
        """Send, and wait while too much is in flight; raise TimeoutError if the other end reads nothing."""
        self.writer.write(data)
        async with asyncio.timeout(self.idle):
            await self.writer.drain()

    async def exactly(self, count: int) -> bytes:
        """Read so many bytes; raise Truncated or TimeoutError."""
        try:
            async with asyncio.timeout(self.idle):
                return await self.reader.readexactly(count)
        except asyncio.IncompleteReadError:
            raise Truncated("the connection ended within a body") from None

    async def some(self, most: int = PIECE) -> bytes:
        """Read what is there, nothing at the end; raise TimeoutError."""
        async with asyncio.timeout(self.idle):
            return await self.reader.read(most)

    async def line(self) -> bytes:
        """Read a line of the chunked coding."""
        try:
            async with asyncio.timeout(self.idle):
                found = await self.reader.readuntil(b"\r\n")
        except asyncio.IncompleteReadError:
            raise Truncated("the connection ended within a body") from None
        except asyncio.LimitOverrunError:
            raise http1.BadMessage("A line of the body is too long.") from None
        if len(found) > _LINE:
            raise http1.BadMessage("A line of the body is too long.")
        return found

    async def secure(self, context: ssl.SSLContext, patience: float, server: str | None = None) -> None:
        """Go on over TLS, as the client of `server` or as the server itself; raise OSError if that fails."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=http1.MAX_HEAD)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport = await loop.start_tls(
            self.writer.transport,
            protocol,
            context,
            server_side=server is None,
            server_hostname=server,
            ssl_handshake_timeout=patience,
        )
        if transport is None:
            raise Truncated("the connection ended before TLS began")
        protocol.connection_made(transport)
        self._without_tls = self.writer  # which would take the connection along if it were collected
        self.reader, self.writer = reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def linger(self) -> None:
        """Read for a moment what still comes: else its sender would lose the answer that it has not read yet."""
        with suppress(OSError):
            async with asyncio.timeout(_LINGER_SECONDS):
                while await self.reader.read(PIECE):
                    pass

    async def close(self) -> None:
        """End the connection, with what was sent still on its way."""
        self.writer.close()
        try:
            async with asyncio.timeout(_SHUTDOWN_SECONDS):
                await self.writer.wait_closed()
        except OSError:
            self.abort()

    def abort(self) -> None:
        """End the connection at once, so that the other end knows that what it got is not all."""
        self.writer.transport.abort()


async def dial(server: Origin, trust: ssl.SSLContext | None, patience: float, idle: float) -> Peer:
    """Connect to a server, over TLS where there is a context for it; raise OSError or TimeoutError."""
    name = server.host if trust else None
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection(
                server.host,
                server.port,
                ssl=trust,
                server_hostname=name,
                limit=http1.MAX_HEAD,
                happy_eyeballs_delay=_HAPPY_EYEBALLS_SECONDS,
            )
    except OSError:  # some of these are ValueErrors, too
        raise
    except ValueError:  # such as `a..b`
        raise OSError("that is not a host name") from None
    return Peer(reader, writer, idle)


async def pour(source: Peer, sink: Peer, framing: http1.Framing) -> None:
    """Pass a body on, byte for byte.

    Raises:
        BadMessage: its coding is wrong. Truncated: it ends too early. OSError, TimeoutError: from either side.
    """
    if framing == "chunked":
        await _pour_chunks(source, sink)
    elif framing == "until close":
        while data := await source.some():
            await sink.send(data)
    else:
        await _pour_bytes(source, sink, framing)


async def whole(source: Peer, framing: http1.Framing, most: int) -> bytes:
    """Read a body of at most so many bytes, without its coding.

    Raises:
        TooLong, BadMessage: it is longer, or its coding is wrong. Truncated, OSError, TimeoutError: as for `pour`.
    """
    body = bytearray()
    if framing == "chunked":
        while size := http1.chunk_size(await source.line()):
            _bound(len(body) + size, most)
            data = await source.exactly(size + 2)
            if not data.endswith(b"\r\n"):
                raise http1.BadMessage("A chunk is longer than its size.")
            body += data[:-2]
        await _trailers(source)
    elif framing == "until close":
        while data := await source.some():
            _bound(len(body) + len(data), most)
            body += data
    else:
        _bound(framing, most)
        body += await source.exactly(framing)
    return bytes(body)


def _bound(length: int, most: int) -> None:
    if length > most:
        raise TooLong(f"The body is too long: more than {most} bytes.")


async def _pour_bytes(source: Peer, sink: Peer, count: int) -> None:
    while count:
        data = await source.some(min(count, PIECE))
        if not data:
            raise Truncated("the connection ended within a body")
        await sink.send(data)
        count -= len(data)


async def _pour_chunks(source: Peer, sink: Peer) -> None:
    while size := http1.chunk_size(line := await source.line()):
        if size > PIECE:
            await sink.send(line)
            await _pour_bytes(source, sink, size)
            line, size = b"", 0
        data = await source.exactly(size + 2)
        if not data.endswith(b"\r\n"):
            raise http1.BadMessage("A chunk is longer than its size.")
        await sink.send(line + data)  # at once: each write is a record of TLS
    await _trailers(source)
    await sink.send(b"0\r\n\r\n")  # without trailers (RFC 9110, 6.5.1): some servers take them for header fields


async def _trailers(source: Peer) -> None:
    for _ in range(_TRAILERS):
        if await source.line() == b"\r\n":
            return
    raise http1.BadMessage("There are too many trailers.")


async def join(one: Peer, other: Peer) -> None:
    """Pass all bytes both ways, untouched, until both ends are done; what is left of it ends with it."""
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_pass_on(one, other))
            both.create_task(_pass_on(other, one))
    except* OSError:
        one.abort()
        other.abort()


async def _pass_on(source: Peer, sink: Peer) -> None:
    while data := await source.reader.read(PIECE):
        sink.writer.write(data)
        await sink.writer.drain()
    if sink.writer.can_write_eof():
        sink.writer.write_eof()
    else:  # TLS has no half of a connection
        await sink.close()

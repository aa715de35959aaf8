"""Hostile connections: `python -m tests.sidecars.authproxy.strangers HOST:PORT COUNT ADDRESSES FIRST_ADDRESS`.

A process of its own, so that its work delays none of the questions whose time a test takes. Each connection is made
anew as soon as it is closed. It prints how many there were once its standard input ends.
"""

import asyncio
import contextlib
import ipaddress
import itertools
import os
import socket
import struct
import sys
from collections.abc import Awaitable, Callable

HEAD = b"HTTP/1.1\r\nHost: session.example.org\r\n"
CLIENT_HELLO = bytes.fromhex("16030100c8010000c40303") + b"x" * 193
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
WRONG_KEY = (
    b"GET /ws " + HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\nCookie: renku-auth=wrong\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n"
)
Attack = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def asks_again(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"GET / " + HEAD + b"\r\n")
        if not await reader.read(65536):
            return


def sends(begin: bytes) -> Attack:
    """Return the attack that sends this and no more, and waits."""

    async def attack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        while await reader.read(65536):
            pass

    return attack


async def never_reads(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    while not writer.is_closing():
        writer.write(100 * (b"GET / " + HEAD + b"\r\n"))
        async with asyncio.timeout(10):
            await writer.drain()
        await asyncio.sleep(0.1)


async def a_byte_a_second(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in WRONG_KEY:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1)


async def body_a_byte_a_second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"POST / " + HEAD + b"Content-Length: 1000000\r\n\r\n")
    while not reader.at_eof():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(1)


ATTACKS: tuple[Attack, ...] = (
    asks_again,
    sends(b"POST / " + HEAD + b"Content-Length: 9\r\n\r\n"),
    sends(b"POST / " + HEAD + FORM + b"Content-Length: 99\r\n\r\n"),
    never_reads,
    sends(b"GET / HTTP/1.1\r\nHost: half"),
    sends(CLIENT_HELLO),
    a_byte_a_second,
    sends(WRONG_KEY),
    sends(b""),
    body_a_byte_a_second,
)


class Siege:
    """So many connections at once, from several addresses of this machine."""

    def __init__(self, host: str, port: int, addresses: list[str]) -> None:
        self._door = host, port
        self._addresses = itertools.cycle(addresses)
        self.made = 0

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect from the next address, by a port that others may listen on meanwhile and at once afterwards."""
        made = socket.socket()
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            made.setblocking(False)
            made.bind((next(self._addresses), 0))
            await asyncio.get_running_loop().sock_connect(made, self._door)
            return await asyncio.open_connection(sock=made, limit=1 << 16)
        except BaseException:
            made.close()
            raise

    async def keep_up(self, attack: Attack) -> None:
        """Make a connection, use it, and make the next."""
        while True:
            writer = None
            with contextlib.suppress(OSError, TimeoutError):
                self.made += 1
                reader, writer = await self._connect()
                await attack(reader, writer)
            if writer is not None:
                writer.transport.abort()
            await asyncio.sleep(0)


async def main(target: str, count: str, addresses: str, first: str) -> None:
    """Attack until the standard input ends."""
    host, _, port = target.rpartition(":")
    start = ipaddress.IPv4Address(first)
    siege = Siege(host, int(port), [str(start + number) for number in range(int(addresses))])
    attacks = [asyncio.create_task(siege.keep_up(ATTACKS[number % len(ATTACKS)])) for number in range(int(count))]
    await asyncio.to_thread(sys.stdin.read)
    sys.stdout.write(f"{siege.made}\n")
    sys.stdout.flush()
    os._exit(0 if attacks else 1)  # all at once, as when a pod is killed


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

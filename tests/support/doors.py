"""Doors of sessions, played by small HTTP servers: each has a loopback address of its own, and the real port."""

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 65534
PATH = "/request_stats"
Answer = Callable[[], bytes]


class PlayedDoor:
    """The metadata port of one session's proxy; `says` may be changed at any time."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.address = str(server.server_address[0])
        self.path = PATH
        """What it answers; anything else is not found."""
        self.status = 200
        self.headers: dict[str, str] = {}
        self.says: Answer = lambda: nobody_works_since("2026-01-01T00:00:00Z")
        self.asked: list[datetime] = []
        """The time at which it was asked."""


def nobody_works_since(time: str) -> bytes:
    """Return what our proxy answers; it was asked for its page a moment ago."""
    now = datetime.now(UTC).isoformat()
    return json.dumps({"last_request_time": now, "version": 1, "last_work_time": time, "open_websockets": 1}).encode()


def somebody_works() -> bytes:
    """Return what our proxy answers while somebody types."""
    return nobody_works_since(datetime.now(UTC).isoformat())


def of_an_older_release() -> bytes:
    """Return what the Go operator's proxy answers."""
    return json.dumps({"last_request_time": datetime.now(UTC).isoformat()}).encode()


@contextmanager
def played() -> Iterator[PlayedDoor]:
    """Open a door, until the end of the block."""
    server = _listening()
    door = PlayedDoor(server)
    server.RequestHandlerClass = _handler(door)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield door
    server.shutdown()
    server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing of those who hang up."""


def _listening() -> ThreadingHTTPServer:
    """Listen at a loopback address that nobody else uses: other tests may run on this machine."""
    while True:
        address = "127.{}.{}.{}".format(*(1 + secrets.randbelow(254) for _ in range(3)))
        try:
            return _Server((address, PORT), BaseHTTPRequestHandler)
        except OSError:
            continue


def _handler(door: PlayedDoor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == door.path
            body = door.says() if found else b""
            door.asked += [datetime.now(UTC)] * found
            self.send_response(door.status if found else 404)
            for name, value in {**door.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler

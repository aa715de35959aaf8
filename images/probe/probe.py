#!/usr/bin/python3
"""A session that starts in a moment and does what a test asks of it.

Its environment: PROBE_PORT, else RENKU_SESSION_PORT (8888) · PROBE_START_DELAY, seconds before it listens ·
PROBE_RUN_SECONDS, after which it ends by itself (a job) with PROBE_EXIT_CODE (0).
Its pages: GET anything says who answers and what was asked · GET and PUT …/files/NAME read and write a file
in the working directory · POST …/exit/CODE ends it with that code · POST …/burn/SECONDS burns a core so long.
A WebSocket, opened anywhere, sends each short message back.
"""

import base64
import hashlib
import json
import os
import signal
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What a key is completed with before it is hashed and sent back (RFC 6455)."""


class Probe(BaseHTTPRequestHandler):
    """Answers below any prefix: only the last two parts of the path count."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """A file, or who answers and what was asked."""
        kind, name = self._target()
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._echo()
        elif kind != "files":
            self._answer(HTTPStatus.OK, json.dumps(self._about()).encode())
        elif Path(name).is_file():
            self._answer(HTTPStatus.OK, Path(name).read_bytes())
        else:
            self._answer(HTTPStatus.NOT_FOUND)

    def do_PUT(self) -> None:
        """Write a file."""
        kind, name = self._target()
        if kind != "files":
            self._answer(HTTPStatus.NOT_FOUND)
            return
        Path(name).write_bytes(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self._answer(HTTPStatus.NO_CONTENT)

    def do_POST(self) -> None:
        """End, or use the processor."""
        kind, value = self._target()
        if kind == "exit":
            self._answer(HTTPStatus.ACCEPTED)
            os._exit(int(value))
        if kind == "burn":
            threading.Thread(target=burn, args=(float(value),), daemon=True).start()
        self._answer(HTTPStatus.ACCEPTED if kind == "burn" else HTTPStatus.NOT_FOUND)

    def _target(self) -> tuple[str, str]:
        parts = self.path.partition("?")[0].split("/")
        return (parts[-2], parts[-1]) if len(parts) > 2 else ("", parts[-1])

    def _about(self) -> dict[str, object]:
        return {
            "host": os.uname().nodename,
            "path": self.path,
            "user": os.getuid(),
            "group": os.getgid(),
            "headers": dict(self.headers.items()),
            "files": sorted(file.name for file in Path().iterdir()),
        }

    def _echo(self) -> None:
        """Send the text messages of a WebSocket back, up to 125 bytes each, until its end."""
        key = self.headers["Sec-WebSocket-Key"].encode() + WEBSOCKET
        accepted = base64.b64encode(hashlib.sha1(key, usedforsecurity=False).digest())
        self.send_response(HTTPStatus.SWITCHING_PROTOCOLS)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accepted.decode())
        self.end_headers()
        while (head := self.rfile.read(2)) and head[0] == 0x81:
            length = head[1] & 0x7F
            mask, masked = self.rfile.read(4), self.rfile.read(length)
            self.wfile.write(head[:1] + bytes([length]) + bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked)))
        self.close_connection = True

    def _answer(self, status: HTTPStatus, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def burn(seconds: float) -> None:
    """Use one core."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def main() -> None:
    """Listen until told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    time.sleep(float(os.environ.get("PROBE_START_DELAY", "0")))
    if run_seconds := os.environ.get("PROBE_RUN_SECONDS"):
        exit_code = int(os.environ.get("PROBE_EXIT_CODE", "0"))
        end = threading.Timer(float(run_seconds), os._exit, (exit_code,))
        end.daemon = True  # else SIGTERM would wait for it
        end.start()
    port = int(os.environ.get("PROBE_PORT") or os.environ.get("RENKU_SESSION_PORT") or "8888")
    sys.stdout.write(f"listening on port {port}\n")
    ThreadingHTTPServer(("", port), Probe).serve_forever()


if __name__ == "__main__":
    main()

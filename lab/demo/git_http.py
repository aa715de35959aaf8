"""A git server over HTTPS: git's own program for it, `git http-backend`, behind passwords.

`lab.demo.git_server` runs it for the demo; the tests have one of their own in `tests/support/git_server.py`.
"""

import base64
import contextlib
import hmac
import os
import ssl
import subprocess
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from lab.base.pki import KeyPair


class Handler(BaseHTTPRequestHandler):
    """Answers requests for a repository."""

    git: "GitHttp"
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        self.answer(urlsplit(self.path).path)

    def do_POST(self) -> None:
        self.answer(urlsplit(self.path).path)

    def log_message(self, *_: object) -> None:
        """Log nothing of successful requests."""

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):  # the client has gone
            super().handle()

    def answer(self, path: str) -> None:
        """Answer a request, unless the client is not let in."""
        if self.is_let_in(path.split("/")[1].removesuffix(".git")):
            self.send(*self.backend(path))
        else:
            self.send(HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": 'Basic realm="git"'}, b"")

    def is_let_in(self, repository: str) -> bool:
        """Return whether user and password are those of a repository, if it has any."""
        wanted = self.git.passwords.get(repository)
        if wanted is None:
            return True
        expected = base64.b64encode(":".join(wanted).encode()).decode()
        return hmac.compare_digest(self.headers.get("Authorization") or "", f"Basic {expected}")

    def backend(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, header fields and body of git's own answer."""
        self.request_body = self.body()
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.git.repositories),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol") or "",
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
            "CONTENT_TYPE": self.headers.get("Content-Type") or "",
            "CONTENT_LENGTH": str(len(self.request_body)),
            "PATH_INFO": path,
            "QUERY_STRING": urlsplit(self.path).query,
            "REQUEST_METHOD": self.command,
            "REMOTE_ADDR": self.client_address[0],
            **({"REMOTE_USER": "known"} if self.headers.get("Authorization") else {}),
        }
        command = ("git", "http-backend")
        done = subprocess.run(command, input=self.request_body, env=environment, capture_output=True, check=False)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        return int(headers.pop("Status", "200")[:3]), headers, body

    def body(self) -> bytes:
        """Return the body of the request: git sends a large one in chunks."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        return b"".join(chunks)

    def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send an answer."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class GitHttp:
    """Serves the bare repositories of a folder, each as NAME.git, from a thread of its own until `close`."""

    handler: ClassVar = Handler

    def __init__(self, repositories: Path, pair: KeyPair, address: str = "127.0.0.1", port: int = 0) -> None:
        self.repositories = repositories
        self.passwords: dict[str, tuple[str, str]] = {}
        """By its name, who may read and write a repository; anybody may read the others."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        self._server = ThreadingHTTPServer((address, port), type("Handler", (self.handler,), {"git": self}))
        self._server.daemon_threads = True
        # Without a handshake here, where one slow client would keep all others waiting.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        """Address and port."""
        address, port = self._server.server_address[:2]
        return f"{address!s}:{port}"

    def address(self, repository: str) -> str:
        """Return the URL of a repository."""
        return f"https://{self.host}/{repository}.git"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

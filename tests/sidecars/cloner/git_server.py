"""A git server over HTTPS: `git http-backend` behind passwords, Git LFS beside it, and faults at a test's request.

While it answers, git is at work: at each request it looks whether any process shows a secret.
"""

import base64
import contextlib
import hashlib
import json
import os
import ssl
import subprocess
import threading
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from lab.pki import Authority

Fault = Literal["break", "busy", "hold"]


class GitServer:
    """Serves the bare repositories of a folder. Ends with `close`."""

    def __init__(self, repositories: Path, authority: Authority) -> None:
        self.repositories = repositories
        self.ca = authority.pair.certificate
        self.passwords: dict[str, tuple[str, str]] = {}
        """By its name, who may read a repository; anybody may read the others."""
        self.large_files: dict[str, bytes] = {}
        self.tokens: dict[str, str] = {}
        """By the path of its address and the bearer, separated by a space: each provider's token."""
        self.faults: deque[Fault] = deque()
        """What goes wrong with the next clones, in order."""
        self.secrets: set[str] = set()
        self.shown: set[str] = set()
        """Which secrets some process showed in its arguments or environment."""
        self.clones = 0
        self.held, self.go_on = threading.Event(), threading.Event()
        pair = authority.server("git", ["127.0.0.1"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        handler = type("Handler", (_Handler,), {"git": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def address(self, repository: str) -> str:
        return f"https://{self.host}/{repository}.git"

    def add_large_file(self, content: bytes) -> str:
        """Keep a large file; return the text that stands for it in the repository."""
        name = hashlib.sha256(content).hexdigest()
        self.large_files[name] = content
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{name}\nsize {len(content)}\n"

    def close(self) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def look_for_secrets(self) -> None:
        for process in Path("/proc").glob("[0-9]*"):
            for file in ("cmdline", "environ"):
                try:
                    content = (process / file).read_bytes()
                except OSError:
                    continue
                self.shown |= {f"{secret} in {file}" for secret in self.secrets if secret.encode() in content}


class _Handler(BaseHTTPRequestHandler):
    git: GitServer
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):  # the client has gone
            super().handle()

    def _answer(self) -> None:
        self.git.look_for_secrets()
        path = urlsplit(self.path).path
        if path.startswith("/token/"):
            self._token(path)
        elif not self._is_let_in(path.split("/")[1].removesuffix(".git")):
            self._send(401, b"", {"WWW-Authenticate": 'Basic realm="git"'})
        elif path.endswith("/info/lfs/objects/batch"):
            self._batch()
        elif "/large/" in path:
            self._send(200, self.git.large_files[path.rpartition("/")[2]])
        else:
            self._backend(path)

    def _token(self, path: str) -> None:
        bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        token = self.git.tokens.get(f"{path} {bearer}")
        if token is None:
            self._send(401, b"{}")
        else:
            self._send(200, json.dumps({"access_token": token, "expires_at": -1}).encode())

    def _is_let_in(self, repository: str) -> bool:
        wanted = self.git.passwords.get(repository)
        if wanted is None:
            return True
        expected = base64.b64encode(":".join(wanted).encode()).decode()
        return self.headers.get("Authorization") == f"Basic {expected}"

    def _batch(self) -> None:
        asked = json.loads(self._body())
        base = f"https://{self.git.host}{self.path.partition('/info/lfs')[0]}/large"
        objects = [self._large_file(one, base) for one in asked["objects"]]
        answer = {"transfer": "basic", "objects": objects}
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/vnd.git-lfs+json"})

    def _large_file(self, one: Mapping[str, object], base: str) -> Mapping[str, object]:
        if one["oid"] not in self.git.large_files:
            return {**one, "error": {"code": 404, "message": "Object does not exist"}}
        return {**one, "actions": {"download": {"href": f"{base}/{one['oid']}"}}}

    def _backend(self, path: str) -> None:
        status, headers, body = self._cgi(path)
        is_pack = path.endswith("/git-upload-pack") and b"command=fetch" in self._request_body
        self.git.clones += is_pack
        fault = self.git.faults.popleft() if is_pack and self.git.faults else None
        if fault == "busy":
            self._send(503, b"")
        elif fault is None:
            self._send(status, body, headers)
        else:
            self._send(status, body[: len(body) // 2], {**headers, "Content-Length": str(len(body))})
            if fault == "hold":
                self.git.held.set()
                self.git.go_on.wait(30)

    def _cgi(self, path: str) -> tuple[int, dict[str, str], bytes]:
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
            "PATH_INFO": path,
            "QUERY_STRING": urlsplit(self.path).query,
            "REQUEST_METHOD": self.command,
            "REMOTE_ADDR": "127.0.0.1",
        }
        self._request_body = self._body()
        environment["CONTENT_LENGTH"] = str(len(self._request_body))
        done = subprocess.run(
            ["git", "http-backend"], input=self._request_body, env=environment, capture_output=True, check=False
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        return int(headers.pop("Status", "200")[:3]), headers, body

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

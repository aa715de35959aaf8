"""The lab's git server as tests need it: with Git LFS, tokens of a web back end, and faults at a test's request.

While it answers, git is at work: at each request it looks whether any process shows a secret.
"""

import hashlib
import json
import threading
from collections import deque
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Literal

from lab.base.pki import Authority
from lab.demo.git_http import GitHttp, Handler

_OVER_QUOTA = b'{"message": "This repository is over its data quota."}'
Fault = Literal["break", "busy", "hold"]


class _Handler(Handler):
    git: "GitServer"

    def answer(self, path: str) -> None:
        self.git.look_for_secrets()
        self.git.sent += [path] * bool(self.headers.get("Authorization"))
        if path.startswith("/token/"):
            self._token(path)
        else:
            super().answer(path)

    def _token(self, path: str) -> None:
        bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        token = self.git.tokens.get(f"{path} {bearer}")
        if token is None:
            self.send(HTTPStatus.UNAUTHORIZED, {}, b"{}")
        else:
            self.send(HTTPStatus.OK, {}, json.dumps({"access_token": token, "expires_at": -1}).encode())

    def backend(self, path: str) -> tuple[int, dict[str, str], bytes]:
        if path.endswith("/info/lfs/objects/batch"):
            if path.removeprefix("/").partition(".git/")[0] in self.git.over_quota:
                return HTTPStatus.FORBIDDEN, {"Content-Type": "application/vnd.git-lfs+json"}, _OVER_QUOTA
            return self._batch()
        if "/large/" in path:
            return HTTPStatus.OK, {}, self.git.large_files[path.rpartition("/")[2]]
        status, headers, body = super().backend(path)
        is_pack = path.endswith("/git-upload-pack") and b"command=fetch" in self.request_body
        self.git.clones += is_pack
        match self.git.faults.popleft() if is_pack and self.git.faults else None:
            case None:
                return status, headers, body
            case "busy":
                return HTTPStatus.SERVICE_UNAVAILABLE, {}, b""
            case fault:
                return status, {**headers, "X-Fault": fault, "Content-Length": str(len(body))}, body[: len(body) // 2]

    def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().send(status, headers, body)
        if headers.get("X-Fault") == "hold":
            self.git.held.set()
            self.git.go_on.wait(30)

    def _batch(self) -> tuple[int, dict[str, str], bytes]:
        asked = json.loads(self.body())
        base = f"https://{self.git.host}{self.path.partition('/info/lfs')[0]}/large"
        objects = [self._large_file(one, base) for one in asked["objects"]]
        answer = {"transfer": "basic", "objects": objects}
        return HTTPStatus.OK, {"Content-Type": "application/vnd.git-lfs+json"}, json.dumps(answer).encode()

    def _large_file(self, one: Mapping[str, object], base: str) -> Mapping[str, object]:
        if one["oid"] not in self.git.large_files:
            return {**one, "error": {"code": 404, "message": "Object does not exist"}}
        return {**one, "actions": {"download": {"href": f"{base}/{one['oid']}"}}}


class GitServer(GitHttp):
    """Serves the bare repositories of a folder, with a certificate of `authority`. Ends with `close`."""

    handler = _Handler

    def __init__(self, repositories: Path, authority: Authority, address: str = "127.0.0.1") -> None:
        self.ca = authority.pair.certificate
        self.large_files: dict[str, bytes] = {}
        self.over_quota: set[str] = set()
        """Repositories whose large files nobody gets any more."""
        self.tokens: dict[str, str] = {}
        """By the path of its address and the bearer, separated by a space: each provider's token."""
        self.faults: deque[Fault] = deque()
        """What goes wrong with the next clones, in order."""
        self.secrets: set[str] = set()
        self.shown: set[str] = set()
        """Which secrets some process showed in its arguments or environment."""
        self.sent: list[str] = []
        """The paths that somebody has asked for with a password."""
        self.clones = 0
        self.held, self.go_on = threading.Event(), threading.Event()
        super().__init__(repositories, authority.server("git", [address]), address)

    def add_large_file(self, content: bytes) -> str:
        """Keep a large file; return the text that stands for it in the repository."""
        name = hashlib.sha256(content).hexdigest()
        self.large_files[name] = content
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{name}\nsize {len(content)}\n"

    def close(self) -> None:
        self.go_on.set()
        super().close()

    def look_for_secrets(self) -> None:
        if not self.secrets:
            return
        for process in Path("/proc").glob("[0-9]*"):
            for file in ("cmdline", "environ"):
                try:
                    content = (process / file).read_bytes()
                except OSError:
                    continue
                self.shown |= {f"{secret} in {file}" for secret in self.secrets if secret.encode() in content}

"""A provider of git repositories for tests: git's own server program behind TLS, LFS, and the servers of tokens.

It accepts one token for its repositories, and keeps what it was asked. Tests change what it accepts and how it behaves.
"""

import asyncio
import base64
import hashlib
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from lab.base.pki import Authority

BACKEND = "/usr/lib/git-core/git-http-backend"
HOST = "0.0.0.0"
"""This machine, by a name for which Go programs, such as git-lfs, use a proxy: they never do for `localhost`."""
PIECE = 256 * 1024


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    authorization: str
    chunked: bool


@dataclass
class Forge:
    """The provider, and Renku beside it: `accepted` is the token that opens the repositories."""

    folder: Path
    authority: Authority
    accepted: str = "provider-token-1"
    given: str = "provider-token-1"
    """What Renku gives out as the provider's token."""
    expires_at: float | None = None
    access: str = "renku-access-1"
    refresh: str = "renku-refresh-1"
    renewed_after: str = ""
    """After a request with such a path another token is accepted and given."""
    renewals: int = 0
    token_questions: int = 0
    down: int = 0
    """A status that Renku answers with, whatever is asked."""
    copies: bool = False
    """Whether the answer to an LFS batch holds the request's `Authorization`, as with Gitea and Forgejo."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Old names of repositories, for which it sends git on to the new ones, whoever asks."""
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    renku_port: int = 0
    on_renewal: Callable[[], None] = lambda: None
    _runners: list[web.AppRunner] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address of the repositories."""
        return f"https://{HOST}:{self.port}"

    @property
    def renku(self) -> str:
        """The address of the tokens."""
        return f"http://localhost:{self.renku_port}"

    async def start(self) -> None:
        """Listen on ports of the system's choice."""
        pair = self.authority.server("forge", [HOST])
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(pair.certificate, pair.key)
        self.port = await self._listen(self._forge(), tls)
        self.renku_port = await self._listen(self._tokens(), None)

    async def stop(self) -> None:
        """Close all ports."""
        for runner in self._runners:
            await runner.cleanup()

    async def _listen(self, app: web.Application, tls: ssl.SSLContext | None) -> int:
        runner = web.AppRunner(app, auto_decompress=False, shutdown_timeout=0.1)
        await runner.setup()
        self._runners.append(runner)
        server = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await server.start()
        port: int = runner.addresses[0][1]
        return port

    def _tokens(self) -> web.Application:
        async def renew(request: web.Request) -> web.Response:
            form = await request.post()
            if self.down:
                return web.Response(status=self.down)
            if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != self.refresh:
                return web.Response(status=401)
            self.renewals += 1
            self.access, self.refresh = f"renku-access-{self.renewals + 1}", f"renku-refresh-{self.renewals + 1}"
            self.on_renewal()
            return web.json_response({"access_token": self.access, "refresh_token": self.refresh})

        async def token(request: web.Request) -> web.Response:
            self.token_questions += 1
            if self.down:
                return web.Response(status=self.down)
            if request.headers.get("Authorization") != f"Bearer {self.access}":
                return web.Response(status=401)
            if not self.given:
                return web.Response(status=404)
            return web.json_response({"access_token": self.given, "expires_at": self.expires_at})

        app = web.Application()
        app.router.add_post("/renew", renew)
        app.router.add_get("/token", token)
        return app

    def _forge(self) -> web.Application:
        app = web.Application(client_max_size=2**40)
        app.router.add_post("/{repository:.+}/info/lfs/objects/batch", self._guarded(self._batch))
        app.router.add_put("/{repository:.+}/lfs/{oid}", self._guarded(self._upload))
        app.router.add_get("/{repository:.+}/lfs/{oid}", self._guarded(self._download))
        app.router.add_route("*", "/{path:.*}", self._guarded(self._git))
        return app

    def _guarded(self, handler: Handler) -> Handler:
        async def check(request: web.Request) -> web.StreamResponse:
            authorization = request.headers.get("Authorization", "")
            chunked = request.headers.get("Transfer-Encoding") == "chunked"
            self.asked.append(Asked(request.method, request.path, authorization, chunked))
            for old, new in self.renamed.items():
                if request.path.startswith(f"/{old}/"):
                    return web.Response(status=301, headers={"Location": request.path_qs.replace(old, new, 1)})
            expected = "Basic " + base64.b64encode(f"oauth2:{self.accepted}".encode()).decode()
            if authorization != expected and not request.path.startswith("/open/"):
                return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="forge"'})
            answer = await handler(request)
            if self.renewed_after and request.path.endswith(self.renewed_after):
                self.accepted = self.given = "provider-token-2"
            return answer

        return check

    async def _git(self, request: web.Request) -> web.StreamResponse:
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "somebody",
            "REMOTE_ADDR": "127.0.0.1",
        }
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(BACKEND, stdin=pipe, stdout=pipe, env=environment, limit=2**20)
        assert process.stdin is not None
        assert process.stdout is not None
        feeding = asyncio.create_task(_feed(request, process.stdin))
        try:
            return await _answer(request, process.stdout)
        finally:
            feeding.cancel()
            if process.returncode is None:
                await process.wait()

    async def _batch(self, request: web.Request) -> web.Response:
        asked = await request.json()
        base = f"{self.url}/{request.match_info['repository']}/lfs"
        header = {"header": {"Authorization": request.headers["Authorization"]}} if self.copies else {}
        return web.json_response(
            {
                "transfer": "basic",
                "objects": [
                    {**each, "actions": {asked["operation"]: {"href": f"{base}/{each['oid']}", **header}}}
                    for each in asked["objects"]
                ],
            },
            content_type="application/vnd.git-lfs+json",
        )

    async def _upload(self, request: web.Request) -> web.Response:
        data = await request.read()
        assert hashlib.sha256(data).hexdigest() == request.match_info["oid"]
        (self.folder / request.match_info["oid"]).write_bytes(data)
        return web.Response()

    async def _download(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(self.folder / request.match_info["oid"])


async def _feed(request: web.Request, stdin: asyncio.StreamWriter) -> None:
    async for data in request.content.iter_any():
        stdin.write(data)
        await stdin.drain()
    stdin.close()


async def _answer(request: web.Request, stdout: asyncio.StreamReader) -> web.StreamResponse:
    head = (await stdout.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    fields = dict(line.split(": ", 1) for line in head if line)
    response = web.StreamResponse(status=int(fields.pop("Status", "200").split()[0]), headers=fields)
    await response.prepare(request)
    while data := await stdout.read(PIECE):
        await response.write(data)
    await response.write_eof()
    return response

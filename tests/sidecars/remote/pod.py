"""The controller as its container runs it: a program by itself, beside a fake FirecREST on a real port."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from amalthea.remote.requests.exchange import Exchange
from amalthea.sidecars.http.messages import Answer, Question
from amalthea.testing.remote.cluster import MemoryFiles, MemoryScheduler, SlurmJob
from amalthea.testing.remote.firecrest import FakeFirecrest
from amalthea.testing.remote.firecrest_server import ServedExchange
from amalthea.testing.remote.issuer import FakeIssuer
from tests.support import sidecars
from tests.support.processes import free_port

FOLDER = "/scratch/alice/renku/sessions/group/project/my-session"


class BusyCluster(MemoryScheduler):
    """A cluster whose jobs run at once, and have written `output` by then."""

    def __init__(self, files: MemoryFiles) -> None:
        super().__init__(time.time)
        self._files = files
        self.output = b""

    def submit(self, job: SlurmJob) -> str:
        number = super().submit(job)
        job.state, job.reason, job.start = "RUNNING", None, time.time()
        self._files.write(job.output, self.output)
        return number


class Pod:
    """A pod and its cluster. `silence` keeps FirecREST from answering while it is set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = MemoryFiles()
        self.cluster = BusyCluster(self.files)
        self.issuer = FakeIssuer(time.time)
        self.firecrest = FakeFirecrest(time.time, self.issuer.ends, self.files, self.cluster)
        self.silence = asyncio.Event()
        self.held = 0
        """Questions that were not answered for silence."""
        self.released = asyncio.Event()
        self.port = free_port()
        self.env: dict[str, str] = {}
        self.programs: list[asyncio.subprocess.Process] = []

    @contextlib.asynccontextmanager
    async def tunnel(self, entry: int, session_port: int) -> AsyncIterator[None]:
        """Run the tunnel's server on a port; clients may have the session's port of the pod."""
        program = await asyncio.create_subprocess_exec(
            *sidecars.sidecars("tunnel", "listen"),
            env={
                "PATH": self.env["PATH"],
                "WSTUNNEL_PORT": str(entry),
                "WSTUNNEL_SECRET": "the-tunnels-secret",
                "TUNNEL_LOOPBACK_ONLY": "true",
                "TUNNEL_SESSION_PORT": str(session_port),
            },
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            program.terminate()
            await asyncio.wait_for(program.wait(), 20)

    @contextlib.asynccontextmanager
    async def world(self) -> AsyncIterator["Pod"]:
        """Serve FirecREST and tokens; end what still runs afterwards."""
        access, refresh = self.issuer.begin()
        exchanges: dict[str, Exchange] = {"v2": self._answer, "renew": self.issuer, "token": self.issuer}
        async with ServedExchange(exchanges) as served:
            self.env = {
                "PATH": os.environ["PATH"],
                "RSC_SERVER_PORT": str(self.port),
                "RSC_FIRECREST_API_URL": f"{served.url}/v2",
                "RSC_FIRECREST_SYSTEM_NAME": "lab",
                "RSC_AUTH_KIND": "renku_v2",
                "RSC_AUTH_TOKEN_URI": f"{served.url}/token",
                "RSC_AUTH_RENKU_TOKEN_URI": f"{served.url}/renew",
                "RSC_AUTH_RENKU_ACCESS_TOKEN": access,
                "RSC_AUTH_RENKU_REFRESH_TOKEN": refresh,
                "RSC_WSTUNNEL_SECRET": "the-tunnels-secret",
                "REMOTE_SESSION_IMAGE": "registry.example.org/group/lab:1",
                "RENKU_MOUNT_DIR": str(self.folder),
                "RENKU_PROJECT_PATH": "group/project",
                "RENKU_BASE_URL": "https://renku.example.org",
                "RENKU_BASE_URL_PATH": "/sessions/my-session",
                "USER_ENV_PASSWORD": "the-users-password",
            }
            try:
                yield self
            finally:
                self.released.set()
                for program in self.programs:
                    with contextlib.suppress(ProcessLookupError):
                        program.kill()
                    await program.communicate()

    async def start(self, *prefix: str, **env: str) -> asyncio.subprocess.Process:
        """Start the controller."""
        program = await asyncio.create_subprocess_exec(
            *prefix,
            *sidecars.sidecars("remote-session-controller", "run"),
            env=self.env | env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**24,
        )
        self.programs.append(program)
        return program

    def state(self) -> dict[str, object]:
        """Return what the controller has written down of its job."""
        path = self.folder / ".rsc/state.json"
        found: dict[str, object] = json.loads(path.read_text()) if path.exists() else {}
        return found

    async def get(self, path: str) -> tuple[int, str]:
        """Ask the controller; status 0 where nobody listens."""
        try:
            async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}{path}") as answer:
                return answer.status, await answer.text()
        except aiohttp.ClientError:
            return 0, ""

    async def _answer(self, question: Question) -> Answer:
        if self.silence.is_set():
            self.held += 1
            await self.released.wait()
        return await self.firecrest(question)


async def ended(program: asyncio.subprocess.Process, number: int = signal.SIGTERM) -> tuple[list[str], str]:
    """Send a signal, and return the lines of the program's output and its standard error."""
    program.send_signal(number)
    out, error = await asyncio.wait_for(program.communicate(), 50)
    return out.decode().splitlines(), error.decode()


def logged(lines: list[str]) -> dict[str, dict[str, object]]:
    """Return the log's entries by their text."""
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    return {str(entry["msg"]): entry for entry in entries}

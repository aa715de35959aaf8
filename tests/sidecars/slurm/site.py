"""A session on a real Slurm, as its pod sees it: the controller from the image, and a job on the plain host."""

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from amalthea.remote import kinds, settings
from amalthea.remote.clock import SystemClock
from amalthea.remote.job.journal import FileJournal
from amalthea.remote.job.port import Phase, RemoteBackend, Report, Surroundings
from amalthea.sidecars.http.messages import Answer, Question
from amalthea.testing.remote.cluster import SlurmJob
from amalthea.testing.remote.slurm import SlurmScheduler
from lab.slurm.cluster import Slurm
from tests.sidecars.remote.pod import Pod
from tests.support.processes import free_port

SECRETS = ("the-tunnels-secret", "the-users-password")
WITHIN = 30.0
_STEPS = ("--noheader", "--parsable2", "--format=JobID,State")

Status = dict[str, object]


@dataclass
class Site:
    """One session's pod and the cluster."""

    slurm: Slurm
    scheduler: SlurmScheduler
    pod: Pod
    entry: int = field(default_factory=free_port)

    async def controller(self, *command: str, **env: str) -> asyncio.subprocess.Process:
        """Start the controller of a session that runs a command on the plain host."""
        return await self.pod.start(**{**self._given(command), **env})

    async def ends(self, *command: str, meanwhile: Callable[[], object] | None = None, **env: str) -> Report:
        """Submit the job of a session, do something once it runs, and return the report of its end.

        No controller asks here, which would ask once a minute.
        """
        backend = await self._backend(command, env)
        assert not await backend.recover()
        await backend.start()
        await self._poll(backend, Phase.RUNNING)
        if meanwhile is not None:
            await self.wait_for(self._has_begun)
            meanwhile()
        return await self._poll(backend, Phase.FAILED)

    async def _poll(self, backend: RemoteBackend, wanted: Phase, seconds: float = 150.0) -> Report:
        deadline = time.monotonic() + seconds
        while (report := await backend.poll()).phase not in (wanted, Phase.FAILED, Phase.COMPLETED):
            assert time.monotonic() < deadline, report
            await asyncio.sleep(0.3)
        return report

    async def _backend(self, command: tuple[str, ...], env: dict[str, str]) -> RemoteBackend:
        async def exchange(question: Question) -> Answer:
            asked = self.pod.firecrest if urlsplit(question.url).path.startswith("/v2/") else self.pod.issuer
            return await asked(question)

        async def print_lines(_: list[str]) -> None:
            """The end of the output is in the report on the job."""

        known = self.pod.env | self._given(command) | env
        journal = FileJournal(self.pod.folder / ".rsc")
        around = Surroundings(exchange, SystemClock(), random.Random(1), journal, print_lines, known)
        options = settings.read([], known)
        return await kinds.choose(options).make(options, around)

    def _has_begun(self) -> bool:
        """Return whether the program runs: its step is there besides that of the script."""
        return ".0|RUNNING" in self.slurm.command("sacct", "--jobs", self.job().id, *_STEPS)

    def _given(self, command: tuple[str, ...]) -> dict[str, str]:
        return {
            "RSC_FIRECREST_RUNTIME": "host",
            "RSC_SESSION_COMMAND": json.dumps(command),
            "RSC_SESSION_PORT": str(free_port()),
            "RENKU_BASE_URL": f"http://127.0.0.1:{self.entry}",
        }

    async def status(self) -> Status:
        """Return what the controller says, empty while it does not answer."""
        _, text = await self.pod.get("/status")
        return dict(json.loads(text)) if text else {}

    async def wait(self, wanted: Callable[[Status], object], seconds: float = WITHIN) -> Status:
        """Return what the controller says once it is as wanted."""
        deadline = time.monotonic() + seconds
        while not wanted(found := await self.status()):
            assert time.monotonic() < deadline, f"after {seconds:g} s the controller says {found}"
            await asyncio.sleep(0.2)
        return found

    async def wait_for(self, wanted: Callable[[], object], seconds: float = WITHIN) -> None:
        """Return once something is so, asking without holding up the FirecREST of this process."""
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(wanted):
            assert time.monotonic() < deadline, f"not so after {seconds:g} s: {self.jobs()}"
            await asyncio.sleep(0.2)

    def jobs(self) -> list[SlurmJob]:
        """Return the session's jobs."""
        return [job for job in self.scheduler.jobs() if job.folder.startswith(str(self.pod.folder))]

    def job(self) -> SlurmJob:
        """Return the session's only job."""
        [job] = self.jobs()
        return job

    @property
    def work(self) -> Path:
        """Return the folder of the session's files."""
        return self.pod.folder / "scratch/alice/renku/sessions/group/project/my-session/work"


def python(code: str) -> tuple[str, ...]:
    """Return a command that runs some Python."""
    return (sys.executable, "-I", "-c", code)

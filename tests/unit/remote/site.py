"""A session's controller and the world around it, without a socket: a cluster, FirecREST, Renku, and a volume."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import urlsplit

from amalthea.remote import kinds, settings
from amalthea.remote.job.controller import Controller
from amalthea.remote.job.journal import JournalError, State
from amalthea.remote.job.port import RemoteBackend, Surroundings
from amalthea.remote.login.renku import Pair
from amalthea.remote.requests.exchange import Exchange
from amalthea.sidecars.http.messages import Answer, Question
from amalthea.testing.clock import FakeClock, SkewedClock
from amalthea.testing.remote.cluster import MemoryFiles, MemoryScheduler
from amalthea.testing.remote.firecrest import FakeFirecrest
from amalthea.testing.remote.issuer import CLUSTER, RENKU, FakeIssuer

T = TypeVar("T")

FOLDER = "/scratch/alice/renku/sessions/group/project/my-session"
ENV = {
    "RSC_FIRECREST_API_URL": "https://firecrest.example.org/v2/",
    "RSC_FIRECREST_SYSTEM_NAME": "lab",
    "RSC_AUTH_KIND": "renku_v2",
    "RSC_AUTH_TOKEN_URI": CLUSTER,
    "RSC_AUTH_RENKU_TOKEN_URI": RENKU,
    "RSC_WSTUNNEL_SECRET": "the tunnel's secret",
    "REMOTE_SESSION_IMAGE": "registry.example.org/group/lab:1",
    "RENKU_PROJECT_PATH": "group/project",
    "RENKU_BASE_URL": "https://renku.example.org",
    "RENKU_BASE_URL_PATH": "/sessions/my-session",
}


class Crash(Exception):  # noqa: N818  (named by what happened)
    """The process is gone."""


class Fuse:
    """Ends a process at its n-th step: before or after what the step does. Without a number it never does."""

    def __init__(self, at: int = 0, then: Callable[[], None] | None = None) -> None:
        self.at, self.steps, self._then = at, 0, then

    def step(self) -> None:
        self.steps += 1
        if self.at and self.steps == self.at and self._then is not None:
            self._then()
        elif self.at and self.steps >= self.at and self._then is None:
            raise Crash


class MemoryJournal:
    """Implements `journal.Journal`; a process has its own, over what outlives it."""

    def __init__(self, volume: "Volume", fuse: Fuse) -> None:
        self._volume, self._fuse, self._forgotten = volume, fuse, False

    async def read(self) -> State:
        if self._volume.unreadable:
            raise JournalError("state.json cannot be read (Input/output error)")
        return self._volume.state

    async def write(self, state: State) -> None:
        self._fuse.step()
        await asyncio.sleep(0)
        if self._volume.full and not state.intent:
            raise JournalError("state.json cannot be written (No space left on device)")
        if not self._forgotten:
            self._volume.state = state
        self._fuse.step()

    async def forget(self) -> None:
        self._forgotten, self._volume.state = True, State()

    async def read_pair(self) -> Pair:
        return self._volume.pair

    async def write_pair(self, pair: Pair) -> None:
        self._volume.pair = pair


class Volume:
    """The content of `.rsc/`."""

    def __init__(self) -> None:
        self.state, self.pair = State(), Pair()
        self.unreadable = False
        self.full = False
        """Whether nothing can be written, but for the name of a job to be submitted."""


class Site:
    """All of it. `process` starts a controller; whatever it is, the world stays."""

    def __init__(self, **env: str) -> None:
        self.clock = FakeClock()
        self.pods_clock = SkewedClock(self.clock, 0.0)
        self.issuer = FakeIssuer(self._now)
        self.files, self.scheduler = MemoryFiles(), MemoryScheduler(self._now)
        self.firecrest = FakeFirecrest(self._now, self.issuer.ends, self.files, self.scheduler)
        self.machine_room: Exchange = self.firecrest
        access, refresh = self.issuer.begin()
        tokens = {"RSC_AUTH_RENKU_ACCESS_TOKEN": access, "RSC_AUTH_RENKU_REFRESH_TOKEN": refresh}
        self.env = ENV | tokens | env
        self.volume = Volume()
        self.printed: list[str] = []
        self.stopped = asyncio.Event()

    async def backend(self, fuse: Fuse | None = None) -> RemoteBackend:
        """Return the backend of a new process."""
        fuse = fuse or Fuse()

        async def exchange(question: Question) -> Answer:
            fuse.step()
            await asyncio.sleep(0)
            issued = urlsplit(question.url).hostname == "renku.example.org"
            answer = await (self.issuer(question) if issued else self.machine_room(question))
            fuse.step()
            return answer

        async def print_lines(lines: list[str]) -> None:
            self.printed += lines

        chance = random.Random(1)
        journal = MemoryJournal(self.volume, fuse)
        around = Surroundings(exchange, self.pods_clock, chance, journal, print_lines, self.env)
        options = settings.read([], self.env)
        return await kinds.choose(options).make(options, around)

    async def controller(self, fuse: Fuse | None = None) -> Controller:
        """Return the controller of a new process."""
        return Controller(await self.backend(fuse), self.pods_clock, random.Random(1))

    async def finish(self, work: Awaitable[T]) -> T:
        """Let time pass until `work` is done, and return its result."""
        task = asyncio.ensure_future(work)
        for _ in range(10_000):
            await self.clock.advance(0)  # what can go on without any time does
            if task.done():
                return task.result()
            await self.clock.advance(self.clock.next_due or 0)
        raise AssertionError("it never ends")

    def _now(self) -> float:
        return self.clock.now().timestamp()


class Running:
    """A controller that runs; `site` is its world."""

    def __init__(self, site: Site, controller: Controller) -> None:
        self.site, self.controller = site, controller
        self.task = asyncio.create_task(controller.run(site.stopped))

    async def stop(self) -> str:
        """Send SIGTERM, and return what the controller returns."""
        self.site.stopped.set()
        return await self.site.finish(self.task)


async def running(site: Site) -> Running:
    """Start a controller and let it submit its job, and the job start."""
    started = Running(site, await site.controller())
    await site.clock.advance(1)
    site.scheduler.run()
    await site.clock.advance(5)
    return started

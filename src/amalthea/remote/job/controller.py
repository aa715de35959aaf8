"""The life of a remote session: find or submit its job, watch it, and cancel it when the pod is stopped."""

import asyncio
import contextlib
import logging

from amalthea.remote.clock import Clock, time_limit
from amalthea.remote.errors import Refused, RemoteError
from amalthea.remote.job import cadence
from amalthea.remote.job.journal import JournalError
from amalthea.remote.job.port import Phase, RemoteBackend, Report
from amalthea.remote.job.standing import Standing
from amalthea.remote.requests import retry
from amalthea.remote.requests.caller import Chance

START = 900.0
"""Seconds in which a job has to be submitted."""
POLL = 60.0
"""Seconds for one look at the job and its output."""
STOP = 40.0
"""Seconds in which the job has to be cancelled: the pod is killed 60 s after SIGTERM."""
_AGAIN = 1.0
"""Seconds until the next look at an output that was not read to its end."""

log = logging.getLogger("remote.controller")


class Controller:
    """Runs one session's job."""

    def __init__(self, backend: RemoteBackend, clock: Clock, chance: Chance) -> None:
        self._backend = backend
        self._clock = clock
        self._chance = chance
        self.standing = Standing()

    async def run(self, stopped: asyncio.Event) -> str:
        """Run the job until `stopped` is set; return why that failed, or empty if the job is gone.

        Raises:
            RemoteError, JournalError, TimeoutError: no job could be submitted, and a restart may help.
        """
        tending = asyncio.create_task(self._backend.tend())
        working = asyncio.create_task(self._work())
        stopping = asyncio.create_task(stopped.wait())
        try:
            await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await self._failed(working)
            await _end(working)  # before the job is cancelled: no look at it that is under way may tell of it later
            return await self._stop()
        finally:
            for task in (working, stopping, tending):
                await _end(task)

    async def _failed(self, working: "asyncio.Task[None]") -> None:
        """Raise the cause of the end. If no job could be submitted, none may be left that nobody knows of."""
        expected = isinstance(working.exception(), RemoteError | JournalError | TimeoutError)
        if expected and (trouble := await self._stop()):
            log.error("could not cancel the job", extra={"error": trouble})
        working.result()

    async def _work(self) -> None:
        while True:
            deadline, attempts = self._clock.monotonic() + START, 0
            while not await self._begun(deadline):
                attempts += 1
                await self._clock.sleep(retry.delay(attempts, self._chance.random()))
            await self._watch()

    async def _begun(self, deadline: float) -> bool:
        """Find the job of an earlier start or submit one; False where nobody could be asked and there is time left.

        For a job that may already exist, an answer is waited for, however long that takes.
        """
        try:
            async with time_limit(self._clock, START):
                if await self._backend.recover():
                    return True
        except (RemoteError, JournalError) as error:
            self._note(error)
            return False
        except TimeoutError:
            self._note(RemoteError(f"There was no answer within {START:g} s."))
            return False
        try:
            async with time_limit(self._clock, START):
                await self._backend.start()
        except Refused as error:
            await self._give_up(error)
        except (RemoteError, JournalError) as error:
            if self._clock.monotonic() >= deadline:
                raise
            self._note(error)
            return False
        return True

    async def _give_up(self, error: Refused) -> None:
        """Stay and report why: a restart would have the same answer, every few seconds."""
        log.error("could not start session", extra={"error": str(error)})
        self.standing = self.standing.failed(str(error))
        await self._backend.tidy()
        await asyncio.Event().wait()

    async def _watch(self) -> None:
        """Follow the job; return once another has to be submitted in its place."""
        waiting_since, pause = self._clock.monotonic(), cadence.SOON
        while True:
            before = self.standing.phase
            drained = await self._look()
            phase = self.standing.phase
            if self.standing.report.stuck:
                return
            if phase is not before:
                waiting_since = self._clock.monotonic()
            lost = phase.ended and not self.standing.report.word
            pause = cadence.pause(phase, self._clock.monotonic() - waiting_since, pause, lost=lost)
            await self._clock.sleep(pause if drained else _AGAIN)

    async def _look(self) -> bool:
        """Look at the job and at its output; return whether that is read to its end."""
        try:
            async with time_limit(self._clock, POLL):
                self._hear(await self._backend.poll())
                if self.standing.phase is not Phase.NOT_READY:
                    return await self._backend.logs()
        except (RemoteError, JournalError) as error:
            self._note(error)
        except TimeoutError:
            self._note(RemoteError(f"There was no answer within {POLL:g} s."))
        return True

    def _hear(self, report: Report) -> None:
        before, self.standing = self.standing.phase, self.standing.heard(report, self._clock.monotonic())
        if self.standing.phase is not before:
            told = {"status": self.standing.phase.value, "error": self.standing.trouble}
            log.info("current session status", extra=told)

    def _note(self, error: Exception) -> None:
        if str(error) != self.standing.error:
            log.warning("could not ask for the session's status", extra={"error": str(error)})
        self.standing = self.standing.deaf(str(error), self._clock.monotonic())

    async def _stop(self) -> str:
        """Cancel the job, trying as long as there is time; return why that failed, or empty if the job is gone."""
        gone, error = False, ""
        try:
            async with time_limit(self._clock, STOP):
                while not gone:
                    try:
                        await self._backend.stop()
                        gone = True
                    except (RemoteError, JournalError) as raised:
                        error = str(raised)
                        log.warning("could not cancel the job yet", extra={"error": error})
                        await self._clock.sleep(_AGAIN)
                await self._backend.tidy()
        except TimeoutError:
            if not gone:
                told = f"The job could not be cancelled within {STOP:g} s; see that none is left on the cluster."
                return f"{told} {error}"
        return ""


async def _end(task: "asyncio.Task[object]") -> None:
    """Cancel a task and wait until it has ended, however it does."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task

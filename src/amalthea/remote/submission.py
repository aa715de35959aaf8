"""Submits a job at most once, whatever is lost on the way: answers, this process, its container.

The job's name is written down before it is submitted, its number afterwards. Who finds a name without a number asks the
cluster for the job of that name.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from amalthea.remote import retry
from amalthea.remote.caller import Chance
from amalthea.remote.clock import Clock, time_limit
from amalthea.remote.errors import Doubtful, Refused, Unavailable
from amalthea.remote.journal import Journal, State

_T = TypeVar("_T")

LOOKS = (0.0, 2.0, 3.0, 5.0)
"""Seconds before each look for a job that was just submitted: accounting learns of it a little later."""
_ATTEMPTS = 4
_ON_ITS_WAY = 10.0
"""Seconds that a submission which is on its way has to end, before its job is looked for by its name."""

log = logging.getLogger("remote.submission")


@dataclass(frozen=True)
class Submission:
    """Submits to one machine room.

    `new_name` draws the name of a job that was never used before; `look` returns the number of the job of a name, empty
    if there is none, and may raise RemoteError.
    """

    look: Callable[[str], Awaitable[str]]
    journal: Journal
    clock: Clock
    chance: Chance
    new_name: Callable[[], str]

    async def submit(self, place: Callable[[str], Awaitable[str]]) -> str:
        """Submit a job and return its number; `place` asks the machine room once to take a job of this name.

        Raises:
            Refused: the cluster does not take the job; there is none then.
            Unavailable: nobody knows whether there is one; the journal has its name.
            JournalError: its name cannot be written down, so it was not submitted.
        """
        name = self.new_name()
        await self.journal.write(State(intent=name))
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._noted(name, await place(name))
            except Refused as error:
                if isinstance(error, Doubtful) and (found := await self._submitted(name)):
                    return await self._noted(name, found)
                await self.journal.write(State())
                raise
            except Unavailable as error:
                log.warning("could not tell whether the job was submitted", extra={"error": str(error)})
            if found := await self._submitted(name):
                return await self._noted(name, found)
            await self.clock.sleep(retry.delay(attempt, self.chance.random()))
        raise Unavailable("The machine room did not take the job; it is tried again.")

    async def _submitted(self, name: str) -> str:
        """Return what `find` does. Who may not look does not know whether there is a job: that is no refusal of it."""
        try:
            return await self.find(name)
        except Refused as error:
            raise Unavailable(str(error)) from None

    async def find(self, name: str) -> str:
        """Return the number of the job of this name, and none only after a while of looking. Raise RemoteError."""
        for pause in LOOKS:
            await self.clock.sleep(pause)
            found = await self.look(name)
            if found:
                return found
        return ""

    async def _noted(self, name: str, job_id: str) -> str:
        await self.journal.write(State(job_id=job_id, job_name=name))
        log.info("submitted job", extra={"jobID": job_id})
        return job_id


async def settle(submitting: "asyncio.Task[_T] | None", clock: Clock) -> None:
    """Let a submission that is on its way end, for a while, and then break it off."""
    if submitting is None or submitting.done():
        return
    try:
        async with time_limit(clock, _ON_ITS_WAY):
            await asyncio.wait([submitting])
    except TimeoutError:
        submitting.cancel()
        await asyncio.wait([submitting])

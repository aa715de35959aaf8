"""Submits a job at most once, whatever is lost on the way: answers, this process, its container.

The job's name is written down before it is submitted, its number afterwards. With a name and no number, the cluster is
asked for the job of that name.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from amalthea.remote.clock import Clock, time_limit
from amalthea.remote.errors import Doubtful, Refused, Unavailable
from amalthea.remote.job.journal import Journal, State

_T = TypeVar("_T")

LOOKS = (0.0, 2.0, 3.0, 5.0)
"""Seconds before each look for a job that was just submitted: accounting learns of it a little later."""
_KNOWN_AFTER = 90.0
"""Seconds in which a job may be unknown: its submission may take 30, and accounting lag 60 behind."""
_ON_ITS_WAY = 10.0
"""Seconds that a submission which is on its way has to end, before its job is looked for by its name."""

log = logging.getLogger("remote.submission")


@dataclass(frozen=True)
class Submission:
    """Submits to one remote backend.

    `new_name` draws the name of a job that was never used before; `look` returns the number of the job of a name, empty
    if there is none, and may raise RemoteError.
    """

    look: Callable[[str], Awaitable[str]]
    journal: Journal
    clock: Clock
    new_name: Callable[[], str]

    async def submit(self, place: Callable[[str], Awaitable[str]]) -> str:
        """Submit a job and return its number; `place` asks the remote backend once to take a job of this name.

        Raises:
            Refused: the cluster does not take the job; there is none then.
            Unavailable: it is not known whether there is one; the journal has its name.
            JournalError: its name cannot be written down, so it was not submitted.
        """
        state = State(intent=self.new_name(), submitted_at=self.clock.now().timestamp())
        await self.journal.write(state)
        try:
            return await self._noted(state, await _number(place, state.intent))
        except Doubtful:
            if found := await self._submitted(state.intent):
                return await self._noted(state, found)
            await self.journal.write(State())
            raise
        except Refused:
            await self.journal.write(State())
            raise
        except Unavailable as error:
            log.warning("could not tell whether the job was submitted", extra={"error": str(error)})
            if found := await self._submitted(state.intent):
                return await self._noted(state, found)
            raise

    async def _submitted(self, name: str) -> str:
        """Look for a job. If the look-up is refused, it is unknown whether there is one: the job is not refused."""
        try:
            return await self._looked_for(name)
        except Refused as error:
            raise Unavailable(str(error)) from None

    async def find(self, state: State) -> str:
        """Return the number of the job that was to be submitted, and none only if the cluster would know of it by now.

        Raises:
            RemoteError: it is not known, or not yet, whether there is one.
        """
        found = await self._looked_for(state.intent or state.job_name)
        if not found:
            await self.check_age(state)
        return found

    async def check_age(self, state: State) -> None:
        """Raise Unavailable if a job that is unknown may be too new to be known.

        One that is not submitted yet, by a clock that was set back or another machine's, counts as submitted now.
        """
        now = self.clock.now().timestamp()
        if now < state.submitted_at:
            await self.journal.write(replace(state, submitted_at=now))
        if now - state.submitted_at < _KNOWN_AFTER:
            raise Unavailable("A job was submitted just now, and the cluster does not show it yet; it is asked again.")

    async def _looked_for(self, name: str) -> str:
        for pause in LOOKS:
            await self.clock.sleep(pause)
            if found := await self.look(name):
                return found
        return ""

    async def _noted(self, state: State, job_id: str) -> str:
        await self.journal.write(State(job_id=job_id, job_name=state.intent, submitted_at=state.submitted_at))
        log.info("submitted job", extra={"jobID": job_id})
        return job_id


async def _number(place: Callable[[str], Awaitable[str]], name: str) -> str:
    """Submit a job and return its number; raise Unavailable where the answer holds none: it may be there."""
    if not (number := await place(name)):
        raise Unavailable("The job was taken without a number; it is looked for.")
    return number


async def settle(submitting: "asyncio.Task[_T] | None", clock: Clock) -> None:
    """Let a submission that is under way end, for a while, and then cancel it."""
    if submitting is None or submitting.done():
        return
    try:
        async with time_limit(clock, _ON_ITS_WAY):
            await asyncio.wait([submitting])
    except TimeoutError:
        submitting.cancel()
        await asyncio.wait([submitting])

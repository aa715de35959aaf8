"""A session's job on a cluster behind FirecREST: implements `port.RemoteBackend`."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from amalthea.remote.clock import time_limit
from amalthea.remote.errors import NotFound, Refused, RemoteError, Unavailable
from amalthea.remote.firecrest.api.answers import Metadata
from amalthea.remote.firecrest.api.client import Client, Order
from amalthea.remote.firecrest.follow import cancelling, states
from amalthea.remote.firecrest.follow.logs import Logs, Stream, outputs, streams_of
from amalthea.remote.firecrest.prepare.preparing import Laid, Preparation
from amalthea.remote.job.journal import JournalError, State
from amalthea.remote.job.port import Phase, Report, Surroundings
from amalthea.remote.job.submission import LOOKS, Submission, settle

_ACCOUNTING = 60.0
"""Seconds in which a new job may be unknown to accounting."""
_MISSED = 3
"""So often in a row a job has to be unknown before it is lost."""
_BRIEFLY = 10.0
"""Seconds for what nothing else may wait for: the end of the output, and the secrets' removal."""
_TOO_LONG = frozenset(("PartitionTimeLimit", "QOSMaxWallDurationPerJobLimit", "AssocMaxWallDurationPerJobLimit"))
"""The reasons of a job that waits forever: it asks for more time than its partition, QOS or account gives."""
_ABOUT_TIME = re.compile(r"time.?limit|wall.?(?:time|clock|dur)|--time\b", re.IGNORECASE)
"""What a refusal says, of Slurm's own or of a site's rules, that may go without a time limit."""
_READING = 40.0
"""Seconds for the output, before the job has its turn again."""

_NOTHING = Stream("", "")

log = logging.getLogger("remote.firecrest")


@dataclass(frozen=True)
class Parts:
    """The parts of the backend. `tend` keeps the tokens alive."""

    client: Client
    preparation: Preparation
    submission: Submission
    tend: Callable[[], Awaitable[None]]


class FirecrestBackend:
    """One session's job. The journal says which one it is; what is kept here only saves reading that."""

    def __init__(self, parts: Parts, around: Surroundings) -> None:
        self._parts = parts
        self._client = parts.client
        self._clock, self._chance, self._journal = around.clock, around.chance, around.journal
        self._logs = Logs(parts.client, around.print_lines)
        self._job_id = ""
        self._laid = Laid()
        self._walltime = parts.preparation.settings.walltime > 0
        self._submitting: asyncio.Task[None] | None = None
        self._known_from = self._submitted_at = 0.0
        self._missed = 0
        self._ended = False
        self._stuck = False
        self._noted = State()
        self._used = False
        """Whether there may be something in the session's folder."""

    async def tend(self) -> None:
        await self._parts.tend()

    async def recover(self) -> bool:
        if self._submitting is not None:  # a start was broken off, but not its submission
            await self._submitted(self._submitting)
            return True
        if self._stuck:
            await cancelling.cancel(self._client, self._job_id, self._clock, self._chance)
            await self._journal.write(State())
            self._stuck = False
        state = await self._journal.read()
        job_id = await self._number(state)
        if not job_id:
            return False
        if await self._has_ended(job_id, state):
            log.info("the job of an earlier start has ended", extra={"jobID": job_id})
            await self._journal.write(State())
            return False
        log.info("recovered job ID", extra={"jobID": job_id})
        if not state.job_id:
            await self._journal.write(State(job_id=job_id, submitted_at=state.submitted_at))
        self._adopt(job_id, state)
        return True

    async def start(self) -> None:
        self._used = True
        self._laid = await self._parts.preparation.lay_out()
        # Whoever breaks the start off has to learn of a job whose number is on its way.
        self._submitting = asyncio.create_task(self._submit())
        await self._submitted(self._submitting)

    async def poll(self) -> Report:
        try:
            job = await self._client.job(self._job_id, attempts=2)
        except NotFound:
            return self._unknown()
        self._missed = 0
        self._ended = states.has_ended(job)
        if self._ended:
            await self._briefly("read the output's end", self.logs())  # the end of the output says why
        report = states.report(job, self._logs.last_lines)
        if report.reason in _TOO_LONG and self._walltime:
            log.warning("the partition's time limit is shorter than the session's; submitting without one")
            self._walltime, self._stuck = False, True
            return replace(report, stuck=True)
        return report

    async def logs(self) -> bool:
        if not self._logs.streams:
            self._logs.streams = await self._outputs()
        before = self._state()
        try:
            async with time_limit(self._clock, _READING):
                drained = await self._logs.follow(last=self._ended)
        except TimeoutError:  # slow, which is not silent
            drained = self._state() == before
        if self._noted != (state := self._state()):
            await self._journal.write(state)
            self._noted = state
        return drained

    async def stop(self) -> None:
        await settle(self._submitting, self._clock)
        job_id = await self._latest()
        if job_id:
            self._used = True
            log.info("cancelling job", extra={"jobID": job_id})
            await cancelling.cancel(self._client, job_id, self._clock, self._chance)
            log.info("the job is gone", extra={"jobID": job_id})
        else:
            log.info("no job to cancel")
        await self._journal.forget()

    async def tidy(self) -> None:
        if self._used:
            await self._briefly("remove the secrets", self._parts.preparation.remove_secrets(self._laid))
        await self._briefly("read the output's end", self._logs.follow(last=True))

    async def _submitted(self, submitting: "asyncio.Task[None]") -> None:
        """Wait for a submission, which goes on if this is cancelled: only its end clears it."""
        try:
            await asyncio.shield(submitting)
        except (RemoteError, JournalError):
            self._submitting = None
            raise
        self._submitting = None

    async def _submit(self) -> None:
        try:
            job_id = await self._submit_once()
        except Refused as error:
            if not self._walltime or not _ABOUT_TIME.search(str(error)):
                raise
            log.warning("the cluster refuses the session's time limit; submitting without one")
            self._walltime = False
            job_id = await self._submit_once()
        self._adopt(job_id, await self._journal.read())

    async def _submit_once(self) -> str:
        script = await self._parts.preparation.upload_script(self._laid, walltime=self._walltime)
        account = self._parts.preparation.settings.account
        order = partial(Order, self._laid.folder, script, account)
        return await self._parts.submission.submit(lambda name: self._client.submit(order(name)))

    def _adopt(self, job_id: str, state: State) -> None:
        self._job_id, self._ended, self._missed = job_id, False, 0
        self._noted = State()
        self._known_from, self._submitted_at = self._clock.monotonic(), state.submitted_at
        self._logs.streams = streams_of(state) if state.stdout_path else []

    async def _outputs(self) -> list[Stream]:
        """Return the files that the job writes to: Slurm's default if unknown; nothing if the folder is not known."""
        try:
            found = await self._client.outputs(self._job_id)
        except RemoteError as error:
            log.warning("could not ask where the job writes to", extra={"error": str(error)})
            found = Metadata()
            if not self._laid.folder:
                return []
        return outputs(found, self._laid.folder, self._job_id)

    async def _number(self, state: State) -> str:
        """Return the job's number, if necessary by its name; empty if there is no job."""
        if state.job_id or not state.intent:
            return state.job_id
        return await self._parts.submission.find(state)

    async def _latest(self) -> str:
        """Return the number of the job that exists or may exist: the journal has one that was started since."""
        try:
            return await self._number(await self._journal.read()) or self._job_id
        except JournalError:
            if not self._job_id:  # there may be one: unknown is not "no job"
                raise
            return self._job_id

    async def _has_ended(self, job_id: str, state: State) -> bool:
        """Return whether a job has ended, also if long unknown. Raise Unavailable where it is too new."""
        for pause in LOOKS:
            await self._clock.sleep(pause)
            try:
                return states.has_ended(await self._client.job(job_id))
            except NotFound:
                continue
        await self._parts.submission.check_age(state)
        return True

    def _unknown(self) -> Report:
        if self._clock.monotonic() - self._known_from < _ACCOUNTING:
            return Report(Phase.NOT_READY)
        self._missed += 1
        if self._missed < _MISSED:
            raise Unavailable("The cluster does not know the job; it is asked again.")
        return Report(Phase.FAILED, cause="The cluster has lost the job. Resume the session to submit a new one.")

    async def _briefly(self, what: str, work: Awaitable[object]) -> None:
        """Do best-effort work within a short time, so that nothing else waits for it."""
        try:
            async with time_limit(self._clock, _BRIEFLY):
                await work
        except (RemoteError, JournalError, TimeoutError) as error:
            log.warning("could not be done in time", extra={"what": what, "error": str(error)})

    def _state(self) -> State:
        streams = {stream.name: stream for stream in self._logs.streams}
        out, err = streams.get("stdout", _NOTHING), streams.get("stderr", _NOTHING)
        return State(
            job_id=self._job_id,
            stdout_path=out.path,
            stderr_path=err.path,
            stdout_offset=out.offset,
            stderr_offset=err.offset,
            submitted_at=self._submitted_at,
        )

"""A session's workspace in Run:ai: implements `port.RemoteBackend`; and Run:ai as a kind of remote backend."""

import asyncio
import logging
import secrets
from collections.abc import Mapping

from msgspec.structs import replace

from amalthea.remote.errors import NotFound, RemoteError, Unavailable
from amalthea.remote.job.journal import State
from amalthea.remote.job.port import Phase, RemoteBackend, Report, Surroundings
from amalthea.remote.job.submission import Submission, settle
from amalthea.remote.login.tokens import Tokens
from amalthea.remote.requests import retry
from amalthea.remote.requests.caller import Caller
from amalthea.remote.runai import workspace
from amalthea.remote.runai.client import Client, RunaiTokens
from amalthea.remote.settings import Options

_CLIENT = ("runai-base-url", "auth-runai-client-id", "auth-runai-client-secret")
_BETWEEN_CANCELS = 5.0
_MISSED = 3
"""So often in a row a workspace has to be unknown before it is lost."""

log = logging.getLogger("remote.runai")


def problem(options: Options) -> str:
    """Return what is wrong with the settings, with the remedy; empty if nothing is."""
    if options.get("auth-kind") != "client_credentials":
        return "RSC_AUTH_KIND is not client_credentials, which is the only kind that Run:ai knows; set it."
    if missing := options.missing(*_CLIENT):
        return f"{missing} is not set; name the Run:ai server and its client."
    if options.missing("runai-project"):
        return "project is not set; set RSC_RUNAI_PROJECT to one of Run:ai's projects."
    return ""


async def make(options: Options, around: Surroundings) -> RemoteBackend:
    """Put the backend together for settings without a problem; raise SettingsError if an amount is not a number."""
    url, client_id, secret = (options.get(flag) for flag in _CLIENT)
    url = url.rstrip("/")
    tokens = Tokens(RunaiTokens(around.exchange, around.clock, url, client_id, secret), around.clock)
    client = Client(Caller(around.exchange, tokens, around.clock, around.chance), url)
    return RunaiBackend(client, options.get("runai-project"), workspace.compute(options), around)


class RunaiBackend:
    """One session's workspace."""

    def __init__(self, client: Client, project: str, asked: Mapping[str, object], around: Surroundings) -> None:
        self._client = client
        self._project = project
        self._asked = asked
        self._around = around
        self._number = ""
        self._missed = 0
        self._submitting: asyncio.Task[str] | None = None
        self._submission = Submission(
            client.named,
            around.journal,
            around.clock,
            lambda: workspace.name(project, around.clock.now(), secrets.token_hex(2)),
        )

    async def tend(self) -> None:
        """Do nothing: a client's own tokens are asked for when they are needed."""

    async def recover(self) -> bool:
        state = await self._around.journal.read()
        number = await self._of(state)
        if not number:
            return False
        try:
            ended = workspace.has_ended(await self._client.workload(number))
        except NotFound:
            ended = True
        if ended:
            await self._around.journal.write(State())
            return False
        log.info("recovered job ID", extra={"jobID": number})
        self._number = number
        await self._around.journal.write(
            replace(state, job_id=number, job_name=state.job_name or state.intent, intent="")
        )
        return True

    async def start(self) -> None:
        project = await self._client.project(self._project)
        env, asked = self._around.env, self._asked
        # Whoever breaks the start off has to learn of a workspace whose ID is on its way.
        self._submitting = asyncio.create_task(
            self._submission.submit(lambda name: self._client.submit(workspace.request(name, project, env, asked)))
        )
        self._number = await asyncio.shield(self._submitting)

    async def poll(self) -> Report:
        try:
            found = await self._client.workload(self._number, attempts=2)
        except NotFound:
            self._missed += 1
            if self._missed < _MISSED:
                raise Unavailable("Run:ai does not know the workspace; it is asked again.") from None
            return Report(Phase.FAILED, cause="Run:ai has lost the workspace. Resume the session to submit a new one.")
        self._missed = 0
        return workspace.report(found)

    async def logs(self) -> bool:
        """Do nothing: Run:ai's API has no output; it is in Run:ai's own interface."""
        return True

    async def stop(self) -> None:
        await settle(self._submitting, self._around.clock)
        number = await self._of(await self._around.journal.read())
        if number:
            log.info("cancelling job", extra={"jobID": number})
            await self._delete(number)
        else:
            log.info("no job to cancel")
        await self._around.journal.forget()

    async def tidy(self) -> None:
        """Do nothing: a workspace leaves nothing behind."""

    async def _of(self, state: State) -> str:
        """Return the ID of the session's workspace, if necessary by its name: the Go controller reads only that."""
        if state.job_id or not (state.intent or state.job_name):
            return state.job_id
        return await self._submission.find(state)

    async def _delete(self, number: str) -> None:
        attempts = 0
        while True:
            attempts += 1
            try:
                await self._client.delete(number)
                if workspace.is_gone(await self._client.workload(number, attempts=1)):
                    return
            except NotFound:
                return
            except RemoteError as error:
                log.warning("could not cancel the job yet", extra={"jobID": number, "error": str(error)})
            await self._around.clock.sleep(min(_BETWEEN_CANCELS, retry.delay(attempts, self._around.chance.random())))

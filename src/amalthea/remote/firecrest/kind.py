"""FirecREST as a kind of remote backend: see `kinds.py`."""

import secrets

from amalthea.remote.firecrest import settings
from amalthea.remote.firecrest.api.client import Client
from amalthea.remote.firecrest.backend import FirecrestBackend, Parts
from amalthea.remote.firecrest.prepare import folder
from amalthea.remote.firecrest.prepare.preparing import Preparation
from amalthea.remote.job.port import RemoteBackend, Surroundings
from amalthea.remote.job.submission import Submission
from amalthea.remote.login import auth
from amalthea.remote.login.tokens import Tokens
from amalthea.remote.requests.caller import Caller
from amalthea.remote.settings import Options


def problem(options: Options) -> str:
    """Return what is wrong with the settings, with the remedy; empty if nothing is."""
    return settings.problem(options)


async def make(options: Options, around: Surroundings) -> RemoteBackend:
    """Put the backend together for settings without a problem; raise SettingsError or JournalError."""
    read = settings.read(options)
    access = await auth.access(options, around.exchange, around.clock, around.journal)
    caller = Caller(around.exchange, Tokens(access.give, around.clock), around.clock, around.chance)
    client = Client(caller, read.url, read.system)
    session = folder.session_name(around.env)
    submission = Submission(
        client.named, around.journal, around.clock, lambda: f"amalthea-{session}-{secrets.token_hex(4)}"
    )
    tend = access.renku.keep if access.renku is not None else _nothing
    return FirecrestBackend(Parts(client, Preparation(client, read, around.env), submission, tend), around)


async def _nothing() -> None:
    """Do nothing: a client's own tokens are asked for when they are needed."""

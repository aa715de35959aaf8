"""`amalthea trial`: runs one small session from its creation to its end, as `helm test` does after an installation.

The session serves the files of an empty folder by Python's own web server, so that any image with Python will do.
"""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from amalthea.api.types import RUNNING_STATES
from amalthea.cli.errors import in_words
from amalthea.engine.ports import Clock
from amalthea.kube.auth.config import Config
from amalthea.kube.client import Client, Deletion
from amalthea.kube.errors import ApiError, Forbidden, Invalid, NotFound
from amalthea.operator.kinds import SESSIONS

PORT = 8888
POLL = 1.0
"""Seconds between two looks at the session."""


class TrialError(Exception):
    """The session did not get as far as it must; the text says how far it got and, as far as that is known, why."""


class _Condition(Struct):
    type: str
    status: str = ""
    message: str = ""


class _Status(Struct):
    state: str = "unknown"
    error: str = ""
    conditions: list[_Condition] = []


class _Session(Struct):
    status: _Status | UnsetType = UNSET


@dataclass(frozen=True)
class Trial:
    """The image to run, the namespace (empty: the kubeconfig's), and the seconds allowed to become ready, or gone."""

    image: str
    namespace: str = ""
    timeout: float = 180.0


def manifest(name: str, image: str) -> dict[str, Any]:
    """Return the session."""
    session = {
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3"],
        "args": ["-m", "http.server", str(PORT)],
        "port": PORT,
        "storage": {"size": "100Mi", "mountPath": "/work"},
        "workingDir": "/work",
        "readinessProbe": {"type": "http"},
    }
    return {
        "apiVersion": SESSIONS.api_version,
        "kind": SESSIONS.kind,
        "metadata": {"name": name},
        "spec": {"hibernated": False, "session": session},
    }


async def run(config: Config, trial: Trial, clock: Clock, say: Callable[[str], None]) -> None:
    """Create a session, wait until it is ready, delete it and wait until it is gone. It is deleted in any case.

    Raises:
        TrialError: it was not ready, or not gone, in time, or the API server refused a request.
    """
    namespace, name = trial.namespace or config.namespace, f"amalthea-trial-{secrets.token_hex(3)}"
    key = (namespace, name)
    async with Client(config) as client:
        try:
            await client.create(SESSIONS, namespace, manifest(name, trial.image), _Session)
            say(f"The session {name} in {namespace} was created.")
            try:
                await _ready(client, key, clock.monotonic() + trial.timeout, clock)
                say("It is ready.")
            finally:
                await client.delete(SESSIONS, key, Deletion())
            await _gone(client, key, clock.monotonic() + trial.timeout, clock)
            say("It is deleted, with everything that belonged to it.")
        except (Forbidden, Invalid) as error:
            raise TrialError(f"The session is refused in {namespace}: {error.message}") from None
        except ApiError as error:
            raise TrialError(in_words(error, config.server, namespace)) from None


async def _ready(client: Client, key: tuple[str, str], deadline: float, clock: Clock) -> None:
    while True:
        status = (await client.get(SESSIONS, key, _Session)).status
        if isinstance(status, _Status) and status.state in RUNNING_STATES:
            return
        if clock.monotonic() > deadline:
            raise TrialError(f"The session was not ready in time. {_why(status)}")
        await asyncio.sleep(POLL)


async def _gone(client: Client, key: tuple[str, str], deadline: float, clock: Clock) -> None:
    with suppress(NotFound):
        while True:
            await client.get(SESSIONS, key, _Session)
            if clock.monotonic() > deadline:
                raise TrialError("The session was not gone in time: check that the operator runs.")
            await asyncio.sleep(POLL)


def _why(status: _Status | UnsetType) -> str:
    """Return what the session's status reports. Without a condition no operator has seen it."""
    if not isinstance(status, _Status) or not (status.conditions or status.error):
        return "No operator has reported on it: check that one runs, and that it serves this namespace."
    sentences = [
        f"{each.type}: {each.message}" for each in status.conditions if each.status == "False" and each.message
    ]
    return " ".join([f"Its state is {status.state}.", status.error, *sentences]).strip()

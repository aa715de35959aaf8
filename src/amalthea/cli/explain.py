"""`amalthea explain`: explains a session, from the API server alone, with the reader's own rights.

It reads the session (`read/reading.py`), composes the explanation (`compose/compose.py`) and shows it (`text.py`, or as
JSON).
"""

import shlex
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Raw

from amalthea.cli import errors, listing, text
from amalthea.cli.compose import compose
from amalthea.cli.errors import CannotExplain
from amalthea.cli.explanation import Part
from amalthea.cli.read import reading
from amalthea.cli.text import Terminal
from amalthea.kube.auth.config import Config
from amalthea.kube.client import Client
from amalthea.kube.errors import ApiError, NotFound
from amalthea.kube.resource import Selection
from amalthea.operator.kinds import SESSIONS


@dataclass(frozen=True)
class Request:
    """The reader's question, and the form of the answer."""

    name: str | None = None
    """The session; None for all of the namespace."""
    namespace: str = ""
    """Its namespace; empty for that of the kubeconfig."""
    kubeconfig: Path | None = None
    context: str | None = None
    as_json: bool = False
    paper: Terminal = field(default_factory=Terminal)


async def explain(config: Config, request: Request, now: datetime) -> str:
    """Return the explanation.

    Raises:
        CannotExplain: there is no such session, or it cannot be read; the text says why, and what to do.
    """
    namespace = request.namespace or config.namespace
    async with Client(config) as client:
        try:
            if request.name is None:
                return await _all(client, namespace, request, now)
            return await _one(client, (namespace, request.name), request, now)
        except ApiError as error:
            raise CannotExplain(errors.in_words(error, config.server, namespace)) from None


async def _one(client: Client, key: tuple[str, str], request: Request, now: datetime) -> str:
    try:
        known = await reading.read(client, key)
    except NotFound:
        raise CannotExplain(await errors.missing(client, key)) from None
    explanation = compose.explanation(known, _kubectl(key[0], request), now)
    return _as_json(explanation) if request.as_json else text.render(explanation, request.paper)


async def _all(client: Client, namespace: str, request: Request, now: datetime) -> str:
    page = await client.list(SESSIONS, Selection(namespace), Raw)
    sessions = listing.listing(namespace, map(reading.alone, page.items), now)
    return _as_json(sessions) if request.as_json else listing.render(sessions, request.paper)


def _as_json(part: Part) -> str:
    return msgspec.json.format(msgspec.json.encode(part), indent=2).decode() + "\n"


def _kubectl(namespace: str, request: Request) -> str:
    """Return the kubectl command with the flags for the reader's cluster and namespace."""
    named = {"--kubeconfig": request.kubeconfig, "--context": request.context}
    flags = [f"{flag} {shlex.quote(str(value))}" for flag, value in named.items() if value is not None]
    return " ".join(["kubectl", *flags, "-n", namespace])

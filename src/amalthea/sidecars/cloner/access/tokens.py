"""Asks for the token of a git provider, in the name of the session's user."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from amalthea.sidecars import token_expiry
from amalthea.sidecars.cloner.errors import Stopped
from amalthea.sidecars.http import network, trust
from amalthea.sidecars.http.client import HttpClient, NoAnswer
from amalthea.sidecars.http.messages import Answer, Question


class NoToken(Exception):  # noqa: N818  (named by what happened)
    """No token is available. The message is a sentence that says why, without a secret."""


def fetch(address: str, renku_token: str, environment: Mapping[str, str]) -> str:
    """Return the provider's token. Nothing of the request is left when git runs: no thread, no connection.

    Raises:
        NoToken: none is available, for whatever reason.
        Stopped: the pod is being stopped.
    """
    try:
        client = HttpClient(trust.context(environment), network.from_environment(environment, plain=True))
        answer = asyncio.run(_ask(client, Question("GET", address, bearer=renku_token)))
    except (NoAnswer, ValueError) as error:
        raise NoToken(str(error)) from None
    except asyncio.CancelledError:
        raise Stopped from None
    if not answer.ok:
        raise NoToken(f"The token issuer answers {answer.status}.")
    try:
        token = json.loads(answer.body)["access_token"]
    except (ValueError, LookupError, TypeError, RecursionError):
        token = None
    if not (isinstance(token, str) and token_expiry.is_plain(token)):
        raise NoToken("The token issuer's answer contains none.")
    return token


async def _ask(client: HttpClient, question: Question) -> Answer:
    """Ask, and cancel this where SIGTERM comes in one of asyncio's callbacks, whose exceptions it keeps to itself."""
    loop, asking = asyncio.get_running_loop(), asyncio.current_task()
    assert asking is not None

    def failed(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if isinstance(context.get("exception"), Stopped):
            asking.cancel()
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(failed)
    return await client(question)

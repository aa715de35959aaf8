"""The token of a service: kept until shortly before its end, and asked for once however many wait for it.

The token issuer is a `Giver`: `renku.py` has the one for Renku's tokens, `client_credentials.py` those for a client's.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import msgspec

from amalthea.remote.clock import Clock
from amalthea.remote.errors import Refused, Unavailable
from amalthea.remote.requests import exchange, replies
from amalthea.sidecars import token_expiry
from amalthea.sidecars.http.messages import Answer

LEEWAY = 60.0
"""Seconds before its end at which a token is no longer used: FirecREST refuses those with less than 30 s left."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Token:
    """A token and the second since 1970 at which it ends (None: not known, so it is good until it is refused)."""

    value: str = field(repr=False)
    ends: float | None


class Giver(Protocol):
    """Asks for a new token.

    Raises:
        Unavailable, Refused: there is none.
    """

    async def __call__(self) -> Token: ...


class Tokens:
    """Implements `caller.TokenSource`."""

    def __init__(self, give: Giver, clock: Clock) -> None:
        self._give = give
        self._clock = clock
        self._token: Token | None = None
        self._refused = ""
        self._asking: asyncio.Task[Token] | None = None

    async def get(self, refused: str = "") -> str:
        """Return a token that is good for a while; a new one where the service has just refused `refused`."""
        token, now = self._token, self._clock.now().timestamp()
        if token is not None and token.value != refused and not token_expiry.ends_within(token.ends, LEEWAY, now):
            return token.value
        if self._asking is None:
            # Tokens rotate: an answer that is lost is lost for good, so it is waited for even if nobody does any more.
            self._asking = asyncio.create_task(self._give())
            self._asking.add_done_callback(self._asked)
        return (await asyncio.shield(self._asking)).value

    async def settle(self) -> None:
        """Wait for a request that is under way, whatever its answer."""
        if self._asking is not None:
            await asyncio.wait([self._asking])

    def _asked(self, asking: "asyncio.Task[Token]") -> None:
        self._asking = None
        if not asking.cancelled() and asking.exception() is None:
            self._token = asking.result()


def received(value: str, expires_in: float | None, now: float, giver: str) -> Token:
    """Return a token as it was issued: it ends when it says so, else after so many seconds, else at an unknown time.

    Raises:
        Unavailable: it is not a token; `giver` is who sent it.
    """
    if not token_expiry.is_plain(value):
        raise exchange.unreadable(giver)
    ends = token_expiry.end_of_jwt(value)
    if ends is None and expires_in:
        ends = now + expires_in
    return Token(value, ends)


def read(answer: Answer, kind: type[_T], giver: str, remedy: str) -> _T:
    """Return the answer of a token issuer.

    Raises:
        Unavailable: it cannot answer now, or its answer cannot be read.
        Refused: it says no; the message ends with the `remedy`.
    """
    if answer.ok:
        return replies.decode(answer, kind, giver)
    if answer.status == 401 or (answer.status in (400, 403) and _is_object(answer)):
        raise Refused(f"{giver} refuses to give a token (answer {answer.status}). {remedy}")
    raise Unavailable(f"{giver} cannot give a token now (answer {answer.status}).")


def _is_object(answer: Answer) -> bool:
    """Tell whether an answer is in the words of who gives tokens, not a page of a server before it."""
    try:
        return isinstance(msgspec.json.decode(answer.body), dict)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False

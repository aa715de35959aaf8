"""Tokens through Renku: its own pair of tokens is exchanged for the one for the remote backend.

The pair rotates with each renewal, and the Secret that it came from does not. So the newest is kept beside the job's
number, for a controller that is started again: without it, it could neither look at the job nor cancel it.
"""

import asyncio
import hashlib
import logging
from dataclasses import dataclass, field, replace
from typing import Protocol

import msgspec

from amalthea.remote.clock import Clock
from amalthea.remote.errors import RemoteError
from amalthea.remote.login import tokens
from amalthea.remote.login.tokens import LEEWAY, Token
from amalthea.remote.requests import exchange
from amalthea.remote.requests.exchange import Exchange
from amalthea.sidecars import token_expiry
from amalthea.sidecars.http.messages import Question, as_form

_EARLY = 240.0
"""Seconds before its end at which the refresh token is used, so that it never ends unused."""
_CHECK = 60.0
_REMEDY = "Pause the session and resume it, which gives it new tokens."

log = logging.getLogger("remote.renku")


class Pair(msgspec.Struct, frozen=True, omit_defaults=True):
    """Renku's tokens, and the given pair that they were renewed from."""

    access_token: str = ""
    refresh_token: str = ""
    root: str = ""

    def __repr__(self) -> str:
        return "Pair(…)"


class Kept(Protocol):
    """The storage in which the newest pair outlives this process. `job/journal.py` implements it."""

    async def read_pair(self) -> Pair: ...
    async def write_pair(self, pair: Pair) -> None: ...


@dataclass(frozen=True)
class Client:
    """The client of Renku's renewals: the address, and the client where it wants one (kind `renku`)."""

    uri: str
    id: str = ""
    secret: str = field(default="", repr=False)


class _Renewed(msgspec.Struct):
    access_token: str
    refresh_token: str | None = None


class _Given(msgspec.Struct):
    access_token: str
    expires_in: float | None = None


def newest(given: Pair, kept: Pair) -> Pair:
    """Return the pair to use: the kept one if it was renewed from the given one."""
    root = hashlib.sha256(given.refresh_token.encode()).hexdigest()
    descends = kept.root == root and kept.refresh_token != ""
    return kept if descends else Pair(given.access_token, given.refresh_token, root)


class ByRenku:
    """Implements `tokens.Giver`."""

    def __init__(self, exchange_: Exchange, clock: Clock, client: Client, token_uri: str, kept: Kept) -> None:
        self._exchange = exchange_
        self._clock = clock
        self._client = client
        self._token_uri = token_uri
        self._kept = kept
        self._pair = Pair()
        self._renewing = asyncio.Lock()

    async def begin(self, given: Pair) -> None:
        """Choose the pair to start with; to be called once, before anything else."""
        self._pair = newest(given, await self._kept.read_pair())

    async def __call__(self) -> Token:
        """Ask for a token of the remote backend's; raise Unavailable or Refused."""
        access = self._pair.access_token
        now = self._clock.now().timestamp()
        if not access or token_expiry.ends_within(token_expiry.end_of_jwt(access), LEEWAY, now):
            access = await self._renew(access)
        question = Question("GET", self._token_uri, bearer=access)
        answer = await self._exchange(question)
        if answer.status == 401:
            answer = await self._exchange(replace(question, bearer=await self._renew(access)))
        given = tokens.read(answer, _Given, "Renku", _REMEDY)
        return tokens.received(given.access_token, given.expires_in, now, "Renku")

    async def keep(self) -> None:
        """Renew the pair before its renewal is no longer possible; for as long as the controller lives."""
        while True:
            await self._clock.sleep(_CHECK)
            ends = token_expiry.end_of_jwt(self._pair.refresh_token)
            if ends is None or token_expiry.ends_within(ends, _EARLY, self._clock.now().timestamp()):
                try:
                    await asyncio.shield(asyncio.ensure_future(self._renew(self._pair.access_token)))
                except RemoteError as error:
                    log.warning("could not renew the session's own tokens", extra={"error": str(error)})

    async def _renew(self, old: str) -> str:
        """Return an access token newer than `old`."""
        async with self._renewing:
            if self._pair.access_token != old:
                return self._pair.access_token
            form = {"grant_type": "refresh_token", "refresh_token": self._pair.refresh_token}
            if self._client.id:
                form |= {"client_id": self._client.id, "client_secret": self._client.secret}
            answer = await self._exchange(Question("POST", self._client.uri, body=as_form(form)))
            renewed = tokens.read(answer, _Renewed, "Renku", _REMEDY)
            refresh = renewed.refresh_token or self._pair.refresh_token
            if not (token_expiry.is_plain(renewed.access_token) and token_expiry.is_plain(refresh)):
                raise exchange.unreadable("Renku")
            self._pair = Pair(renewed.access_token, refresh, self._pair.root)
            await self._kept.write_pair(self._pair)
            return self._pair.access_token

"""The tokens: Renku's own pair, which is exchanged for each provider's token. All of them live in memory only.

A token is asked for when it is needed, kept until shortly before it expires, and asked for again when it was refused.
`../token_expiry.py` reads how long each is good for.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import msgspec

from amalthea.sidecars import token_expiry
from amalthea.sidecars.gitproxy.settings import RenkuTokens, Settings
from amalthea.sidecars.http.client import NoAnswer
from amalthea.sidecars.http.messages import Answer, Question, as_form

LEEWAY = 60.0
"""Seconds before its end at which a token is no longer used: a request has to arrive with it."""

_T = TypeVar("_T")

log = logging.getLogger("gitproxy.tokens")


class NoToken(Exception):  # noqa: N818  (named by what happened)
    """The token issuer has no token for this session. The message is for the user."""


class TokensUnavailable(Exception):  # noqa: N818  (named by what happened)
    """The token issuer cannot be asked now; later, perhaps. The message is for the user."""


@dataclass(frozen=True)
class Token:
    """A provider's token, and the second at which it ends (None: not known)."""

    value: str = field(repr=False)
    ends: float | None


class Ask(Protocol):
    """Asks once; raises NoAnswer. `HttpClient` fits."""

    async def __call__(self, question: Question) -> Answer: ...


class _Renewed(msgspec.Struct):
    access_token: str
    refresh_token: str


class _Given(msgspec.Struct):
    access_token: str
    expires_at: float | str | None = None


class Tokens:
    """Gives the token of each provider. `now` returns the time in seconds since 1970."""

    def __init__(self, settings: Settings, ask: Ask, now: Callable[[], float]) -> None:
        self._providers = settings.providers
        self._renku = settings.renku or RenkuTokens("", "", "")
        self._period = settings.check_period
        self._ask_server = ask
        self._now = now
        self._tokens: dict[str, Token] = {}
        self._locks = {provider: asyncio.Lock() for provider in settings.providers}
        self._renewing = asyncio.Lock()
        self._renewals: set[asyncio.Task[str]] = set()

    async def of(self, provider: str, refused: str = "") -> str:
        """Return a provider's token, and a new one where the provider has just refused `refused`.

        Raises:
            NoToken, TokensUnavailable: as they say.
        """
        async with self._locks[provider]:  # one question, however many requests wait for its answer
            token = self._tokens.get(provider)
            if token is None or token.value == refused or token_expiry.ends_within(token.ends, LEEWAY, self._now()):
                token = self._tokens[provider] = await self._ask(provider)
            return token.value

    async def keep(self) -> None:
        """Renew Renku's tokens before their renewal is no longer possible; for as long as the proxy lives."""
        while True:
            await asyncio.sleep(self._period)
            ends = token_expiry.end_of_jwt(self._renku.refresh)
            if token_expiry.ends_within(ends, LEEWAY + 2 * self._period, self._now()):
                try:
                    await self._renew(self._renku.access)
                except (NoToken, TokensUnavailable) as error:
                    log.warning("the session's own tokens could not be renewed", extra={"error": str(error)})

    async def _ask(self, provider: str) -> Token:
        what = f"The token for {provider}"
        access = self._renku.access
        if token_expiry.ends_within(token_expiry.end_of_jwt(access), LEEWAY, self._now()):
            access = await self._renew(access)
        answer = await self._answer(Question("GET", self._providers[provider], bearer=access), what)
        if answer.status == 401:
            access = await self._renew(access)
            answer = await self._answer(Question("GET", self._providers[provider], bearer=access), what)
        given = _decode(answer, _Given, what, "Connect that account in Renku, then try again.")
        if not token_expiry.is_plain(given.access_token):
            raise TokensUnavailable(f"{what} could not be obtained: Renku's answer contains none.")
        return Token(given.access_token, token_expiry.end_as_told(given.expires_at))

    async def _renew(self, old: str) -> str:
        """Return a Renku token newer than `old`.

        Both rotate: an answer that is lost is lost for good. So it is waited for even if nobody needs it any more.
        """
        renewal = asyncio.create_task(self._renewed(old))
        self._renewals.add(renewal)
        renewal.add_done_callback(self._renewals.discard)
        return await asyncio.shield(renewal)

    async def _renewed(self, old: str) -> str:
        async with self._renewing:
            if self._renku.access != old:
                return self._renku.access
            what = "The session's own token"
            form = as_form({"grant_type": "refresh_token", "refresh_token": self._renku.refresh})
            answer = await self._answer(Question("POST", self._renku.url, body=form), what)
            renewed = _decode(answer, _Renewed, what, "Pause the session and resume it, then try again.")
            if not (token_expiry.is_plain(renewed.access_token) and token_expiry.is_plain(renewed.refresh_token)):
                raise TokensUnavailable(f"{what} could not be renewed: Renku's answer contains none.")
            self._renku = RenkuTokens(renewed.access_token, renewed.refresh_token, self._renku.url)
            return self._renku.access

    async def _answer(self, question: Question, what: str) -> Answer:
        try:
            answer = await self._ask_server(question)
        except NoAnswer as error:
            raise TokensUnavailable(f"{what} could not be obtained from Renku. {error} Try again later.") from None
        if answer.status >= 500 or answer.status in (408, 429):
            raise TokensUnavailable(
                f"{what} could not be obtained from Renku (answer {answer.status}). Try again later."
            )
        return answer


def _decode(answer: Answer, kind: type[_T], what: str, remedy: str) -> _T:
    if not 200 <= answer.status < 300:
        raise NoToken(f"{what} was refused by Renku (answer {answer.status}). {remedy}")
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except msgspec.MsgspecError:
        raise TokensUnavailable(f"{what} could not be obtained: Renku's answer cannot be read.") from None

"""Requests to a service that requires a token: attempts, and a new token where the service refuses the one it got."""

import random
from dataclasses import dataclass, replace
from typing import Protocol

from amalthea.remote.clock import Clock
from amalthea.remote.errors import Refused, Unavailable
from amalthea.remote.requests import retry
from amalthea.remote.requests.exchange import Exchange
from amalthea.sidecars.http.messages import Answer, Question

ATTEMPTS = 5
"""The number of attempts at an idempotent request, over about a quarter of a minute."""


class Chance(Protocol):
    """Draws a number from 0 up to, but not including, 1; ``random.Random`` fits."""

    def random(self) -> float: ...


class TokenSource(Protocol):
    """Gives the token."""

    async def get(self, refused: str = "") -> str:
        """Return a token, and a new one where `refused` has just been refused. Raise RemoteError."""
        ...


@dataclass(frozen=True)
class Caller:
    """Asks one service."""

    exchange: Exchange
    tokens: TokenSource
    clock: Clock
    chance: Chance = random.Random()  # noqa: RUF009,S311  (for the distance between attempts, one for all)

    async def once(self, question: Question) -> Answer:
        """Ask once, and again only where a 401 says that nothing was done and another token may help.

        Raises:
            Unavailable, Refused: there is no answer, or no token.
        """
        token = await self.tokens.get()
        answer = await self.exchange(replace(question, bearer=token))
        if answer.status != 401:
            return answer
        token = await self.tokens.get(refused=token)
        return await self.exchange(replace(question, bearer=token))

    async def repeatedly(self, question: Question, attempts: int = ATTEMPTS) -> Answer:
        """Repeat an idempotent request until its answer is final.

        Raises:
            Unavailable: none of the attempts had an answer.
            Refused: there is no token.
        """
        for attempt in range(1, attempts + 1):
            answer, trouble = await self._attempt(question)
            if answer is not None and answer.status not in retry.RETRIED:
                return answer
            if attempt < attempts:
                asked = answer.retry_after if answer is not None else None
                await self.clock.sleep(retry.delay(attempt, self.chance.random(), asked))
        if answer is not None:
            return answer
        raise trouble or Refused("No attempt was made.")

    async def _attempt(self, question: Question) -> tuple[Answer | None, Unavailable | None]:
        try:
            return await self.once(question), None
        except Unavailable as error:
            return None, error

"""Tokens rotate: one that is lost, used twice or asked for twice at once can end a session's access for good."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import msgspec
import pytest

from amalthea.sidecars.gitproxy.settings import RenkuTokens, Settings
from amalthea.sidecars.gitproxy.tokens import LEEWAY, NoToken, Tokens, TokensUnavailable
from amalthea.sidecars.http.client import NoAnswer
from amalthea.sidecars.http.messages import Answer, Question
from amalthea.testing.waiting import eventually
from tests.unit.sidecars.test_token_expiry import jwt

NOW = 1_000_000.0


class Renku:
    """Renku's two servers of tokens, in the test's own process."""

    def __init__(self) -> None:
        self.access, self.refresh = "access-1", "refresh-1"
        self.given: object = {"access_token": "provider-1", "expires_at": None}
        self.renewals = 0
        self.questions = 0
        self.trouble: NoAnswer | int | None = None

    async def __call__(self, question: Question) -> Answer:
        await asyncio.sleep(0)  # an answer takes its time, and others go on meanwhile
        if isinstance(self.trouble, NoAnswer):
            raise self.trouble
        if self.trouble is not None:
            return Answer(self.trouble, b"")
        if question.method == "POST":
            assert question.body is not None
            return self._renew(question.body.content.decode())
        self.questions += 1
        if question.bearer != self.access:
            return Answer(401, b"")
        return Answer(200, msgspec.json.encode(self.given))

    def _renew(self, form: str) -> Answer:
        if form != f"grant_type=refresh_token&refresh_token={self.refresh}":
            return Answer(401, b"")
        self.renewals += 1
        self.access, self.refresh = f"access-{self.renewals + 1}", f"refresh-{self.renewals + 1}"
        return Answer(200, msgspec.json.encode({"access_token": self.access, "refresh_token": self.refresh}))


def tokens_of(renku: Renku, period: float = 60.0, now: Callable[[], float] = lambda: NOW) -> Tokens:
    given = RenkuTokens(renku.access, renku.refresh, "https://renku/renew")
    settings = Settings(providers={"forge": "https://renku/token"}, renku=given, check_period=period)
    return Tokens(settings, renku, now)


async def test_a_token_is_asked_for_once_however_many_requests_wait() -> None:
    renku = Renku()
    tokens = tokens_of(renku)
    assert set(await asyncio.gather(*(tokens.of("forge") for _ in range(20)))) == {"provider-1"}
    assert renku.questions == 1


@pytest.mark.parametrize(("left", "questions"), [(LEEWAY + 1, 1), (LEEWAY, 2), (-5.0, 2)])
async def test_a_token_is_replaced_shortly_before_it_ends(left: float, questions: int) -> None:
    renku = Renku()
    renku.given = {"access_token": "provider-1", "expires_at": NOW + left}
    tokens = tokens_of(renku)
    await tokens.of("forge")
    await tokens.of("forge")
    assert renku.questions == questions


async def test_a_refused_token_is_replaced_once_for_all_who_were_refused() -> None:
    renku = Renku()
    tokens = tokens_of(renku)
    await tokens.of("forge")
    renku.given = {"access_token": "provider-2"}
    assert set(await asyncio.gather(*(tokens.of("forge", "provider-1") for _ in range(20)))) == {"provider-2"}
    assert renku.questions == 2


async def test_renkus_token_is_renewed_before_it_is_refused() -> None:
    renku = Renku()
    renku.access = jwt({"exp": NOW + LEEWAY})
    tokens = tokens_of(renku)
    assert await tokens.of("forge") == "provider-1"
    assert (renku.questions, renku.renewals) == (1, 1)


async def test_a_refused_token_of_renku_is_renewed_once_and_the_pair_rotates() -> None:
    renku = Renku()
    tokens = tokens_of(renku)
    for expected in (1, 2, 3):
        renku.access = "changed elsewhere"
        assert await tokens.of("forge", "provider-1") == "provider-1"
        assert renku.renewals == expected


async def test_a_renewal_is_kept_although_the_request_that_needed_it_is_gone() -> None:
    renku = Renku()
    begun, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(question: Question) -> Answer:
        answer = await renku(question)
        if question.method == "POST":
            begun.set()
            await may_answer.wait()
        return answer

    given = RenkuTokens("expired", renku.refresh, "https://renku/renew")
    tokens = Tokens(Settings(providers={"forge": "https://renku/token"}, renku=given), slow, lambda: NOW)
    asking = asyncio.create_task(tokens.of("forge"))
    await begun.wait()
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
    may_answer.set()

    assert await tokens.of("forge") == "provider-1"
    assert renku.renewals == 1


async def test_what_renku_refuses_for_good_says_how_it_can_be_had_again() -> None:
    renku = Renku()
    tokens = tokens_of(renku)
    renku.access = renku.refresh = "revoked"
    with pytest.raises(NoToken, match="Pause the session and resume it"):
        await tokens.of("forge")
    assert renku.questions == 1


async def test_a_provider_that_is_not_connected_says_so() -> None:
    renku = Renku()
    tokens = tokens_of(renku)
    renku.trouble = 404
    with pytest.raises(NoToken, match="Connect that account in Renku"):
        await tokens.of("forge")


@pytest.mark.parametrize("trouble", [500, 503, 429, 408, NoAnswer("renku cannot be reached (no route).")], ids=str)
async def test_renku_being_away_is_not_taken_for_a_refusal_and_passes(trouble: int | NoAnswer) -> None:
    renku = Renku()
    tokens = tokens_of(renku)
    renku.trouble = trouble
    with pytest.raises(TokensUnavailable, match="Try again later"):
        await tokens.of("forge")
    renku.trouble = None
    assert await tokens.of("forge") == "provider-1"


@pytest.mark.parametrize("given", [{}, [], {"access_token": 5}, {"access_token": ""}, {"access_token": "a\r\nX: y"}])
async def test_an_answer_that_holds_no_token_is_no_token(given: object) -> None:
    renku = Renku()
    renku.given = given
    with pytest.raises(TokensUnavailable):
        await tokens_of(renku).of("forge")


async def test_a_session_that_rests_keeps_its_tokens_alive_and_asks_no_more_than_that() -> None:
    renku = Renku()
    renku.refresh = jwt({"exp": NOW + LEEWAY})
    looked = 0

    def now() -> float:
        nonlocal looked
        looked += 1
        return NOW

    keeping = asyncio.create_task(tokens_of(renku, period=0.001, now=now).keep())
    await eventually(lambda: looked >= 5)
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
    assert (renku.renewals, renku.questions) == (1, 0)

"""Tokens end in the middle of everything, and rotate: one that is lost, or used twice, can end the access for good."""

import asyncio

import pytest

from amalthea.remote.errors import RemoteError
from amalthea.remote.login import client_credentials, renku, tokens
from amalthea.remote.login.renku import Pair
from amalthea.remote.login.tokens import Token, Tokens
from amalthea.sidecars.http.messages import Answer, Question
from amalthea.testing.clock import FakeClock
from amalthea.testing.remote.issuer import jwt
from tests.unit.remote.site import Running, Site, running


async def test_tokens_that_end_in_mid_flight_cost_a_session_nothing() -> None:
    site = Site()
    site.issuer.cluster_life = 90.0
    session = await running(site)
    for _ in range(200):
        await site.clock.advance(60)
        assert session.controller.standing.well
    assert await session.stop() == ""
    assert site.scheduler.alive == []


async def test_a_refused_token_is_replaced_once_for_all_who_were_refused() -> None:
    site = Site()
    backend = await site.backend()
    client = backend._client  # type: ignore[attr-defined]
    await client.systems()
    site.issuer.cluster.clear()
    given = site.issuer.given
    await asyncio.gather(*(client.systems() for _ in range(20)))
    assert site.issuer.given == given + 1


async def test_a_token_without_an_end_of_its_own_goes_by_expires_in() -> None:
    site = Site()
    site.issuer.opaque = True
    session = await running(site)
    await site.clock.advance(3600)
    assert session.controller.standing.well
    assert site.issuer.given == pytest.approx(3600 / 240, abs=3)
    assert await session.stop() == ""


async def test_a_controller_that_is_started_again_after_two_hours_can_still_cancel() -> None:
    site = Site()
    first = await running(site)
    await site.clock.advance(7200)
    first.task.cancel()
    await site.clock.advance(0)
    second = Running(site, await site.controller())  # with the tokens of the Secret, which have ended long ago
    await site.clock.advance(60)
    assert second.controller.standing.well
    assert await second.stop() == ""
    assert site.scheduler.alive == []


async def test_the_pair_is_kept_alive_although_nobody_asks_for_the_clusters_token() -> None:
    site = Site()
    site.issuer.cluster_life = 10**9
    session = await running(site)
    await site.clock.advance(4 * 3600)
    assert site.issuer.renewals >= 4
    site.issuer.cluster.clear()
    await site.clock.advance(60)
    assert session.controller.standing.well
    assert await session.stop() == ""


async def test_a_resumed_session_uses_its_new_tokens() -> None:
    site = Site()
    assert await (await running(site)).stop() == ""
    access, refresh = site.issuer.begin()
    site.env |= {"RSC_AUTH_RENKU_ACCESS_TOKEN": access, "RSC_AUTH_RENKU_REFRESH_TOKEN": refresh}
    site.stopped = asyncio.Event()
    session = await running(site)
    assert session.controller.standing.well
    assert await session.stop() == ""


async def test_a_client_of_its_own_gets_tokens_too() -> None:
    client = {"RSC_AUTH_FIRECREST_CLIENT_ID": "client", "RSC_AUTH_FIRECREST_CLIENT_SECRET": "client's secret"}
    site = Site(RSC_AUTH_KIND="client_credentials", **client)
    session = await running(site)
    await site.clock.advance(3600)
    assert session.controller.standing.well
    assert await session.stop() == ""


async def test_a_client_of_renkus_keeps_its_refresh_token_where_it_does_not_rotate() -> None:
    clock, asked = FakeClock(), list[Question]()

    async def exchange(question: Question) -> Answer:
        asked.append(question)
        rotated = b', "refresh_token": "second"' if len(asked) == 1 else b""
        return Answer(200, b'{"access_token": "a%d"%s}' % (len(asked), rotated))

    class Nowhere:
        async def read_pair(self) -> Pair:
            return Pair()

        async def write_pair(self, pair: Pair) -> None:
            self.pair = pair

    giver = renku.ByRenku(exchange, clock, renku.Client("https://r", "id", "s"), "https://t", kept := Nowhere())
    await giver.begin(Pair("", "first"))
    await giver()
    assert kept.pair.refresh_token == "second"
    await giver._renew(kept.pair.access_token)
    assert [b"refresh_token=first" in asked[0].body.content, b"refresh_token=second" in asked[2].body.content] == [  # type: ignore[union-attr]
        True,
        True,
    ]
    assert b"client_id=id&client_secret=s" in asked[0].body.content  # type: ignore[union-attr]
    assert kept.pair.refresh_token == "second"


@pytest.mark.parametrize(
    ("value", "expires_in", "ends"),
    [(jwt(5000.0, "x"), 10.0, 5000.0), ("opaque", 10.0, 1010.0), ("opaque", None, None), ("opaque", 0.0, None)],
)
def test_when_a_token_ends(value: str, expires_in: float | None, ends: float | None) -> None:
    assert tokens.received(value, expires_in, 1000.0, "Renku") == Token(value, ends)


@pytest.mark.parametrize("kept", [Pair("a2", "r2", "another root"), Pair(), Pair("a2", "", "")])
def test_a_kept_pair_of_another_secret_is_not_used(kept: Pair) -> None:
    assert renku.newest(Pair("a1", "r1"), kept).refresh_token == "r1"


async def test_a_question_that_nobody_waits_for_any_more_is_still_heard() -> None:
    clock, gate = FakeClock(), asyncio.Event()

    async def give() -> Token:
        await gate.wait()
        return Token("rotated", None)

    source = Tokens(give, clock)
    waiting = asyncio.create_task(source.get())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    gate.set()
    assert await source.get() == "rotated"


@pytest.mark.parametrize("answer", [Answer(500), Answer(429), Answer(401), Answer(200, b"<html>"), Answer(200, b"{}")])
async def test_no_answer_of_a_giver_is_taken_for_a_token_nor_told_with_the_secret(answer: Answer) -> None:
    async def exchange(question: Question) -> Answer:
        assert question.method == "POST"
        return answer

    give = client_credentials.ClientCredentials(exchange, FakeClock(), "https://t", "id", "the client's secret")
    with pytest.raises(RemoteError) as raised:
        await give()
    assert "secret" not in str(raised.value).replace("Check the client's ID and secret.", "")
    assert "the client's secret" not in repr(give)

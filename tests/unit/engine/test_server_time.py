"""A node whose clock is wrong, or is set, must end no session: what time it is, the API server says."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from amalthea.engine.server_time import CALM, Answer, ServerClock
from amalthea.testing.clock import FakeClock, SkewedClock

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, YEAR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=365)


@dataclass
class Reports:
    lines: list[str] = field(default_factory=list)

    def clocks_differ(self, skew: timedelta) -> None:
        self.lines.append(f"differ {skew.total_seconds():+.0f}")

    def clocks_agree(self) -> None:
        self.lines.append("agree")


class Node:
    """A node with a clock of its own, and a server whose clock is right unless it is set otherwise."""

    def __init__(self, skew: timedelta = timedelta(0), start: datetime = START) -> None:
        self.true = FakeClock(start)
        self.own = SkewedClock(self.true, skew.total_seconds())
        self.reports = Reports()
        self.clock = ServerClock(self.own, self.reports)

    async def asks(self, seconds: float = 0.0, server_is_off: timedelta = timedelta(0)) -> None:
        """Ask the server; the answer is made at once and takes so long."""
        sent, made = self.true.monotonic(), self.true.now() + server_is_off
        await self.true.advance(seconds)
        self.clock.learn(Answer(made.replace(microsecond=0), sent, self.true.monotonic()))

    async def works(self, hours: float, interval: float = 2.1) -> None:
        """Ask again and again, as the holder of a Lease does."""
        for _ in range(int(hours * 3600 / interval)):
            await self.true.advance(interval)
            await self.asks()

    def trusts(self) -> bool:
        return self.clock.trusted

    @property
    def error(self) -> timedelta:
        return self.clock.now() - self.true.now()


SKEWS = [timedelta(0), 5 * SECOND, -5 * SECOND, 59 * SECOND, 5 * MINUTE, -5 * MINUTE, HOUR, -HOUR, YEAR, -YEAR]


@pytest.mark.parametrize("skew", SKEWS, ids=str)
async def test_one_answer_gives_the_time_to_the_second_whatever_the_nodes_clock_says(skew: timedelta) -> None:
    node = Node(skew, START + timedelta(milliseconds=400))
    await node.asks()
    assert abs(node.error) <= SECOND
    assert node.trusts() is (abs(skew) <= MINUTE)


@pytest.mark.parametrize("skew", SKEWS[1:], ids=str)
async def test_many_answers_give_it_far_more_exactly(skew: timedelta) -> None:
    node = Node(skew, START + timedelta(milliseconds=400))
    await node.works(hours=0.1)
    assert timedelta(0) >= node.error > -0.11 * SECOND, "and never before its time"


async def test_a_clock_that_agrees_is_exact_from_the_first_answer_on() -> None:
    node = Node()
    assert node.error == timedelta(0)
    await node.asks()
    await node.works(hours=0.1)
    assert (node.error, node.clock.skew, node.reports.lines) == (timedelta(0), timedelta(0), [])


async def test_an_answer_that_took_long_makes_the_time_no_less_exact() -> None:
    node = Node(5 * MINUTE)
    await node.works(hours=0.1)
    await node.asks(seconds=20)
    assert abs(node.error) < 0.2 * SECOND


@pytest.mark.parametrize("step", [5 * MINUTE, -5 * MINUTE, YEAR], ids=str)
async def test_a_clock_that_is_set_moves_no_deadline_and_is_reported_once(step: timedelta) -> None:
    node = Node()
    await node.works(hours=0.1)
    node.own.skew = step.total_seconds()
    assert abs(node.error) < 0.2 * SECOND, "before the next answer"
    assert not node.trusts()
    await node.works(hours=0.1)
    assert abs(node.error) < 0.2 * SECOND
    assert node.reports.lines == [f"differ {step.total_seconds():+.0f}"]
    assert not node.trusts()
    node.own.skew = 0
    await node.works(hours=(CALM - 5) / 3600)
    assert not node.trusts()
    await node.works(hours=10 / 3600)
    assert node.trusts()
    assert node.reports.lines[1:] == ["agree"]


async def test_one_answer_from_a_server_whose_clock_is_wrong_is_not_acted_upon() -> None:
    node = Node()
    await node.works(hours=0.1)
    await node.asks(server_is_off=YEAR)
    assert not node.trusts()
    await node.asks()
    assert abs(node.error) < SECOND
    assert not node.trusts(), "nor is the one after it"
    await node.works(hours=1.1 * CALM / 3600)
    assert node.trusts()


async def test_servers_whose_clocks_differ_by_seconds_do_no_harm() -> None:
    node = Node()
    for turn in range(100):
        await node.true.advance(2.1)
        await node.asks(server_is_off=3 * SECOND if turn % 2 else timedelta(0))
        assert abs(node.error) <= 3 * SECOND
    assert node.trusts()
    assert node.reports.lines == []


async def test_a_machine_that_slept_knows_the_time_with_the_next_answer() -> None:
    node = Node()
    await node.works(hours=0.1)
    node.true.set_wall_clock(HOUR.total_seconds())  # the monotonic clock stood still
    assert not node.trusts(), "before the next answer"
    await node.asks()
    assert abs(node.error) <= SECOND
    assert node.trusts()


async def test_a_day_without_an_answer_costs_less_than_a_minute() -> None:
    node = Node(5 * MINUTE)
    await node.works(hours=0.1)
    await node.true.advance(86400)
    assert abs(node.error) < 20 * SECOND
    assert not node.trusts()

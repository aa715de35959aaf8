"""Waiting too short hammers a server that is in trouble; waiting in step with others does, too."""

import itertools
import random

import pytest

from amalthea.engine.backoff import LONGEST_ASKED, Backoff
from tests.unit.engine.things import Half


@pytest.mark.parametrize(("failures", "seconds"), [(1, 1.2), (2, 4.8), (3, 19.2), (4, 30.0), (5000, 30.0)])
def test_each_failure_lengthens_the_wait_up_to_the_cap(failures: int, seconds: float) -> None:
    assert Backoff(Half()).delay(failures) == pytest.approx(seconds)


def test_a_delay_is_at_least_what_the_server_asked_for() -> None:
    assert Backoff(Half()).delay(1, at_least=20.0) == 20.0
    assert Backoff(Half()).delay(7, at_least=20.0) == 30.0


def test_a_page_of_a_proxy_that_asks_for_a_day_is_not_obeyed() -> None:
    assert Backoff(Half()).delay(1, at_least=86400.0) == LONGEST_ASKED


def test_two_clients_do_not_come_back_in_step() -> None:
    delays = {Backoff(random.Random(seed)).delay(2) for seed in range(20)}
    assert len(delays) == 20
    assert all(3.6 <= delay <= 6.0 for delay in delays)


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_no_minute_has_more_than_four_attempts_after_the_first(jitter: float) -> None:
    backoff = Backoff(Always(jitter))
    moments = list(itertools.accumulate(backoff.delay(failures) for failures in range(1, 30)))
    assert max(sum(0 <= each - first < 60 for each in moments) for first in moments) <= 4


class Always:
    """Always the same number."""

    def __init__(self, number: float) -> None:
        self._number = number

    def random(self) -> float:
        return self._number

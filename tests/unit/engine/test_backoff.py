"""Waiting too short hammers a server that is in trouble; waiting in step with others does, too."""

import random

import pytest

from amalthea.engine.backoff import LONGEST_ASKED, Backoff
from tests.unit.engine.things import Half


@pytest.mark.parametrize(("failures", "seconds"), [(1, 0.8), (2, 1.6), (3, 3.2), (6, 25.6), (7, 30.0), (5000, 30.0)])
def test_each_failure_doubles_the_wait_up_to_the_cap(failures: int, seconds: float) -> None:
    assert Backoff(Half()).delay(failures) == pytest.approx(seconds)


def test_what_the_server_asked_for_is_the_least() -> None:
    assert Backoff(Half()).delay(1, at_least=20.0) == 20.0
    assert Backoff(Half()).delay(7, at_least=20.0) == 30.0


def test_a_page_of_a_proxy_that_asks_for_a_day_is_not_obeyed() -> None:
    assert Backoff(Half()).delay(1, at_least=86400.0) == LONGEST_ASKED


def test_two_clients_do_not_come_back_in_step() -> None:
    delays = {Backoff(random.Random(seed)).delay(3) for seed in range(20)}
    assert len(delays) == 20
    assert all(2.4 <= delay <= 4.0 for delay in delays)

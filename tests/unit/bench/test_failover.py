"""A change of the leader that takes too long, or storms the API server, must fail the check."""

from dataclasses import replace

import pytest

from bench.failover import Ending, Found, broken, render

TERM = Ending("TERM", released=0.1, taken=0.2, acted=0.4, requests=40)
KILL = Ending("KILL", released=None, taken=14.9, acted=15.2, requests=40)
WELL = Found(window=60, first_start=50, standby=0.5, endings=[TERM, KILL])


def test_what_is_within_the_bounds_is_well() -> None:
    assert broken(WELL) == []


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (replace(WELL, endings=[replace(TERM, taken=2.2, acted=2.4)]), "SIGTERM the Lease was taken after 2.20 s"),
        (replace(WELL, endings=[replace(KILL, taken=17.5, acted=18)]), "SIGKILL the Lease was taken after 17.50 s"),
        (replace(WELL, endings=[replace(TERM, acted=3.2)]), "the next leader led for 3.00 s before it acted"),
        (replace(WELL, endings=[replace(KILL, requests=51)]), "51 requests in 60 s, the first start 50"),
        (replace(WELL, standby=27.0), "27.0 requests a minute"),
    ],
)
def test_what_is_beyond_a_bound_is_told(found: Found, word: str) -> None:
    [sentence] = broken(found)
    assert word in sentence


def test_all_figures_are_shown() -> None:
    shown = render(WELL)
    assert all(figure in shown for figure in ("50 requests", "0.10 s", "0.20 s", "0.40 s", "14.90 s", "15.20 s"))

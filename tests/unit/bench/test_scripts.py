"""Chaos must not differ from run to run: what a session goes through follows from its number alone."""

import pytest

from bench.scripts import Deed, script


@pytest.mark.parametrize(
    ("number", "deeds"),
    [
        (0, "create"),
        (1, "create pause"),
        (2, "create pause resume"),
        (3, "create pause resume pause"),
        (9, "create pause delete"),
    ],
)
def test_a_session_is_created_first_and_then_paused_and_resumed_by_turns(number: int, deeds: str) -> None:
    assert " ".join(act.deed for act in script(number, 60)) == deeds


def test_a_script_is_the_same_each_time_and_keeps_to_its_time() -> None:
    for number in range(40):
        acts = script(number, 60)
        assert acts == script(number, 60)
        moments = [act.at for act in acts]
        assert moments == sorted(moments)
        assert moments[0] >= 0
        assert moments[-1] <= 60


def test_every_end_is_among_a_few_sessions() -> None:
    assert {script(number, 60)[-1].deed for number in range(10)} == set(Deed)

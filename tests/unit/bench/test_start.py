"""A bench that misses a slow start promises what is not so."""

import pytest

from bench.start_figures import Found, Times, broken, render

START: Times = {
    "scheduled": 0.1,
    "volume": 0.6,
    "door": 0.9,
    "waiting page, 100 ms": 1.2,
    "container": 2.5,
    "program": 3.0,
    "ready": 3.6,
    "running": 3.7,
    "page, 100 ms": 3.8,
}
PAUSE: Times = {"ended": 0.4, "hibernated": 1.9}


def found(**late: float) -> Found:
    """Return twenty resumes, of which one was otherwise."""
    odd = {**START, **{name.replace("_", " ").replace("page 100", "page, 100"): at for name, at in late.items()}}
    return Found([START], [*(START for _ in range(19)), odd], [], [PAUSE])


def test_a_start_in_time_breaks_nothing_and_shows_each_step() -> None:
    assert broken(found()) == []
    shown = render(found())
    assert "the program answers" in shown
    assert "0.70 / 0.70 / 0.70" not in shown.splitlines()[0]
    assert "1.50 / 1.50 / 1.50" in shown.splitlines()[-1]


def test_one_start_in_twenty_may_be_late_and_a_second_may_not() -> None:
    late = {**START, "running": 4.8}
    assert broken(Found([], [late, *(START for _ in range(19))], [], [])) == []
    (told,) = broken(Found([], [late, late, *(START for _ in range(18))], [], []))
    assert told == "18 of 20 starts were open 1.5 s after the program answered"


@pytest.mark.parametrize(
    ("late", "told"),
    [
        ({"running": 6.1}, "after the program answered, at most 3"),
        ({"page_100_ms": 5.2}, "from resume to the page it took 5.20 s, at most 5"),
        ({"waiting_page_100_ms": 2.0}, "the waiting page came 1.10 s after the door, not 1"),
    ],
)
def test_what_is_too_late_is_said(late: dict[str, float], told: str) -> None:
    assert any(told in sentence for sentence in broken(found(**late)))


def test_an_ingress_that_looks_away_may_miss_a_new_session_but_not_a_resumed_one() -> None:
    late = {**START, "waiting page, 100 ms": 2.8}
    throttles = {"page, 100 ms": 2.0}
    assert broken(Found([late], [], [], [], throttles)) == []
    assert len(broken(Found([], [late], [], [], throttles))) == 1
    assert len(broken(Found([{**late, "waiting page, 100 ms": 3.2}], [], [], [], throttles))) == 1


def test_a_waiting_page_that_never_came_is_missed() -> None:
    without = {name: at for name, at in START.items() if not name.startswith("waiting")}
    assert broken(Found([], [without], [], [])) == ["no waiting page through page, 100 ms"]


def test_a_pause_that_takes_long_after_the_programs_end_is_said() -> None:
    late = {"ended": 0.4, "hibernated": 2.9}
    assert broken(Found([], [], [], [late])) == ["Hibernated came 2.50 s after the program's end, not 2"]

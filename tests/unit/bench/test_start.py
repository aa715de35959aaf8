"""A bench that misses a slow start promises what is not so."""

import pytest

from bench import start
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
    return Found([START], [*(START for _ in range(19)), odd], [START], [PAUSE])


def test_a_start_in_time_breaks_nothing_and_shows_each_step() -> None:
    assert broken(found()) == []
    shown = render(found())
    assert "the program answers" in shown
    assert "0.70 / 0.70 / 0.70" not in shown.splitlines()[0]
    assert "1.50 / 1.50 / 1.50" in shown.splitlines()[-1]


def test_one_start_in_twenty_may_be_late_and_a_second_may_not() -> None:
    late = {**START, "running": 4.8}
    assert broken(Found([START], [late, *(START for _ in range(19))], [START], [PAUSE])) == []
    (told,) = broken(Found([START], [late, late, *(START for _ in range(18))], [START], [PAUSE]))
    assert told == "19 of 21 starts were open 1.5 s after the program answered"


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
    assert broken(Found([late], [START], [START], [PAUSE], throttles)) == []
    assert len(broken(Found([START], [late], [START], [PAUSE], throttles))) == 1
    later = {**late, "waiting page, 100 ms": 3.2}
    assert len(broken(Found([later], [START], [START], [PAUSE], throttles))) == 1


def test_a_waiting_page_that_never_came_is_missed() -> None:
    without = {name: at for name, at in START.items() if not name.startswith("waiting")}
    assert broken(Found([START], [without], [START], [PAUSE])) == ["no waiting page through page, 100 ms"]


def test_a_pause_that_takes_long_after_the_programs_end_is_said() -> None:
    late = {"ended": 0.4, "hibernated": 2.9}
    assert broken(Found([START], [START], [START], [late])) == ["Hibernated came 2.50 s after the program's end, not 2"]


def test_a_door_that_was_never_seen_is_said() -> None:
    without = {name: at for name, at in START.items() if name != "door"}
    (told,) = broken(Found([START], [without], [START], [PAUSE]))
    assert told.startswith("the door was never seen")


def test_a_bench_that_timed_nothing_promises_nothing() -> None:
    assert broken(Found([], [], [], [])) == [
        "no create was timed",
        "no resume was timed",
        "no start with the old probe was timed",
        "no pause was timed",
    ]


@pytest.mark.parametrize("option", ["--resumes", "--creates", "--old"])
@pytest.mark.parametrize("count", ["0", "-3", "many"])
def test_a_count_that_times_nothing_is_refused(option: str, count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        start.main([f"{option}={count}"])
    assert f"argument {option}: '{count}' is not a number of starts; write at least 1" in capsys.readouterr().err


def test_a_page_is_shown_that_new_sessions_alone_opened() -> None:
    assert "the page opens, 100 ms" in render(Found([START], [], [], []))

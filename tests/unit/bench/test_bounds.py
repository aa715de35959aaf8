"""The benchmark finds each way in which the operator could become more expensive, and says what was done too often."""

from collections import Counter

import pytest

from bench.bounds import broken
from bench.figures import Phase, Spread
from tests.unit.bench.reports import phase, report


def test_what_costs_no_more_than_promised_passes() -> None:
    assert broken(report()) == []


@pytest.mark.parametrize(("name", "most"), [("create", 900), ("hibernate", 400), ("resume", 500), ("delete", 300)])
def test_requests_that_no_conflict_explains_are_found(name: str, most: int) -> None:
    assert broken(report(phase(name, requests=Counter({"patch pods": most, "list pods": 5})))) == []
    [sentence] = broken(report(phase(name, requests=Counter({"patch pods": most, "list pods": 6}))))
    assert sentence.startswith(f"{name}: ")
    assert f"{most} patch pods, 6 list pods" in sentence


def test_a_single_request_at_rest_is_found() -> None:
    [sentence] = broken(report(phase("idle", requests=Counter({"patch amaltheasessions/status": 1}))))
    assert sentence.startswith("idle: 1 requests")


@pytest.mark.parametrize(
    "spoilt", [phase("resume", events=201), phase("idle", events=1)], ids=["two at a transition", "one for nothing"]
)
def test_an_event_too_many_is_found(spoilt: Phase) -> None:
    [sentence] = broken(report(spoilt))
    assert sentence.startswith(f"{spoilt.name}: {spoilt.events} Events")


def test_too_much_memory_is_found_even_if_it_was_given_back() -> None:
    [sentence] = broken(report(phase("create", peak_mib=97.0, resident_mib=60.0)))
    assert "97 MiB" in sentence


def test_too_much_memory_of_a_thousand_sessions_is_found() -> None:
    assert broken(report(phase("idle", sessions=1000, resident_mib=110.0, peak_mib=120.0))) == []
    [sentence] = broken(report(phase("idle", sessions=1000, resident_mib=111.0, peak_mib=120.0)))
    assert "111 MiB" in sentence


def test_asking_for_usage_more_often_than_once_per_interval_is_found() -> None:
    assert broken(report(phase("idle", measured=62.0, usage_lists=3))) == []
    [sentence] = broken(report(phase("idle", measured=62.0, usage_lists=4)))
    assert sentence == "idle: usage was asked for 4 times in 62 s"


def test_a_pause_before_its_time_is_found() -> None:
    [sentence] = broken(report(earliest=-0.002))
    assert "0.002 s before its time" in sentence


def test_pauses_that_come_late_are_found() -> None:
    assert broken(report(lateness=Spread(0.1, 2.0, 30.0))) == [], "one in a hundred may be later"
    [sentence] = broken(report(lateness=Spread(0.1, 2.01, 30.0)))
    assert "2.01 s late" in sentence


def test_cpu_at_rest_is_judged_where_it_is_the_sessions_own() -> None:
    """A hundred sessions and a minute and a half: fewer and shorter, and it is the clock's ticks that are measured."""
    assert broken(report(phase("idle", measured=90.0, cpu={"operator": 0.15}))) == []
    [sentence] = broken(report(phase("idle", measured=90.0, cpu={"operator": 0.18})))
    assert sentence == "idle: 1.20 ms of CPU per session and minute, at most 1 allowed"
    assert broken(report(phase("idle", measured=80.0, cpu={"operator": 0.18}))) == []
    assert broken(report(phase("idle", sessions=20, measured=120.0, cpu={"operator": 0.18}))) == []


def test_what_the_operator_takes_without_any_session_is_no_sessions_cost() -> None:
    assert broken(report(phase("idle", measured=90.0, cpu={"operator": 0.3}, base_cpu=0.11))) == []
    assert phase("idle", measured=90.0, cpu={"operator": 0.1}, base_cpu=0.11).cpu_per_minute == 0.0


def test_the_memory_of_more_sessions_than_the_bound_is_for_is_not_judged() -> None:
    assert broken(report(phase("create", peak_mib=97.0, sessions=1001))) == []

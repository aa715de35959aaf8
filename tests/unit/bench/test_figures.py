"""The statistics are those that their names promise, and the JSON holds what the table shows."""

import json
import math

import pytest

from bench.figures import Spread, as_json, percentile, spread
from tests.unit.bench.reports import phase, report


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [(1, 50, 1), (1, 99, 1), (2, 50, 1), (3, 50, 2), (100, 50, 50), (100, 99, 99), (200, 99, 198), (1000, 99, 990)],
)
def test_a_percentile_is_the_smallest_value_that_enough_others_do_not_exceed(
    count: int, share: float, expected: float
) -> None:
    assert percentile([float(value) for value in range(1, count + 1)], share) == expected


def test_a_spread_does_not_depend_on_the_order() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 3.0, 3.0)


def test_no_durations_have_no_spread() -> None:
    assert spread([]) is None


def test_events_without_any_transition_are_no_division_by_zero() -> None:
    assert phase("idle", events=1).events_per_transition == math.inf
    assert phase("idle", events=0).events_per_transition == 0.0


def test_the_json_holds_every_phase_and_the_ratios_to_the_floor() -> None:
    data = json.loads(as_json(report()))
    assert data["floor_ratio"] == 1.25
    assert data["ready_ratio"] == 1.0
    assert [each["name"] for each in data["phases"]] == ["create", "idle", "hibernate", "resume", "delete"]
    assert data["phases"][0]["requests"] == {"create services": 100, "patch amaltheasessions/status": 200}


def test_what_others_did_is_no_cost_of_a_write() -> None:
    assert report().floor.cpu_per_write == pytest.approx(0.002)

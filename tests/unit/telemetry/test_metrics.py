"""Figures that are missing, or stay when their session is gone, are worse than none: somebody trusts them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import get_args

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from amalthea.api.types import State
from amalthea.telemetry.metrics import STATES, OperatorMetrics, SessionCollector, SessionRow

CONTRACT = (
    "amalthea_session_state",
    "amalthea_session_idle",
    "amalthea_session_container_ready",
    "amalthea_session_container_total",
    "amalthea_session_idle_duration_seconds",
    "amalthea_session_failing_duration_seconds",
    "amalthea_session_hibernated_duration_seconds",
    "amalthea_session_failed_scheduling_duration_seconds",
    "amalthea_session_will_hibernate_at",
)
"""The gauges of the Go operator, a series per session."""


def row(name: str, state: State) -> SessionRow:
    return SessionRow("ns", name, state, True, 1, 2, 60.0, 61.0, 62.0, 63.0, 1.8e9)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> OperatorMetrics:
    return OperatorMetrics(registry)


def collect(registry: CollectorRegistry, rows: Iterable[SessionRow]) -> None:
    registry.register(SessionCollector(lambda: rows))


def test_every_state_has_a_series_and_every_session_is_in_one(registry: CollectorRegistry) -> None:
    collect(registry, [row("a", "Running"), row("b", "Running"), row("c", "RunningDegraded")])
    assert set(STATES) == set(get_args(State))
    totals = {state: registry.get_sample_value("amalthea_sessions_total", {"state": state}) for state in STATES}
    assert totals == dict.fromkeys(STATES, 0) | {"Running": 2, "RunningDegraded": 1}
    states = {
        state: registry.get_sample_value("amalthea_session_state", {"namespace": "ns", "name": "a", "state": state})
        for state in STATES
    }
    assert states == dict.fromkeys(STATES, 0) | {"Running": 1}


def test_the_series_of_the_go_operator_are_all_there(registry: CollectorRegistry) -> None:
    collect(registry, [row("a", "Running")])
    text = generate_latest(registry).decode()
    assert [name for name in CONTRACT if f'{name}{{name="a",namespace="ns"' not in text] == []


def test_a_session_that_is_gone_has_no_series_left(registry: CollectorRegistry) -> None:
    rows = [row("a", "Failed"), row("b", "Running")]
    collect(registry, rows)
    rows.pop()
    text = generate_latest(registry).decode()
    assert 'name="a"' in text
    assert 'name="b"' not in text


def test_what_ends_well_and_what_does_not_is_there_from_the_first_scrape(
    registry: CollectorRegistry, metrics: OperatorMetrics
) -> None:
    """Else the first failures of all would have nothing to be a share of."""
    for kind in ("start", "resume"):
        for outcome in ("running", "failed"):
            count = registry.get_sample_value(f"amalthea_session_{kind}_seconds_count", {"outcome": outcome})
            assert count == 0, (kind, outcome)
    for answer in ("told", "too_old", "none"):
        assert registry.get_sample_value("amalthea_door_answers_total", {"answer": answer}) == 0, answer
    metrics.started(3.0, resumed=True, ready=False)
    assert registry.get_sample_value("amalthea_session_resume_seconds_sum", {"outcome": "failed"}) == 3.0


def test_causes_are_counted_each_for_itself(registry: CollectorRegistry, metrics: OperatorMetrics) -> None:
    metrics.failed("ImagePull")
    metrics.hibernated("Idle")
    metrics.hibernated("Idle")
    metrics.deleted("HibernatedTooLong")
    for name, label, value, count in (
        ("failures", "reason", "ImagePull", 1),
        ("hibernations", "cause", "Idle", 2),
        ("deletions", "cause", "HibernatedTooLong", 1),
    ):
        assert registry.get_sample_value(f"amalthea_session_{name}_total", {label: value}) == count, name


def test_the_time_of_the_last_usage_poll_is_told(registry: CollectorRegistry, metrics: OperatorMetrics) -> None:
    assert registry.get_sample_value("amalthea_usage_poll_timestamp_seconds") == 0
    metrics.usage_polled(datetime(2026, 1, 5, tzinfo=UTC))
    assert registry.get_sample_value("amalthea_usage_poll_timestamp_seconds") == 1767571200


def test_no_series_of_the_operator_itself_names_a_session(
    registry: CollectorRegistry, metrics: OperatorMetrics
) -> None:
    """A label per session would grow without end: such series stay until the operator ends."""
    metrics.started(1.0, resumed=False, ready=True)
    metrics.failed("Unknown")
    labels = {name for metric in registry.collect() for sample in metric.samples for name in sample.labels}
    assert labels <= {"outcome", "le", "reason", "cause", "verb", "resource", "code", "kind", "answer", "task"}

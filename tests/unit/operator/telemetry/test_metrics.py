"""Figures that are missing, or stay when their session is gone, are worse than none: somebody trusts them."""

from datetime import UTC, datetime
from typing import get_args

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from amalthea.api.types import State
from amalthea.operator.telemetry.metrics import ROWS, STATES, OperatorMetrics, SessionRow, exposition

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


Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(*rows: SessionRow) -> Samples:
    """Return what Prometheus's own parser reads: the values by name and labels."""
    families = list(text_string_to_metric_families("".join(exposition(rows))))
    assert [family.type for family in families] == ["gauge"] * len(families)
    assert all(family.documentation for family in families)
    samples = [sample for family in families for sample in family.samples]
    found = {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples}
    assert len(found) == len(samples)
    return found


def one(name: str, **more: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({"name": name, "namespace": "ns", **more}.items()))


def test_every_state_has_a_series_and_every_session_is_in_one() -> None:
    samples = read(row("a", "Running"), row("b", "Running"), row("c", "RunningDegraded"))
    assert set(STATES) == set(get_args(State))
    totals = {state: samples["amalthea_sessions_total", (("state", state),)] for state in STATES}
    assert totals == dict.fromkeys(STATES, 0) | {"Running": 2, "RunningDegraded": 1}
    states = {state: samples["amalthea_session_state", one("a", state=state)] for state in STATES}
    assert states == dict.fromkeys(STATES, 0) | {"Running": 1}


def test_the_series_of_the_go_operator_are_all_there_and_say_what_is_so() -> None:
    samples = read(row("a", "Running"))
    series = {name: samples[name, one("a")] for name in CONTRACT if name != "amalthea_session_state"}
    assert list(series.values()) == [1, 1, 2, 60, 61, 62, 63, 1.8e9]


def test_without_sessions_their_number_is_zero() -> None:
    assert read() == {("amalthea_sessions_total", (("state", state),)): 0 for state in STATES}


def test_an_odd_name_spoils_no_other_series() -> None:
    odd = 'a"} 1\n\\'
    samples = read(row(odd, "Running"), row("b", "Failed"))
    assert samples["amalthea_session_idle", one(odd)] == samples["amalthea_session_idle", one("b")] == 1


def test_the_rows_of_many_sessions_are_sent_a_few_at_a_time() -> None:
    """Ten thousand sessions are twelve megabytes of text: made at once, nobody else would have a turn for a second."""
    rows = [row(f"s{number}", "Running") for number in range(3 * ROWS + 1)]
    names = {dict(labels).get("name") for _, labels in read(*rows)}
    assert names == {None, *(each.name for each in rows)}
    assert max(piece.count("\n") for piece in exposition(rows)) <= ROWS * len(STATES)


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


def test_the_time_of_the_last_usage_poll_is_a_metric(registry: CollectorRegistry, metrics: OperatorMetrics) -> None:
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

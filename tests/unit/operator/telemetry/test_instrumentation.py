"""A decision that leaves no line cannot be explained to its user; a line per look buries the others."""

import logging
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from amalthea.api.event_reasons import EventReason
from amalthea.api.types import Condition, State, Status
from amalthea.children.changes.writes import Create, Delete, Patch, Write
from amalthea.kube.errors import from_answer, unreachable
from amalthea.kube.transport import Call
from amalthea.model.plan import Course, Plan
from amalthea.model.status.transitions import transition
from amalthea.model.views.objects import Metadata, SessionView
from amalthea.operator.telemetry.instrumentation import ReconcileTelemetry, SessionTelemetry, count_calls
from amalthea.operator.telemetry.metrics import OperatorMetrics
from amalthea.testing.clock import FakeClock

KEY = ("ns", "one")
RUN_ID = "01KE7ZCX000000000000000000"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> OperatorMetrics:
    return OperatorMetrics(registry)


@pytest.fixture
def telemetry(metrics: OperatorMetrics, caplog: pytest.LogCaptureFixture) -> SessionTelemetry:
    caplog.set_level(logging.DEBUG)
    return SessionTelemetry(metrics, FakeClock())


def status(state: State, run_id: str | None = RUN_ID, *conditions: Condition) -> Status:
    return Status(state=state, run_id=run_id, conditions=[Condition(type="Ready", status="False"), *conditions])


def change(telemetry: SessionTelemetry, old: Status, new: Status) -> None:
    """Tell a transition, as the status writer does."""
    created = datetime(2026, 1, 1, tzinfo=UTC)
    session = SessionView(metadata=Metadata(name="one", namespace="ns", creation_timestamp=created), status=old)
    event = transition(old, new)
    assert event is not None
    telemetry.changed(session, new, event)


def pairs(caplog: pytest.LogCaptureFixture) -> dict[str, object]:
    """Return message and pairs of the only line."""
    (record,) = caplog.records
    standard = vars(logging.makeLogRecord({})).keys() | {"message", "asctime"}
    return {"message": record.message} | {key: value for key, value in vars(record).items() if key not in standard}


def test_writes_of_a_pass_are_one_line(telemetry: SessionTelemetry, caplog: pytest.LogCaptureFixture) -> None:
    writes: tuple[Write, ...] = (
        Create(("Service", "one"), {"data": "secret"}),
        Create(("Secret", "one---internal"), {"data": "secret"}),
        Patch(("StatefulSet", "one"), ()),
        Delete(("Ingress", "one"), "uid"),
    )
    telemetry.wrote(KEY, Plan(Course.RUN, RUN_ID), writes)
    assert pairs(caplog) == {
        "message": "children changed",
        "session": "ns/one",
        "run_id": RUN_ID,
        "reason": "run",
        "made": ["Service/one", "Secret/one---internal"],
        "changed": ["StatefulSet/one"],
        "deleted": ["Ingress/one"],
    }


def test_a_pass_that_writes_nothing_has_no_line(telemetry: SessionTelemetry, caplog: pytest.LogCaptureFixture) -> None:
    telemetry.wrote(KEY, Plan(Course.RUN, RUN_ID), ())
    assert caplog.records == []


def test_a_start_is_logged_with_its_seconds_and_counted(
    telemetry: SessionTelemetry, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    change(telemetry, status("NotReady"), status("Running"))
    fields = pairs(caplog)
    assert fields.pop("start_seconds") == registry.get_sample_value(
        "amalthea_session_start_seconds_sum", {"outcome": "running"}
    )
    assert fields == {
        "message": "session changed",
        "session": "ns/one",
        "run_id": RUN_ID,
        "reason": EventReason.RUNNING,
        "resumed": False,
    }


def test_a_pause_is_logged_with_its_cause_and_the_run_that_it_ended(
    telemetry: SessionTelemetry, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    idle = Condition(type="Stopped", status="True", reason="Idle")
    change(telemetry, status("NotReady"), status("Hibernated", None, idle))
    fields = pairs(caplog)
    assert (fields["run_id"], fields["reason"], fields["cause"]) == (RUN_ID, "Hibernated", "Idle")
    assert registry.get_sample_value("amalthea_session_hibernations_total", {"cause": "Idle"}) == 1


def test_a_failure_is_logged_with_its_cause_and_without_the_words_of_a_container(
    telemetry: SessionTelemetry, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Condition(type="Healthy", status="False", reason="CrashLoop", message="its log: password=hunter2")
    change(telemetry, status("Running"), status("Failed", RUN_ID, broken))
    fields = pairs(caplog)
    assert (fields["reason"], fields["cause"]) == ("Failed", "CrashLoop")
    assert "hunter2" not in str(fields)
    assert registry.get_sample_value("amalthea_session_failures_total", {"reason": "CrashLoop"}) == 1


def test_passes_that_did_not_end_well_count_in_the_time_that_passes_take(
    metrics: OperatorMetrics, registry: CollectorRegistry
) -> None:
    """A server that hangs makes just those passes slow that fail."""
    working = ReconcileTelemetry(metrics)
    working.reconciled(KEY, 1.0)
    working.conflicted(KEY, 2.0, 0.0)
    working.failed(KEY, unreachable("GET /", OSError()), 30.0, 1.0)
    assert registry.get_sample_value("amalthea_reconcile_seconds_sum") == 33
    for outcome in ("done", "conflict", "error"):
        assert registry.get_sample_value("amalthea_reconciles_total", {"outcome": outcome}) == 1, outcome


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (unreachable("GET /", OSError()), "WARNING"),
        (from_answer("GET /", 503, b""), "WARNING"),
        (from_answer("GET /", 429, b""), "WARNING"),
        (from_answer("GET /", 401, b""), "ERROR"),
        (ValueError("a defect"), "ERROR"),
    ],
    ids=repr,
)
def test_a_server_that_is_away_calls_nobody(
    metrics: OperatorMetrics, caplog: pytest.LogCaptureFixture, error: Exception, level: str
) -> None:
    """Each error is reported to Sentry: an outage of a minute would be one per session and retry."""
    ReconcileTelemetry(metrics).failed(KEY, error, 30.0, 1.0)
    (record,) = caplog.records
    assert (record.levelname, record.message) == (level, "reconcile failed, trying again")
    assert bool(record.exc_info) is isinstance(error, ValueError)


def test_a_request_without_an_answer_is_counted_as_one(metrics: OperatorMetrics, registry: CollectorRegistry) -> None:
    count_calls(metrics, Call("list", "pods", 0, 30.0))
    labels = {"verb": "list", "resource": "pods", "code": "0"}
    assert registry.get_sample_value("amalthea_api_requests_total", labels) == 1

"""A gauge that counts from the wrong moment sends an admin after a session that is fine."""

from datetime import timedelta

import msgspec
import pytest

from amalthea.api import names
from amalthea.model.times import rfc3339
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.telemetry.gauges import rows
from amalthea.operator.telemetry.metrics import SessionRow
from amalthea.testing.clock import FakeClock


def caches(**status: object) -> Caches:
    """Caches that know one session."""
    made = Caches(lambda *_: None)
    metadata = {"name": "one", "namespace": "ns", "uid": "u1", "resourceVersion": "1"}
    made.observe(names.KIND, msgspec.Raw(msgspec.json.encode({"metadata": metadata, "spec": {}, "status": status})))
    return made


def row(clock: FakeClock, **status: object) -> SessionRow:
    (found,) = rows(caches(**status), clock)
    return found


def test_what_is_not_so_counts_nothing() -> None:
    assert row(FakeClock()) == SessionRow("ns", "one", "NotReady", False, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_a_session_has_a_series_for_its_state_and_its_containers() -> None:
    session = row(FakeClock(), state="RunningDegraded", idle=True, containerCounts={"ready": 1, "total": 2})
    assert (session.state, session.idle, session.ready, session.total) == ("RunningDegraded", True, 1, 2)


@pytest.mark.parametrize(
    ("field", "gauge"),
    [
        ("idleSince", "idle_seconds"),
        ("failingSince", "failing_seconds"),
        ("hibernatedSince", "hibernated_seconds"),
        ("failedSchedulingSince", "failed_scheduling_seconds"),
    ],
)
def test_each_duration_counts_from_its_own_moment(field: str, gauge: str) -> None:
    clock = FakeClock()
    session = row(clock, **{field: rfc3339(clock.now() - timedelta(minutes=5))})
    assert getattr(session, gauge) == pytest.approx(300, abs=1)
    others = {"idle_seconds", "failing_seconds", "hibernated_seconds", "failed_scheduling_seconds"} - {gauge}
    assert {getattr(session, other) for other in others} == {0.0}


def test_a_clock_behind_the_others_makes_no_negative_duration() -> None:
    clock = FakeClock()
    assert row(clock, failingSince=rfc3339(clock.now() + timedelta(minutes=5))).failing_seconds == 0.0


def test_the_time_of_the_pause_to_come_is_in_unix_time() -> None:
    assert row(FakeClock(), willHibernateAt="2026-01-05T00:00:00Z").will_hibernate_at == 1767571200.0

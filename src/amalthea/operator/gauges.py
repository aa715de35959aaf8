"""The sessions as Prometheus sees them: rows read from the cache when it asks."""

from collections.abc import Iterable
from datetime import datetime

from amalthea.api import names
from amalthea.engine.ports import Clock
from amalthea.model.views import SessionView
from amalthea.operator.caches import Caches
from amalthea.telemetry.metrics import SessionRow


def rows(caches: Caches, clock: Clock) -> Iterable[SessionRow]:
    """Return a row for each session that is there."""
    now = clock.now()
    return [_row(session, now) for session in caches.stores[names.KIND].values()]


def _row(session: SessionView, now: datetime) -> SessionRow:
    status = session.status
    counts = status.container_counts
    until = _time(status.will_hibernate_at)
    return SessionRow(
        namespace=session.metadata.namespace,
        name=session.metadata.name,
        state=status.state,
        idle=status.idle,
        ready=counts.ready if counts else 0,
        total=counts.total if counts else 0,
        idle_seconds=_seconds(status.idle_since, now),
        failing_seconds=_seconds(status.failing_since, now),
        hibernated_seconds=_seconds(status.hibernated_since, now),
        failed_scheduling_seconds=_seconds(status.failed_scheduling_since, now),
        will_hibernate_at=until.timestamp() if until is not None else 0.0,
    )


def _seconds(since: str | None, now: datetime) -> float:
    time = _time(since)
    return max(0.0, (now - time).total_seconds()) if time is not None else 0.0


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

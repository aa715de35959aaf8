"""The sessions as Prometheus sees them: rows read from the cache when it asks."""

import logging
from collections.abc import Iterator
from datetime import datetime

from amalthea.engine.ports import Clock, key_of
from amalthea.model import spans
from amalthea.model.views.objects import SessionView
from amalthea.operator import defects
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.telemetry.metrics import SessionRow

_log = logging.getLogger(__name__)


def rows(caches: Caches, clock: Clock) -> Iterator[SessionRow]:
    """Yield a row for each session that is there; one that cannot be computed is logged and left out."""
    now = clock.now()
    for session in caches.sessions():
        try:
            yield _row(session, now)
        except Exception as error:  # noqa: BLE001 one session must not hide all others
            _log.exception(
                "a session is missing from the metrics",
                extra={"session": "/".join(key_of(session)), "defect": defects.identify(error)},
            )


def _row(session: SessionView, now: datetime) -> SessionRow:
    status = session.status
    counts = status.container_counts
    until = spans.moment(status.will_hibernate_at)
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
    time = spans.moment(since)
    return max(0.0, (now - time).total_seconds()) if time is not None else 0.0

"""Logs and metrics of the engine, the client and the sessions."""

import logging
from collections.abc import Callable
from datetime import timedelta

from amalthea.api.types import Status
from amalthea.children.changes.writes import Create, Delete, Patch, Write
from amalthea.engine.ports import Clock, Key, Unavailable, key_of
from amalthea.kube.transport import Call
from amalthea.model.plan import Plan
from amalthea.model.status.milestones import Failed, Milestone, Paused, Started, milestones
from amalthea.model.status.transitions import Transition
from amalthea.model.views.objects import SessionView
from amalthea.operator import defects
from amalthea.operator.telemetry.metrics import OperatorMetrics

_log = logging.getLogger("amalthea.operator")


class WatchTelemetry:
    """Notified by the reflectors."""

    def __init__(self, metrics: OperatorMetrics, try_again: Callable[[], None]) -> None:
        """Create an observer; `try_again` requeues the keys that failed while the API server was unreachable."""
        self._metrics = metrics
        self._try_again = try_again

    def listed(self, name: str, count: int) -> None:
        self._metrics.relists.labels(name).inc()
        _log.info("listed", extra={"kind": name, "count": count})

    def received(self, name: str) -> None:
        self._metrics.watch_events.labels(name).inc()

    def failed(self, name: str, error: Exception, retry_in: float) -> None:
        self._metrics.watch_failures.labels(name).inc()
        _log.warning(
            "watch failed, trying again", extra={"kind": name, "error": str(error), "retry_in": round(retry_in, 1)}
        )

    def back(self, name: str) -> None:
        _log.info("the API server takes connections again", extra={"kind": name})
        self._try_again()


class ReconcileTelemetry:
    """Notified by the controller. What passes by itself, as an absent server, is a warning: errors alert people."""

    def __init__(self, metrics: OperatorMetrics) -> None:
        self._metrics = metrics

    def reconciled(self, key: Key, seconds: float) -> None:
        self._metrics.passed("done", seconds)
        _log.debug("reconciled", extra={"session": "/".join(key), "seconds": round(seconds, 3)})

    def conflicted(self, key: Key, seconds: float, retry_in: float) -> None:
        self._metrics.passed("conflict", seconds)
        _log.debug("looking again", extra={"session": "/".join(key), "retry_in": round(retry_in, 1)})

    def failed(self, key: Key, error: Exception, seconds: float, retry_in: float) -> None:
        self._metrics.passed("error", seconds)
        _log.log(
            logging.WARNING if isinstance(error, Unavailable) else logging.ERROR,
            "reconcile failed, trying again",
            extra={
                "session": "/".join(key),
                "error": f"{type(error).__name__}: {error}",
                "retry_in": round(retry_in, 1),
            },
            exc_info=None if str(type(error).__module__).startswith("amalthea.kube") else error,
        )


class BackgroundTelemetry:
    """Notified of the work that runs alongside the passes."""

    def __init__(self, metrics: OperatorMetrics) -> None:
        self._metrics = metrics

    def failed(self, name: str, error: Exception, retry_in: float) -> None:
        self._metrics.task_failures.labels(name).inc()
        _log.error(
            "work beside the sessions failed, restarting it",
            extra={"task": name, "defect": defects.identify(error), "retry_in": round(retry_in, 1)},
            exc_info=error,
        )


class SessionTelemetry:
    """Notified of each decision that changes something for a session: one log line each. Other passes log nothing."""

    def __init__(self, metrics: OperatorMetrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock

    def wrote(self, key: Key, plan: Plan, writes: tuple[Write, ...]) -> None:
        """Log the writes of a pass that were made."""
        if not writes:
            return
        made, changed, deleted = (_children(writes, kind) for kind in (Create, Patch, Delete))
        about = {"session": "/".join(key), "run_id": plan.run_id or "", "reason": plan.course.value}
        _log.info("children changed", extra={**about, "made": made, "changed": changed, "deleted": deleted})

    def changed(self, session: SessionView, status: Status, transition: Transition) -> None:
        """Log and count a transition that was just written."""
        former = session.status
        about: dict[str, object] = {
            "session": "/".join(key_of(session)),
            "run_id": status.run_id or former.run_id or "",
            "reason": transition.reason,
        }
        created = session.metadata.creation_timestamp
        for milestone in milestones(created, former, status, self._clock.now()):
            about |= self._count(milestone)
        _log.info("session changed", extra=about)

    def progress_written(self) -> None:
        """Count a status that was written only to report the progress of a start."""
        self._metrics.progress_writes.inc()

    def _count(self, milestone: Milestone) -> dict[str, object]:
        """Count a milestone; return what the log says of it."""
        match milestone:
            case Started():
                self._metrics.started(milestone.seconds, resumed=milestone.resumed, ready=milestone.ready)
                return {"resumed": milestone.resumed, "start_seconds": round(milestone.seconds, 1)}
            case Failed():
                self._metrics.failed(milestone.reason)
                return {"cause": milestone.reason}
            case Paused():
                self._metrics.hibernated(milestone.cause)
                return {"cause": milestone.cause}


def _children(writes: tuple[Write, ...], kind: type[Write]) -> list[str]:
    return ["/".join(write.child) for write in writes if isinstance(write, kind)]


class LeaderTelemetry:
    """Notified by the elector."""

    def __init__(self, metrics: OperatorMetrics, identity: str) -> None:
        self._metrics = metrics
        self._identity = identity

    def leading(self, leads: bool) -> None:
        self._metrics.leading.set(leads)
        _log.info("leading" if leads else "not leading any more", extra={"identity": self._identity})

    def failed(self, error: Exception) -> None:
        _log.warning("the Lease could not be renewed or taken, trying again", extra={"error": str(error)})

    def unwatched(self, error: Exception, retry_in: float) -> None:
        about = {"error": str(error), "retry_in": round(retry_in, 1)}
        _log.info("the Lease cannot be watched, looking at it every few seconds", extra=about)


class ClockTelemetry:
    """Notified by the clock."""

    def clocks_differ(self, skew: timedelta) -> None:
        _log.warning(
            "the clocks of this node and of the API server differ by more than a minute: until they agree, no session "
            "is paused or deleted automatically",
            extra={"skew_seconds": round(skew.total_seconds(), 1)},
        )

    def clocks_agree(self) -> None:
        _log.info("the clocks of this node and of the API server agree again")


def count_calls(metrics: OperatorMetrics, call: Call) -> None:
    """Count a request to the API server."""
    metrics.requests.labels(call.verb, call.resource, str(call.status)).inc()


def unreadable(kind: str, key: Key, error: Exception) -> None:
    """Log an object that could not be read: what was known of it stays."""
    _log.error("an object could not be read", extra={"kind": kind, "object": "/".join(key), "error": str(error)})

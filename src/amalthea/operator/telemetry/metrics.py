"""The names and meanings of all metrics. Those with a value per session are read from the cache on each scrape."""

import collections
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

STATES = ("Running", "Failed", "Hibernated", "NotReady", "RunningDegraded", "Succeeded")


@dataclass(frozen=True, slots=True)
class SessionRow:
    """The metrics of one session. Durations in seconds, 0 where the condition does not hold."""

    namespace: str
    name: str
    state: str
    idle: bool
    ready: int
    total: int
    idle_seconds: float
    failing_seconds: float
    hibernated_seconds: float
    failed_scheduling_seconds: float
    will_hibernate_at: float


_PER_SESSION: dict[str, tuple[str, Callable[[SessionRow], float]]] = {
    "idle": ("Whether the session is idle: nobody seems to work in it.", lambda row: float(row.idle)),
    "container_ready": ("Containers of the session that are ready.", lambda row: row.ready),
    "container_total": ("Containers of the session.", lambda row: row.total),
    "idle_duration_seconds": ("How long the session has been idle.", lambda row: row.idle_seconds),
    "failing_duration_seconds": ("How long the session has been failed.", lambda row: row.failing_seconds),
    "hibernated_duration_seconds": ("How long the session has been paused.", lambda row: row.hibernated_seconds),
    "failed_scheduling_duration_seconds": (
        "How long no node has had room for the session.",
        lambda row: row.failed_scheduling_seconds,
    ),
    "will_hibernate_at": (
        "When the session will be paused automatically, in Unix time.",
        lambda row: row.will_hibernate_at,
    ),
}


ROWS = 100
"""Sessions whose lines are made at once."""


def exposition(rows: Sequence[SessionRow]) -> Iterator[str]:
    """Yield the gauges of the sessions as Prometheus reads them, some lines at a time: all would be megabytes.

    Prometheus wants the series of one name together, so the rows are gone through once for each.
    """
    counts = collections.Counter(row.state for row in rows)
    totals = "".join(f'amalthea_sessions_total{{state="{state}"}} {counts[state]:.1f}\n' for state in STATES)
    yield _head("amalthea_sessions_total", "Sessions by state.") + totals
    yield _head("amalthea_session_state", "1 for the session's state, 0 for others.")
    yield from _lines(rows, _states)
    for name, (text, value) in _PER_SESSION.items():
        yield _head(f"amalthea_session_{name}", text)
        yield from _lines(rows, partial(_line, name, value))


def _lines(rows: Sequence[SessionRow], lines_of: Callable[[SessionRow], str]) -> Iterator[str]:
    for start in range(0, len(rows), ROWS):
        yield "".join(map(lines_of, rows[start : start + ROWS]))


def _head(name: str, text: str) -> str:
    return f"# HELP {name} {text}\n# TYPE {name} gauge\n"


def _states(row: SessionRow) -> str:
    labels = _labels(row)
    return "".join(
        f'amalthea_session_state{{{labels},state="{state}"}} {float(row.state == state)}\n' for state in STATES
    )


def _line(name: str, value: Callable[[SessionRow], float], row: SessionRow) -> str:
    return f"amalthea_session_{name}{{{_labels(row)}}} {float(value(row))}\n"


def _labels(row: SessionRow) -> str:
    return f'name="{row.name.translate(_ESCAPED)}",namespace="{row.namespace.translate(_ESCAPED)}"'


_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})

START_BUCKETS = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 1800, 3600)
"""Seconds that a start may take: from an image that is there already to one of many gigabytes."""


class OperatorMetrics:
    """The metrics of the operator itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        ProcessCollector(registry=registry)
        self._count_requests_and_passes(registry)
        self._count_milestones(registry)
        self._count_failed_tasks(registry)

    def passed(self, outcome: str, seconds: float) -> None:
        """Note a pass over a session and how it ended: `done`, `conflict` or `error`."""
        self._reconciles.labels(outcome).inc()
        self._seconds.observe(seconds)

    def started(self, seconds: float, *, resumed: bool, ready: bool) -> None:
        """Note that a run was ready for the first time, or failed before it ever was."""
        histogram = self._resume_seconds if resumed else self._start_seconds
        histogram.labels("running" if ready else "failed").observe(seconds)

    def failed(self, reason: str) -> None:
        """Note that a session failed."""
        self._failures.labels(reason).inc()

    def hibernated(self, cause: str) -> None:
        """Note that a session was paused, by whomever."""
        self._hibernations.labels(cause).inc()

    def deleted(self, cause: str) -> None:
        """Note that a session was deleted, by whomever."""
        self._deletions.labels(cause).inc()

    def usage_polled(self, at: datetime) -> None:
        """Note when the metrics API last answered."""
        self._usage_polled_at.set(at.timestamp())

    def door_answered(self, answer: str) -> None:
        """Note the outcome of asking a session's proxy: `told`, `too_old` or `none`."""
        self._door_answers.labels(answer).inc()

    def _count_requests_and_passes(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "amalthea_api_requests", "Requests to the API server.", ["verb", "resource", "code"], registry=registry
        )
        self._reconciles = Counter("amalthea_reconciles", "Passes over a session.", ["outcome"], registry=registry)
        for outcome in ("done", "conflict", "error"):
            self._reconciles.labels(outcome)
        self._seconds = Histogram("amalthea_reconcile_seconds", "Duration of a pass over a session.", registry=registry)
        self.watch_events = Counter(
            "amalthea_watch_events", "Messages received by watches.", ["kind"], registry=registry
        )
        self.relists = Counter("amalthea_lists", "Lists that a cache was filled from.", ["kind"], registry=registry)
        self.watch_failures = Counter(
            "amalthea_watch_failures", "Lists and watches that failed.", ["kind"], registry=registry
        )
        self.progress_writes = Counter(
            "amalthea_progress_writes",
            "Statuses that were written only to report the progress of a start.",
            registry=registry,
        )
        self.leading = Gauge(
            "amalthea_leading",
            "Whether this instance acts: it holds the Lease, or needs none.",
            registry=registry,
        )
        self.clock_skew = Gauge(
            "amalthea_clock_skew_seconds",
            "How far this node's clock is ahead of the API server's (behind: negative), as far as that is certain.",
            registry=registry,
        )
        self.queued = Gauge("amalthea_queue_depth", "Sessions that wait for a worker.", registry=registry)
        self.contested = Gauge(
            "amalthea_contested_sessions",
            "Sessions with an object that somebody else changes again and again.",
            registry=registry,
        )
        self._usage_polled_at = Gauge(
            "amalthea_usage_poll_timestamp_seconds",
            "When the metrics API last reported what sessions use, in Unix time; 0 if it never did.",
            registry=registry,
        )
        self.usage_followed = Gauge(
            "amalthea_usage_followed_sessions", "Sessions whose usage the metrics API is asked for.", registry=registry
        )

        self._door_answers = Counter(
            "amalthea_door_answers",
            "Requests to the proxies of sessions for the users' activity, by result.",
            ["answer"],
            registry=registry,
        )
        for answer in ("told", "too_old", "none"):
            self._door_answers.labels(answer)

    def _count_milestones(self, registry: CollectorRegistry) -> None:
        self._start_seconds = Histogram(
            "amalthea_session_start_seconds",
            "From a session's creation until it was ready for the first time, or failed.",
            ["outcome"],
            buckets=START_BUCKETS,
            registry=registry,
        )
        self._resume_seconds = Histogram(
            "amalthea_session_resume_seconds",
            "From a session's resume until it was ready again, or failed.",
            ["outcome"],
            buckets=START_BUCKETS,
            registry=registry,
        )
        for outcome in ("running", "failed"):  # an alert on a share needs both from the first start on
            self._start_seconds.labels(outcome)
            self._resume_seconds.labels(outcome)
        self._failures = Counter("amalthea_session_failures", "Sessions that failed.", ["reason"], registry=registry)
        self._hibernations = Counter(
            "amalthea_session_hibernations", "Sessions that were paused.", ["cause"], registry=registry
        )
        self._deletions = Counter(
            "amalthea_session_deletions", "Sessions that were deleted.", ["cause"], registry=registry
        )

    def _count_failed_tasks(self, registry: CollectorRegistry) -> None:
        self.task_failures = Counter(
            "amalthea_task_failures",
            "Failures of background tasks, which are then restarted.",
            ["task"],
            registry=registry,
        )
        for task in ("recorder", "usage", "doorman", "job_asker", "inquirer", "first_poll", "audit"):
            self.task_failures.labels(task)

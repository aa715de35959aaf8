"""The results of the benchmark, as plain data: written as JSON, shown by `table.py`, judged by `bounds.py`."""

import math
from collections import Counter
from collections.abc import Iterable

import msgspec

OTHERS = "all else on the machine"
"""Stands among the programs for what is none of the benchmark's. If it is not small, seconds mean little."""


class Spread(msgspec.Struct, frozen=True):
    """The time for half of the sessions, for 99 of 100, and for the last; in seconds."""

    p50: float
    p99: float
    last: float


def spread(seconds: Iterable[float]) -> Spread | None:
    """Return the spread of some durations, None if there are none."""
    ordered = sorted(seconds)
    if not ordered:
        return None
    return Spread(percentile(ordered, 50), percentile(ordered, 99), ordered[-1])


def percentile(ordered: list[float], share: float) -> float:
    """Return the smallest value that at least `share` percent of the values do not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)]


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of one phase, and its duration."""

    name: str
    sessions: int
    seconds: float
    """From the first request of the bench to the last session's arrival."""
    measured: float
    """Seconds in which requests were counted and CPU was measured: until the operator had nothing more to ask."""
    requests: Counter[str]
    """Of the operator, by verb and resource; what follows below is counted apart."""
    writes: int
    """Those that change something, Events included."""
    refused: int
    events: int
    leases: int
    watches: int
    usage_lists: int
    """Questions to the metrics API for what all sessions use."""
    progress_writes: int
    """Statuses that were written only to report the progress of a start."""
    transitions: int
    """Changes of a session's state, or of the reason of its condition Ready, as a client sees them."""
    watch_events: int
    """Messages that the operator's own watches received."""
    passes: int
    """Looks of the operator at a session, of whatever outcome."""
    cpu: dict[str, float]
    """CPU seconds of each program, the bench itself included."""
    resident_mib: float
    """Of the operator, at the end of the phase."""
    peak_mib: float
    """Of the operator, ever."""
    latencies: dict[str, Spread]
    base_cpu: float = 0.0
    """CPU seconds of the operator in a minute without any session: its Lease's, which are no session's. 0: unknown."""

    @property
    def per_session(self) -> float:
        """Requests of the operator per session."""
        return self.requests.total() / self.sessions

    @property
    def events_per_transition(self) -> float:
        """Events per transition; infinite if there were Events and no transition."""
        if not self.events:
            return 0.0
        return self.events / self.transitions if self.transitions else math.inf

    @property
    def cpu_per_minute(self) -> float:
        """CPU seconds of the operator per session and minute, less those that it takes without any session."""
        return max(0.0, self.operator_cpu - self.base_cpu * self.measured / 60) / self.session_minutes

    @property
    def session_minutes(self) -> float:
        """Minutes that were measured, of all sessions together."""
        return self.sessions * self.measured / 60

    @property
    def operator_cpu(self) -> float:
        """CPU seconds of the operator."""
        return self.cpu["operator"]


class Alone(msgspec.Struct, frozen=True):
    """Sessions that were created one after the other, each on a cluster at rest; in seconds from the request."""

    children: Spread
    running: Spread


class Deadlines(msgspec.Struct, frozen=True):
    """The exactness of automatic pauses."""

    sessions: int
    over: float
    """Seconds within which all deadlines were."""
    earliest: float
    """Seconds by which the first one was late; less than 0 if it was early, which must never be."""
    lateness: Spread


class Floor(msgspec.Struct, frozen=True):
    """The best that the machine can do: a session's writes with no operator."""

    seconds: float
    """Until the last write was answered."""
    ready_seconds: float
    """Until the last StatefulSet was ready: what the rest of the cluster needs for the same sessions."""
    writes: int
    cpu: dict[str, float]
    """Until the last write was answered."""

    @property
    def cpu_per_write(self) -> float:
        """CPU seconds for a write and all that follows from it."""
        return sum(seconds for program, seconds in self.cpu.items() if program != OTHERS) / self.writes


class Report(msgspec.Struct, frozen=True):
    """All that one run of the benchmark found."""

    sessions: int
    cores: int
    alone: Alone
    phases: list[Phase]
    deadlines: Deadlines
    floor: Floor

    @property
    def floor_ratio(self) -> float:
        """The time until the last session ran, relative to what the machine needs for the writes alone."""
        return self._create.seconds / self.floor.seconds

    @property
    def ready_ratio(self) -> float:
        """The time until the last session ran, relative to that until its StatefulSet is ready with no operator."""
        return self._create.seconds / self.floor.ready_seconds

    @property
    def _create(self) -> Phase:
        return next(phase for phase in self.phases if phase.name == "create")


def as_json(report: Report) -> bytes:
    """Return the report as JSON, the ratios to the floor included."""
    ratios = {"floor_ratio": report.floor_ratio, "ready_ratio": report.ready_ratio}
    data = {**msgspec.to_builtins(report), **ratios}
    return msgspec.json.format(msgspec.json.encode(data), indent=2) + b"\n"

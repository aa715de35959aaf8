"""The report as a person reads it: phases side by side, figures below each other."""

from collections.abc import Callable, Iterator

from bench import bounds
from bench.audit import WRITES
from bench.figures import Deadlines, Phase, Report, Spread

_LABEL, _CELL = 44, 12

Cell = Callable[[Phase], str]


def render(report: Report) -> str:
    """Return the report as text."""
    return "\n".join([*_phases(report), *_cpu(report), *_latencies(report), *_goals(report), ""])


def _phases(report: Report) -> Iterator[str]:
    names = sorted({name for phase in report.phases for name in phase.requests}, key=_by_resource)
    yield _line(f"{report.sessions} sessions on {report.cores} cores", [phase.name for phase in report.phases])
    yield _row(report, "seconds until the last session was there", lambda phase: f"{phase.seconds:.1f}")
    yield from _heading("Requests of the operator")
    for name in names:
        yield _row(report, f"  {name}", lambda phase, name=name: _count(phase.requests[name]))  # type: ignore[misc]
    yield _row(report, "  in all", lambda phase: _count(phase.requests.total()))
    yield _row(report, "  per session", lambda phase: f"{phase.per_session:.2f}")
    yield _row(report, "  allowed per session", lambda phase: _allowed(phase.name))
    yield _row(report, "  of these refused", lambda phase: _count(phase.refused))
    yield from _heading("Counted apart")
    yield _row(report, "  Events", lambda phase: _count(phase.events))
    yield _row(report, "  Events per transition", lambda phase: f"{phase.events_per_transition:.2f}")
    yield _row(report, "  Leases", lambda phase: _count(phase.leases))
    yield _row(report, "  watches opened", lambda phase: _count(phase.watches))
    yield _row(report, "  messages of the operator's watches", lambda phase: _count(phase.watch_events))
    yield _row(report, "  lists of what all sessions use", lambda phase: _count(phase.usage_lists))
    yield _row(report, "  statuses that only tell of progress", lambda phase: _count(phase.progress_writes))
    yield _row(report, "  passes over a session", lambda phase: _count(phase.passes))


def _cpu(report: Report) -> Iterator[str]:
    yield from _heading("CPU seconds, and the operator's memory")
    for program in report.phases[0].cpu:
        yield _row(report, f"  {program}", lambda phase, program=program: f"{phase.cpu[program]:.2f}")  # type: ignore[misc]
    yield _row(report, "  operator, ms per session", lambda phase: _share(phase.operator_cpu * 1e3, phase.sessions))
    yield _row(report, "  operator, ms per write", lambda phase: _share(phase.operator_cpu * 1e3, phase.writes))
    yield _row(
        report,
        "  operator, ms per message of a watch",
        lambda phase: _share(phase.operator_cpu * 1e3, phase.watch_events),
    )
    yield _row(report, "  operator, MiB resident", lambda phase: f"{phase.resident_mib:.0f}")
    yield _row(report, "  operator, MiB at most", lambda phase: f"{phase.peak_mib:.0f}")


def _latencies(report: Report) -> Iterator[str]:
    yield from _heading("Seconds from a session's request (half of them, 99 of 100, the last)")
    for phase in report.phases:
        for what, seconds in phase.latencies.items():
            yield _spread(f"  {phase.name}: {what}", seconds)
    yield _spread("  deadlines: paused so late", report.deadlines.lateness)
    yield _spread("  one alone: children", report.alone.children)
    yield _spread("  one alone: Running", report.alone.running)


def _goals(report: Report) -> Iterator[str]:
    yield from _heading("Goals and bounds")
    floor = report.floor
    rate = f"{floor.writes} writes, {floor.cpu_per_write * 1e3:.1f} ms of CPU each"
    yield f"  the same writes with no operator: {floor.seconds:.1f} s ({rate})"
    yield f"  ... and until the last StatefulSet was ready: {floor.ready_seconds:.1f} s"
    yield f"  last session Running, by that: {report.ready_ratio:.2f}"
    yield _goal("last session Running, by the writes", report.floor_ratio, bounds.FLOOR_RATIO)
    for phase in report.phases:
        if (seconds := phase.latencies.get("StatefulSet ready to Running")) is not None:
            yield _goal(f"{phase.name}: ready to Running, p99", seconds.p99, bounds.READY_TO_RUNNING_P99)
    idle = next(phase for phase in report.phases if phase.name == "idle")
    kind = "bound" if bounds.judges_rest(idle) else "goal"
    yield f"  without any session: {idle.base_cpu * 1e3:.0f} ms of CPU per minute, which no session is charged for"
    yield _goal("idle: ms of CPU per session and minute", idle.cpu_per_minute * 1e3, bounds.IDLE_CPU * 1e3, kind)
    yield _goal(_ends(report.deadlines), report.deadlines.lateness.p99, bounds.DEADLINE_P99, "bound")
    yield _goal("one alone: children, p50", report.alone.children.p50, bounds.ALONE_CHILDREN)


def _ends(ends: Deadlines) -> str:
    return f"{ends.sessions} deadlines within {ends.over:g} s: seconds late, from {ends.earliest:.2f} on, p99"


def _goal(what: str, found: float, most: float, kind: str = "goal") -> str:
    return f"  {what}: {found:.2f} ({kind}: at most {most:g}, {'met' if found <= most else 'MISSED'})"


def _heading(text: str) -> Iterator[str]:
    yield ""
    yield text


def _row(report: Report, label: str, cell: Cell) -> str:
    return _line(label, [cell(phase) for phase in report.phases])


def _spread(label: str, seconds: Spread) -> str:
    return _line(label, [f"{value:.2f}" for value in (seconds.p50, seconds.p99, seconds.last)])


def _line(label: str, cells: list[str]) -> str:
    return f"{label:<{_LABEL}}" + "".join(f"{cell:>{_CELL}}" for cell in cells)


def _count(number: int) -> str:
    return str(number) if number else "·"


def _share(amount: float, parts: int) -> str:
    return f"{amount / parts:.2f}" if parts else "·"


def _allowed(phase: str) -> str:
    most = 0.0 if phase == "idle" else bounds.REQUESTS_PER_SESSION[phase]
    return f"{most:g}"


def _by_resource(name: str) -> tuple[bool, str, str]:
    """Reads first, then writes, by resource."""
    verb, _, resource = name.partition(" ")
    return verb in WRITES, resource, verb

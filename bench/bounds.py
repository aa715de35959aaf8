"""What a session may cost: counts and memory, which do not depend on the machine, so that a test can check them."""

from collections.abc import Iterator

from bench.figures import Phase, Report

REQUESTS_PER_SESSION = {"create": 9.0, "hibernate": 4.0, "resume": 5.0, "delete": 3.0}
"""Requests of the operator, Events, Leases and watches left out."""
SLACK = 0.05
"""So many more are let pass: one session in twenty may meet a conflict, and be looked at again."""
EVENTS_PER_TRANSITION = 1.0
PEAK_MIB = 96.0
"""Resident memory of the operator, with up to MEMORY_SESSIONS sessions."""
MEMORY_SESSIONS = 200

# Goals: seconds depend on the machine, so they are shown and not checked.
FLOOR_RATIO = 1.3
READY_TO_RUNNING_P99 = 1.0
ALONE_CHILDREN = 0.2


def broken(report: Report) -> list[str]:
    """Return a sentence for each bound that does not hold."""
    return [sentence for phase in report.phases for sentence in _broken(phase)]


def _broken(phase: Phase) -> Iterator[str]:
    most = REQUESTS_PER_SESSION.get(phase.name)
    if most is not None and phase.per_session > most + SLACK:
        yield f"{phase.name}: {phase.per_session:.2f} requests per session, at most {most:g} allowed: {_most(phase)}"
    if phase.name == "idle" and phase.requests:
        yield f"idle: {phase.requests.total()} requests, where nothing happens none is allowed: {_most(phase)}"
    if phase.events_per_transition > EVENTS_PER_TRANSITION:
        yield f"{phase.name}: {phase.events} Events for {phase.transitions} transitions, at most one each is allowed"
    if phase.sessions <= MEMORY_SESSIONS and phase.peak_mib > PEAK_MIB:
        yield f"{phase.name}: the operator used up to {phase.peak_mib:.0f} MiB, at most {PEAK_MIB:g} are allowed"


def _most(phase: Phase) -> str:
    return ", ".join(f"{count} {name}" for name, count in phase.requests.most_common())

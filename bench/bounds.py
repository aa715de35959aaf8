"""Bounds on what a session may cost and how late it may end: some hold on any machine, goals need a fast one.

Counts and memory do not depend on the machine; the CPU of rest and the lateness of ends do, with much room to spare.
"""

from collections.abc import Iterator

from amalthea.settings import Settings
from bench.figures import Phase, Report

REQUESTS_PER_SESSION = {"create": 9.0, "hibernate": 4.0, "resume": 5.0, "delete": 3.0}
"""Requests of the operator, Events, Leases and watches left out."""
SLACK = 0.05
"""So many more are let pass: one session in twenty may meet a conflict, and be looked at again."""
EVENTS_PER_TRANSITION = 1.0
PEAK_MIB, PEAK_SESSIONS = 96.0, 200
"""Resident memory of the operator at any time, with up to so many sessions."""
RESIDENT_MIB, RESIDENT_SESSIONS = 110.0, 1000
"""Resident memory of the operator at the end of a phase, with up to so many sessions."""
USAGE_INTERVAL = Settings.usage_interval.total_seconds()
"""Seconds between two lists of what all sessions use: one scope, as the operator serves all namespaces here."""

DEADLINE_P99 = 2.0
"""Seconds by which 99 of 100 sessions are late at most when they are paused by themselves."""
IDLE_CPU = 1e-3
"""CPU seconds of the operator per session and minute, beyond those that it takes without any session."""
IDLE_SESSION_MINUTES = 150.0
"""Below that the clock's ticks, which no session is to blame for, weigh more than the sessions."""

# Goals: these seconds are the machine's as much as ours, so they are shown and not checked.
FLOOR_RATIO = 1.3
READY_TO_RUNNING_P99 = 1.0
ALONE_CHILDREN = 0.2


def broken(report: Report) -> list[str]:
    """Return a sentence for each bound that does not hold."""
    found = [sentence for phase in report.phases for sentence in _broken(phase)]
    if (earliest := report.deadlines.earliest) < 0:
        found.append(f"deadlines: a session was paused {-earliest:.3f} s before its time, none ever may")
    if (late := report.deadlines.lateness.p99) > DEADLINE_P99:
        found.append(
            f"deadlines: one in a hundred was paused {late:.2f} s late or more, at most {DEADLINE_P99:g} allowed"
        )
    return found


def judges_rest(phase: Phase) -> bool:
    """Return whether a phase shows the CPU that a session at rest needs."""
    return phase.name == "idle" and phase.session_minutes >= IDLE_SESSION_MINUTES


def _broken(phase: Phase) -> Iterator[str]:
    most = REQUESTS_PER_SESSION.get(phase.name)
    if most is not None and phase.per_session > most + SLACK:
        yield f"{phase.name}: {phase.per_session:.2f} requests per session, at most {most:g} allowed: {_most(phase)}"
    if phase.name == "idle" and phase.requests:
        yield f"idle: {phase.requests.total()} requests, where nothing happens none is allowed: {_most(phase)}"
    if judges_rest(phase) and phase.cpu_per_minute > IDLE_CPU:
        found, most_ms = phase.cpu_per_minute * 1e3, IDLE_CPU * 1e3
        yield f"idle: {found:.2f} ms of CPU per session and minute, at most {most_ms:g} allowed"
    if phase.events_per_transition > EVENTS_PER_TRANSITION:
        yield f"{phase.name}: {phase.events} Events for {phase.transitions} transitions, at most one each is allowed"
    if phase.usage_lists > phase.measured // USAGE_INTERVAL + 1:
        yield f"{phase.name}: usage was asked for {phase.usage_lists} times in {phase.measured:.0f} s"
    if phase.sessions <= PEAK_SESSIONS and phase.peak_mib > PEAK_MIB:
        yield f"{phase.name}: the operator used up to {phase.peak_mib:.0f} MiB, at most {PEAK_MIB:g} are allowed"
    if phase.sessions <= RESIDENT_SESSIONS and phase.resident_mib > RESIDENT_MIB:
        yield f"{phase.name}: the operator uses {phase.resident_mib:.0f} MiB, at most {RESIDENT_MIB:g} are allowed"


def _most(phase: Phase) -> str:
    return ", ".join(f"{count} {name}" for name, count in phase.requests.most_common())

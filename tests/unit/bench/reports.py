"""A report of the benchmark as it should be, for tests that spoil one thing of it."""

from collections import Counter

import msgspec

from bench.figures import OTHERS, Alone, Deadlines, Floor, Phase, Report, Spread

SPREAD = Spread(0.1, 0.2, 0.3)
PHASES = {
    "create": {"create services": 100, "patch amaltheasessions/status": 200},
    "idle": {},
    "hibernate": {"patch statefulsets": 100},
    "resume": {"patch statefulsets": 100},
    "delete": {"delete secrets": 100},
}


def phase(name: str, **changes: object) -> Phase:
    sound = Phase(
        name=name,
        sessions=100,
        seconds=10.0,
        measured=12.0,
        requests=Counter(PHASES[name]),
        writes=300,
        refused=0,
        events=0 if name == "idle" else 200,
        leases=5,
        watches=0,
        usage_lists=1,
        progress_writes=0,
        transitions=0 if name == "idle" else 200,
        watch_events=1000,
        passes=500,
        cpu={"operator": 0.01 if name == "idle" else 1.5, "bench": 0.5},
        resident_mib=60.0,
        peak_mib=61.0,
        latencies={} if name == "idle" else {"StatefulSet ready to Running": SPREAD},
    )
    return msgspec.structs.replace(sound, **changes)


def report(*spoilt: Phase, earliest: float = 0.01, lateness: Spread = SPREAD) -> Report:
    phases = {name: phase(name) for name in PHASES} | {each.name: each for each in spoilt}
    floor = Floor(8.0, 10.0, 900, {"bench": 1.8, OTHERS: 5.0})
    deadlines = Deadlines(30, 10.0, earliest, lateness)
    return Report(100, 2, Alone(SPREAD, SPREAD), list(phases.values()), deadlines, floor)

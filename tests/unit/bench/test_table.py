"""The table shows every figure in the column of its phase, and whether the goals are met."""

from bench.figures import Spread
from bench.table import render
from tests.unit.bench.reports import phase, report


def row(text: str, label: str) -> list[str]:
    [line] = [line for line in text.splitlines() if line.strip().startswith(label)]
    return line.strip().removeprefix(label).split()


def test_a_figure_stands_in_the_column_of_its_phase() -> None:
    text = render(report())
    assert row(text, "100 sessions on 2 cores") == ["create", "idle", "hibernate", "resume", "delete"]
    assert row(text, "patch statefulsets") == ["·", "·", "100", "100", "·"]
    assert row(text, "per session") == ["3.00", "0.00", "1.00", "1.00", "1.00"]
    assert row(text, "allowed per session") == ["9", "0", "4", "5", "3"]
    assert row(text, "operator, ms per write") == ["5.00", "0.03", "5.00", "5.00", "5.00"]


def test_columns_are_straight() -> None:
    lines = render(report()).splitlines()
    assert len({len(line) for line in lines if line.startswith(("100 sessions", "  per session", "  bench"))}) == 1


def test_a_missed_goal_catches_the_eye() -> None:
    slow = {"StatefulSet ready to Running": Spread(0.5, 1.5, 2.0)}
    text = render(report(phase("resume", latencies=slow)))
    assert "create: ready to Running, p99: 0.20 (goal: at most 1, met)" in text
    assert "resume: ready to Running, p99: 1.50 (goal: at most 1, MISSED)" in text


def test_a_bound_is_told_from_a_goal() -> None:
    text = render(report())
    assert "from 0.01 on, p99: 0.20 (bound: at most 2, met)" in text
    assert "idle: ms of CPU per session and minute: 0.50 (goal: at most 1, met)" in text
    text = render(report(phase("idle", measured=90.0)))
    assert "idle: ms of CPU per session and minute: 0.07 (bound: at most 1, met)" in text


def test_a_phase_without_writes_has_no_cost_per_write() -> None:
    text = render(report(phase("idle", writes=0, watch_events=0)))
    assert row(text, "operator, ms per write")[1] == "·"

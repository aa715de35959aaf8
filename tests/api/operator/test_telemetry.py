"""Admins see a line for each decision of a session's life, and figures that add up; nothing of a session at rest."""

import json
import re
import time
from typing import Any

from tests.api.operator.conftest import Operators
from tests.api.operator.specs import PLAIN
from tests.support.processes import OperatorProcess
from tests.support.world import POLL_INTERVAL, WITHIN, World

DECISIONS = ("children changed", "session changed")


def told(operator: OperatorProcess) -> list[dict[str, Any]]:
    """Return the lines of decisions, each checked to name its session."""
    lines = [json.loads(line) for line in operator.log.splitlines()]
    decisions = [line for line in lines if line["message"] in DECISIONS]
    assert {line["session"].rpartition("/")[2] for line in decisions} <= {"one"}
    return decisions


def told_at_last(operator: OperatorProcess, reasons: list[str]) -> list[dict[str, Any]]:
    """Return the lines of decisions as soon as those on changes of the session have these reasons, in this order.

    A line follows what it reports, so it may come a moment later. The pod may go too fast for "Stopping".
    """
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        lines = told(operator)
        changes = [line["reason"] for line in lines if line["message"] == "session changed"]
        if [reason for reason in changes if reason != "Stopping"] == reasons:
            return lines
        time.sleep(POLL_INTERVAL)
    raise AssertionError(f"not told: {reasons}\n{operator.log}")


def count(operator: OperatorProcess, series: str) -> float:
    """Return a series' value, 0 if there is none."""
    found = re.search(rf"^{re.escape(series)} (\S+)$", operator.metrics(), re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def test_a_start_leaves_its_lines_and_a_rest_none(world: World, operator: OperatorProcess) -> None:
    session = world.run("one", PLAIN)
    service = world.wait_for("Service", "one", lambda _: True)
    lines = told_at_last(operator, ["Running"])
    assert {line["run_id"] for line in lines} == {session["status"]["runID"]}
    first, last = lines[0], lines[-1]
    assert (first["reason"], first["changed"], first["deleted"]) == ("run", [], [])
    assert {"StatefulSet/one", "Ingress/one"} <= set(first["made"])
    assert (last["message"], last["reason"], last["resumed"]) == ("session changed", "Running", False)
    world.patch("StatefulSet", "one", metadata={"labels": {"example.org/nudge": "1"}})
    world.delete("Service", "one")
    world.wait_for("Service", "one", lambda again: again["metadata"]["uid"] != service["metadata"]["uid"])
    world.patch_spec("one", hibernated=True)
    lines = told_at_last(operator, ["Running", "Hibernated"])[len(lines) :]
    assert [line["made"] for line in lines if line["message"] == "children changed"] == [["Service/one"], []]


def test_a_pause_and_a_resume_are_told_and_counted_once(world: World, operator: OperatorProcess) -> None:
    first = world.run("one", PLAIN)
    world.patch_spec("one", hibernated=True)
    world.wait_for_state("one", "Hibernated")
    world.patch_spec("one", hibernated=False)
    world.make_pod_ready("one")
    world.wait_for_state("one", "Running")
    lines = told_at_last(operator, ["Running", "Hibernated", "Starting", "Running"])
    changes = [line for line in lines if line["message"] == "session changed"]
    (paused,) = [line for line in changes if line["reason"] == "Hibernated"]
    ended = next(line for line in changes if line["reason"] in ("Stopping", "Hibernated"))
    assert ended["run_id"] == first["status"]["runID"]
    started = [line for line in changes if line["reason"] == "Running"]
    assert len({line["run_id"] for line in started}) == 2
    assert count(operator, 'amalthea_session_start_seconds_count{outcome="running"}') + count(
        operator, 'amalthea_session_resume_seconds_count{outcome="running"}'
    ) == len(started)
    assert paused["cause"] == "User"
    assert count(operator, 'amalthea_session_hibernations_total{cause="User"}') == 1


def test_an_operator_that_asks_for_no_lease_says_that_it_acts(world: World, operators: Operators) -> None:
    operator = operators().start("--leader-elect=false")
    world.run("one", PLAIN)
    assert "amalthea_leading 1.0" in operator.metrics()

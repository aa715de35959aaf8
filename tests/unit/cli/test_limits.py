"""What is said to come must come, and nothing that will come may stay unsaid."""

from datetime import datetime
from typing import Any

import pytest

from amalthea.cli.explanation import Coming
from amalthea.cli.limits import coming
from amalthea.testing import observations as found
from amalthea.testing.builders import session
from tests.unit.cli.scenarios import CULLING, LAB, known, running, status

READY = found.pod(found.container(ready=True))


def limits(state: str = "Running", culling: dict[str, Any] | None = None, **told: Any) -> dict[str, Coming]:  # noqa: ANN401
    """Return what the limits of a session mean, by their names."""
    lab = session().with_spec(culling=CULLING if culling is None else culling)
    return {each.limit: each for each in coming(known(lab, status(state, **told), READY))}


def at(text: str) -> datetime:
    """Return a time of the day."""
    return datetime.fromisoformat(f"2026-11-22T{text}Z")


def test_idleness_counts_from_the_users_last_word() -> None:
    said = CULLING | {"lastInteraction": "2026-11-22T14:00:00Z"}
    found = limits(culling=said, idle=True, idleSince="2026-11-22T13:30:00Z")
    assert found["maxIdleDuration"].at == at("15:00:00")


def test_idleness_does_not_count_while_somebody_works() -> None:
    assert limits()["maxIdleDuration"].at is None


def test_a_start_is_limited_until_the_first_run_only() -> None:
    assert "maxStartingDuration" not in limits("NotReady")
    starting = known(session().with_spec(culling=CULLING), status("NotReady"), found.pod())
    assert {each.limit: each.at for each in coming(starting)}["maxStartingDuration"] == at("16:00:00")


def test_a_resumed_session_counts_from_its_resume_and_not_from_its_creation() -> None:
    assert limits()["maxAge"].at == datetime.fromisoformat("2026-11-23T13:00:00Z")


def test_a_pause_in_vain_comes_no_more_once_it_is_paused() -> None:
    paused = known(LAB.hibernated(), status("Hibernated", runID=None, hibernatedSince="2026-11-22T14:00:00Z"))
    assert [each.limit for each in coming(paused)] == ["maxHibernatedDuration"]


def test_limits_of_zero_as_the_go_operator_writes_them_are_none() -> None:
    assert limits(culling=dict.fromkeys(CULLING, "0s") | {"cpuIdleThreshold": "0"}) == {}


def test_a_limit_beyond_all_calendars_has_no_time() -> None:
    assert limits(culling={"maxAge": "2562047h"})["maxAge"].at is not None
    assert coming(known(session().with_spec(culling={"maxAge": "9999999999h"}), status("Running"), READY)) == ()


def test_what_the_operator_alone_knows_is_told_too() -> None:
    announced = limits(willHibernateAt="2026-11-22T15:30:00Z")[""]
    assert (announced.at, announced.action) == (at("15:30:00"), "pause")


def test_what_a_limit_explains_is_not_told_twice() -> None:
    assert [each.limit for each in coming(running()) if each.at is not None] == ["maxAge"]


def test_the_next_comes_first() -> None:
    times = [each.at for each in coming(running())]
    assert times == sorted(times, key=lambda time: (time is None, time))


@pytest.mark.parametrize("run_id", [None, "", "not-a-ulid"])
def test_a_run_of_an_older_release_began_with_its_pod(run_id: str | None) -> None:
    assert limits(runID=run_id)["maxAge"].at == datetime.fromisoformat("2026-11-23T13:00:01Z")

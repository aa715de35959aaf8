"""An announced end must come, and nothing that will come may stay unsaid."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from amalthea.cli.compose import limits as its_limits
from amalthea.cli.explanation import Coming
from amalthea.cli.read.snapshot import SessionSnapshot
from amalthea.model import deadlines
from amalthea.model.spans import moment
from amalthea.model.times import rfc3339
from amalthea.testing import observations as found
from amalthea.testing.builders import session
from tests.unit.cli.parts import CULLING, LAB, known, status
from tests.unit.cli.scenarios import SCENARIOS, running, starting, starting_without_room

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
READY = found.pod(found.container(ready=True))


def coming(it: SessionSnapshot) -> tuple[Coming, ...]:
    return its_limits.coming(it, NOW)


def limits(state: str = "Running", culling: dict[str, Any] | None = None, **fields: Any) -> dict[str, Coming]:  # noqa: ANN401
    """Return what the limits of a session mean, by their names, once the operator has announced its next pause."""
    lab = session().with_spec(culling=CULLING if culling is None else culling)
    seen = known(lab, status(state, **fields), READY).observed
    pause = deadlines.pause(seen, seen.session.status, NOW)
    announced = {"willHibernateAt": rfc3339(pause.at)} if pause is not None else {}
    return {each.limit: each for each in coming(known(lab, status(state, **announced | fields), READY))}


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
    assert {each.limit: each.at for each in coming(starting())}["maxStartingDuration"] == at("16:00:00")


def test_a_resumed_session_counts_from_its_resume_and_not_from_its_creation() -> None:
    assert limits()["maxAge"].at == datetime.fromisoformat("2026-11-23T13:00:00Z")


def test_a_paused_session_has_no_pause_to_come() -> None:
    paused = known(LAB.hibernated(), status("Hibernated", runID=None, hibernatedSince="2026-11-22T14:00:00Z"))
    assert [each.limit for each in coming(paused)] == ["maxHibernatedDuration"]


def test_limits_of_zero_as_the_go_operator_writes_them_are_none() -> None:
    assert limits(culling=dict.fromkeys(CULLING, "0s") | {"cpuIdleThreshold": "0"}) == {}


def test_a_limit_beyond_all_calendars_has_no_time() -> None:
    assert limits(culling={"maxAge": "2562047h"})["maxAge"].at is not None
    assert limits(culling={"maxAge": "9999999999h"}) == {}


def test_a_pause_that_only_the_operator_knows_of_is_shown_too() -> None:
    announced = limits(willHibernateAt="2026-11-22T15:30:00Z")[""]
    assert (announced.at, announced.action) == (at("15:30:00"), "pause")


def test_a_pause_that_a_limit_explains_is_not_shown_twice() -> None:
    assert [each.limit for each in coming(running()) if each.at is not None] == ["maxAge"]


def test_the_next_comes_first() -> None:
    times = [each.at for each in coming(running())]
    assert times == sorted(times, key=lambda time: (time is None, time))


@pytest.mark.parametrize("run_id", [None, "", "not-a-ulid"])
def test_a_run_of_an_older_release_began_with_its_pod(run_id: str | None) -> None:
    assert limits(runID=run_id)["maxAge"].at == datetime.fromisoformat("2026-11-23T13:00:01Z")


def alone(it: SessionSnapshot) -> SessionSnapshot:
    """Return a session as the list of a namespace knows it: from itself only."""
    return SessionSnapshot(replace(it.observed, workload=None, pods=(), claims=(), events=None))


@pytest.mark.parametrize("only_itself_is_read", [False, True], ids=["read in full", "in the list"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_pause_that_comes_first_is_the_one_that_the_operator_makes(name: str, only_itself_is_read: bool) -> None:
    it = SCENARIOS[name]()
    comes = coming(alone(it) if only_itself_is_read else it)
    pauses = [each.at for each in comes if each.action == "pause" and each.at is not None]

    assert min(pauses, default=None) == moment(it.observed.session.status.will_hibernate_at)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_pause_that_comes_comes_from_a_limit(name: str) -> None:
    assert all(each.limit for each in coming(SCENARIOS[name]()) if each.action == "pause")


def test_a_session_without_room_says_when_that_is_a_failure() -> None:
    first = coming(starting_without_room())[0]
    assert (first.at, first.action) == (at("15:15:00"), "fail")


def test_a_limit_that_cannot_count_from_here_is_not_listed() -> None:
    for name in ("failed_for_a_bad_image", "no_room_for_too_long", "invalid_spec"):
        assert not {each.limit for each in coming(SCENARIOS[name]()) if each.at is None} & {"maxIdleDuration", "maxAge"}

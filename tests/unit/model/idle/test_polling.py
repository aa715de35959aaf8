"""A door that is asked too often costs requests for nothing; one that is asked too early lets a worker be stopped."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from amalthea.api.reasons import Cause, Reason
from amalthea.model.deadlines import Deadline
from amalthea.model.idle.idleness import Idleness
from amalthea.model.idle.polling import FRESH, PAUSES, ask_at
from amalthea.model.views.door import Door, Look, Reported, Silent, TooOld
from amalthea.testing.observations import observed

LEAD = timedelta(minutes=10)
DUE = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
BEGINS = DUE - timedelta(minutes=6)
"""A tenth of the limit before."""
PAUSE = Deadline(DUE, Cause.IDLE, timedelta(hours=1))
IDLE = Idleness("True", Reason.QUIET, "")
SILENCE = Idleness("Unknown", Reason.DOOR_SILENT, "")
SECOND = timedelta(seconds=1)


def asked(look: Look | None, verdict: Idleness | None = IDLE, pause: Deadline | None = PAUSE) -> datetime | None:
    return ask_at(replace(observed(), door=Door("192.0.2.1", look)), verdict, pause, LEAD)


def reported(at: datetime) -> Reported:
    return Reported(at, DUE - timedelta(hours=1))


CASES: dict[str, tuple[Look | None, datetime]] = {
    "before people are told": (None, BEGINS),
    "what it said for an earlier deadline does not count": (reported(BEGINS - SECOND), BEGINS),
    "and again at the end": (reported(BEGINS), DUE),
    "just before the end is not the end": (reported(DUE - SECOND), DUE),
    "the pause rests on an answer of just now": (reported(DUE), DUE + FRESH),
    "one too old to tell is asked as well": (TooOld(BEGINS), DUE),
}


@pytest.mark.parametrize(("look", "expected"), CASES.values(), ids=CASES)
def test_a_door_is_asked_twice_near_the_end(look: Look | None, expected: datetime) -> None:
    assert asked(look) == expected


@pytest.mark.parametrize(
    ("verdict", "pause"),
    [
        (None, PAUSE),
        (Idleness("False", Reason.CPU_BUSY, ""), None),
        (Idleness("Unknown", Reason.USAGE_UNKNOWN, ""), None),
        (IDLE, None),
        (IDLE, Deadline(DUE, Cause.TOO_OLD, timedelta(hours=24))),
    ],
    ids=["never for idleness", "busy", "unknown", "never", "for its age first"],
)
def test_a_door_whose_word_decides_nothing_is_not_asked(verdict: Idleness | None, pause: Deadline | None) -> None:
    assert asked(reported(DUE), verdict, pause) is None


def test_a_session_without_a_door_has_nobody_to_ask() -> None:
    assert ask_at(observed(), IDLE, PAUSE, LEAD) is None


def test_a_silent_door_is_asked_more_and_more_rarely() -> None:
    waits = []
    for times in range(1, 7):
        again = asked(Silent(BEGINS, times), SILENCE, None)
        assert again is not None
        waits.append(again - BEGINS)

    assert waits == [*PAUSES, PAUSES[-1], PAUSES[-1]]


def test_a_door_that_was_silent_before_the_operators_restart_is_asked_at_once() -> None:
    again = asked(None, SILENCE, None)

    assert again is not None
    assert again < BEGINS

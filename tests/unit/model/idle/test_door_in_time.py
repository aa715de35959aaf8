"""Nobody who works may be warned or stopped, and a restart of the operator must not forget that somebody worked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
from ulid import ULID

from amalthea.api.reasons import Cause
from amalthea.api.types import Condition, Status
from amalthea.model.deadlines import End
from amalthea.model.plan import Fresh, decide
from amalthea.model.status.report import Context, Outcome, as_data, merge_patch, report
from amalthea.model.views.door import Door, Look, Reported, Silent, TooOld
from amalthea.model.views.observed import Observed
from amalthea.model.views.usage import Usage
from amalthea.testing.builders import session
from amalthea.testing.observations import container, observed, pod, statefulset

START = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
RUN = str(ULID.from_datetime(START))
QUIET = START + timedelta(hours=1)
SOON, DUE = QUIET + timedelta(minutes=54), QUIET + timedelta(hours=1)
"""When people are told that an idle session is about to be paused, and when it is."""
PAUSE = End(False, Cause.IDLE, timedelta(hours=1))
CULLED = session().with_ingress().with_spec(culling={"maxIdleDuration": "1h"})


def seen(now: datetime, look: Look | None = None, before: Status | None = None) -> Observed:
    """Return a session with a door that is quiet since 14:00, at some moment."""
    status = {"state": "Running", "runID": RUN, "idle": True, "idleSince": "2026-11-22T14:00:00Z"}
    found = observed(CULLED, statefulset(run_id=RUN), pod(container(ready=True)), status=status)
    view = found.session if before is None else msgspec.structs.replace(found.session, status=before)
    return replace(found, session=view, usage=Usage(Decimal(0), now), door=Door("192.0.2.1", look))


def outcome(now: datetime, look: Look | None = None, before: Status | None = None) -> Outcome:
    found = seen(now, look, before)
    return report(found, decide(found, Fresh(lambda: RUN)), (), Context("https://lab.example.org/", now))


def worked(at: datetime, ago: timedelta = timedelta(hours=2)) -> Reported:
    """Return what a door says that saw somebody work some time ago, and nobody since."""
    return Reported(at, at - ago)


def of(status: Status, kind: str) -> Condition | None:
    return next((each for each in status.conditions or () if each.type == kind), None)


def asks(outcome: Outcome, now: datetime) -> bool:
    return outcome.next.ask_door_at is not None and outcome.next.ask_door_at <= now


def news(before: Status, after: Status) -> dict[str, object]:
    return merge_patch(as_data(before), as_data(after))


def test_an_idle_session_with_hours_to_go_is_not_asked_and_looked_at_again_just_before_the_end() -> None:
    early = outcome(QUIET + timedelta(minutes=1))

    assert not asks(early, QUIET + timedelta(minutes=1))
    assert early.next.wake_at == SOON
    assert early.status.will_hibernate_at == "2026-11-22T15:00:00Z"


def test_nobody_is_warned_before_the_door_was_asked() -> None:
    waits = outcome(SOON)

    assert asks(waits, SOON)
    assert of(waits.status, "StoppingSoon") is None
    warned = outcome(SOON, worked(SOON), waits.status)
    assert not asks(warned, SOON)
    assert of(warned.status, "StoppingSoon") is not None
    assert warned.next.wake_at == DUE


def test_a_user_who_worked_meanwhile_has_the_whole_time_again_and_is_not_warned() -> None:
    later = outcome(SOON, worked(SOON, timedelta(minutes=10)))

    assert (later.status.idle, later.status.idle_since) == (True, "2026-11-22T14:44:00Z")
    assert later.status.will_hibernate_at == "2026-11-22T15:44:00Z"
    assert of(later.status, "StoppingSoon") is None
    assert later.next.wake_at == SOON + timedelta(minutes=44)


def test_a_warning_is_taken_back_from_who_works_after_it() -> None:
    warned = outcome(SOON, worked(SOON)).status

    due = outcome(DUE, worked(DUE, timedelta(seconds=1)), warned)

    assert of(due.status, "StoppingSoon") is None
    assert due.next.end is None
    assert due.status.will_hibernate_at == "2026-11-22T15:59:59Z"


def test_the_pause_waits_for_a_last_word_that_is_not_old() -> None:
    warned = outcome(SOON, worked(SOON)).status

    for stale in (worked(SOON), worked(DUE - timedelta(seconds=1))):
        due = outcome(DUE, stale, warned)
        assert asks(due, DUE)
        assert due.next.end is None
        assert news(warned, due.status) == {}
    assert outcome(DUE + timedelta(seconds=1), worked(DUE), warned).next.end == PAUSE
    assert outcome(DUE + timedelta(minutes=1), worked(DUE), warned).next.end is None


def test_a_restart_after_the_door_was_asked_changes_nothing_and_asks_again() -> None:
    for look in (worked(SOON), worked(SOON, timedelta(minutes=10)), TooOld(SOON), Silent(SOON)):
        before = outcome(SOON, look).status
        after = outcome(SOON + timedelta(seconds=30), None, before)
        assert news(before, after.status) == {}, look
        assert after.next.wake_at is not None or asks(after, SOON + timedelta(seconds=30))


def test_a_silent_door_is_reported_once_and_ends_nothing() -> None:
    first = outcome(SOON, Silent(SOON))

    verdict = of(first.status, "Idle")
    assert verdict is not None
    assert (verdict.status, verdict.reason) == ("Unknown", "DoorSilent")
    assert (first.status.idle, first.status.idle_since, first.status.will_hibernate_at) == (False, None, None)
    assert first.next.wake_at == SOON + timedelta(seconds=30)
    for times in (2, 3, 9):
        again = outcome(SOON + timedelta(hours=times), Silent(SOON + timedelta(hours=times), times), first.status)
        assert news(first.status, again.status) == {}
        assert again.next.end is None


def test_a_door_that_answers_again_lets_idleness_count_from_then() -> None:
    silent = outcome(SOON, Silent(SOON)).status

    again = outcome(DUE, worked(DUE), silent)

    assert again.status.idle_since == "2026-11-22T15:00:00Z"
    assert of(again.status, "StoppingSoon") is None
    assert again.next.wake_at == DUE + timedelta(minutes=54)


def test_a_door_that_is_too_old_leaves_the_pause_to_the_others_and_says_so() -> None:
    warned = outcome(SOON, TooOld(SOON))

    verdict = of(warned.status, "Idle")
    assert verdict is not None
    assert "from an older release" in (verdict.message or "")
    assert of(warned.status, "StoppingSoon") is not None
    assert outcome(DUE, TooOld(DUE), warned.status).next.end == PAUSE


def test_work_before_the_session_fell_quiet_does_not_count() -> None:
    assert outcome(SOON, worked(SOON)).status.idle_since == "2026-11-22T14:00:00Z"

"""A session whose user thinks, reads or computes must not be taken for an idle one; what is not known is not idle."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from amalthea.api import names
from amalthea.api.reasons import Reason
from amalthea.api.schema import Manifest
from amalthea.model.idle import idleness
from amalthea.model.views.door import Door, Look, Reported, Silent, TooOld
from amalthea.model.views.observed import Observed
from amalthea.model.views.usage import VALID, Usage
from amalthea.testing.builders import SessionBuilder, session
from amalthea.testing.observations import container, observed, pod, running, statefulset, waiting

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
CULLED = session().with_spec(culling={"maxIdleDuration": "1h"})


def using(cores: str, age: timedelta = timedelta(seconds=20)) -> Usage:
    return Usage(Decimal(cores), NOW - age)


def seen(builder: SessionBuilder = CULLED, usage: Usage | None = None, busy_until: str | None = None) -> Observed:
    if busy_until is not None:
        builder = builder.with_metadata(annotations={names.ANNOTATION_BUSY_UNTIL: busy_until})
    return measured(usage, builder, pod(container(ready=True)))


def measured(usage: Usage | None, builder: SessionBuilder, found: Manifest) -> Observed:
    return replace(observed(builder, statefulset(), found), usage=usage)


def threshold(text: Any) -> SessionBuilder:  # noqa: ANN401  (a quantity)
    return session().with_spec(culling={"maxIdleDuration": "1h", "cpuIdleThreshold": text})


YOUNG = pod(container(state=running("2026-11-22T13:59:50Z"), ready=True))
RESUMED = pod(container(state=running("2026-11-22T13:59:30Z"), ready=True))
DOWN = pod(container(state=waiting("CrashLoopBackOff")))

CASES: dict[str, tuple[Observed, str, Reason]] = {
    "little CPU": (seen(usage=using("0.01")), "True", Reason.QUIET),
    "the threshold itself is work": (seen(usage=using("0.3")), "False", Reason.CPU_BUSY),
    "just below it": (seen(usage=using("0.299999999")), "True", Reason.QUIET),
    "a threshold of its own": (seen(threshold("50m"), using("0.1")), "False", Reason.CPU_BUSY),
    "a stored zero is the default": (seen(threshold("0"), using("0.1")), "True", Reason.QUIET),
    "a malformed threshold is the default": (seen(threshold("1e1.5"), using("0.1")), "True", Reason.QUIET),
    "never measured": (seen(), "Unknown", Reason.USAGE_UNKNOWN),
    "measured while the pod before was there": (
        measured(using("0.01", timedelta(seconds=40)), CULLED, RESUMED),
        "Unknown",
        Reason.USAGE_UNKNOWN,
    ),
    "measured long ago": (seen(usage=using("0.01", VALID)), "Unknown", Reason.USAGE_UNKNOWN),
    "declared busy": (seen(usage=using("0"), busy_until="2026-11-22T14:00:01Z"), "False", Reason.DECLARED_BUSY),
    "declared busy in another zone": (
        seen(usage=using("0"), busy_until="2026-11-22T15:30:00+01:00"),
        "False",
        Reason.DECLARED_BUSY,
    ),
    "declared busy until now": (seen(usage=using("0"), busy_until="2026-11-22T14:00:00Z"), "True", Reason.QUIET),
    "declared busy until nobody knows when": (
        seen(usage=using("0"), busy_until="tomorrow"),
        "Unknown",
        Reason.DECLARED_UNREADABLE,
    ),
    "a time without zone is not a time": (
        seen(usage=using("0"), busy_until="2026-11-22T14:00:00"),
        "Unknown",
        Reason.DECLARED_UNREADABLE,
    ),
    "declared busy until nobody knows when, and computes": (
        seen(usage=using("1"), busy_until="tomorrow"),
        "False",
        Reason.CPU_BUSY,
    ),
    "just started": (measured(using("0"), CULLED, YOUNG), "Unknown", Reason.USAGE_UNKNOWN),
    "not running": (measured(using("0"), CULLED, DOWN), "Unknown", Reason.USAGE_UNKNOWN),
}


@pytest.mark.parametrize(("found", "status", "reason"), CASES.values(), ids=CASES)
def test_only_what_is_known_to_rest_is_idle(found: Observed, status: str, reason: Reason) -> None:
    verdict = idleness.judge(found, NOW)

    assert verdict is not None
    assert (verdict.status, verdict.reason) == (status, reason)
    assert verdict.idle == (status == "True")


def behind(look: Look | None, reason: str = "Quiet", cores: str = "0.01") -> Observed:
    """Return a session with a door, whose Idle was reported with that reason before."""
    status = {"state": "Running", "conditions": [{"type": "Idle", "status": "True", "reason": reason}]}
    found = observed(CULLED, statefulset(), pod(container(ready=True)), status=status)
    return replace(found, usage=using(cores), door=Door("192.0.2.1", look))


DOORS: dict[str, tuple[Observed, str, Reason]] = {
    "not asked yet": (behind(None), "True", Reason.QUIET),
    "tells when somebody worked": (behind(Reported(NOW, NOW)), "True", Reason.QUIET),
    "too old to tell": (behind(TooOld(NOW)), "True", Reason.DOOR_TOO_OLD),
    "silent": (behind(Silent(NOW)), "Unknown", Reason.DOOR_SILENT),
    "silent, and the session computes": (behind(Silent(NOW), cores="1"), "False", Reason.CPU_BUSY),
    "was silent before the operator's restart": (behind(None, "DoorSilent"), "Unknown", Reason.DOOR_SILENT),
    "was too old before the operator's restart": (behind(None, "DoorTooOld"), "True", Reason.DOOR_TOO_OLD),
    "was silent and tells now": (behind(Reported(NOW, NOW), "DoorSilent"), "True", Reason.QUIET),
    "is not asked any more": (replace(behind(None, "DoorSilent"), door=None), "True", Reason.QUIET),
}


@pytest.mark.parametrize(("found", "status", "reason"), DOORS.values(), ids=DOORS)
def test_a_door_that_says_nothing_is_never_taken_for_one_that_saw_nobody(
    found: Observed, status: str, reason: Reason
) -> None:
    verdict = idleness.judge(found, NOW)

    assert verdict is not None
    assert (verdict.status, verdict.reason) == (status, reason)


def said(at: str) -> SessionBuilder:
    return session().with_spec(culling={"maxIdleDuration": "1h", "lastInteraction": at})


SIGNALS: dict[str, tuple[Observed, list[str]]] = {
    "nothing but CPU": (
        seen(usage=using("0.01")),
        [
            "No program declares it busy.",
            "It uses less than 0.3 CPU cores now.",
            "Nobody has said that they are at work.",
        ],
    ),
    "all that there are": (
        replace(seen(said("2026-11-22T13:30:00Z"), using("1"), "2026-11-22T15:00:00Z"), door=Door("192.0.2.1")),
        [
            "It is declared busy until 2026-11-22T15:00:00Z.",
            "It uses 0.3 CPU cores or more now.",
            "Work in a browser is checked before a pause.",
            "Somebody said within the last 1 hour that they were at work.",
        ],
    ),
    "all of them past or not known": (
        replace(seen(said("2026-11-22T13:00:00Z"), None, "2026-11-22T13:59:00Z"), door=Door("192.0.2.1", Silent(NOW))),
        [
            "It was declared busy until 2026-11-22T13:59:00Z.",
            "Its current CPU use is not known.",
            "It is not known whether somebody works in a browser.",
            "Somebody said more than 1 hour ago that they were at work.",
        ],
    ),
}


@pytest.mark.parametrize(("found", "sentences"), SIGNALS.values(), ids=SIGNALS)
def test_the_verdict_names_each_signal_and_how_old_it_is(found: Observed, sentences: list[str]) -> None:
    verdict = idleness.judge(found, NOW)

    assert verdict is not None
    assert verdict.message.endswith(" ".join(sentences))


def test_the_verdict_says_what_an_administrator_has_to_check() -> None:
    verdict = idleness.judge(behind(Silent(NOW)), NOW)

    assert verdict is not None
    assert "must reach port 65534" in verdict.message


@pytest.mark.parametrize(
    "builder",
    [session(), session().with_spec(culling={"maxIdleDuration": "0s"}), CULLED.as_job()],
    ids=["no culling", "never for idleness", "a job"],
)
def test_a_session_that_is_never_paused_for_idleness_is_not_judged(builder: SessionBuilder) -> None:
    assert idleness.judge(seen(builder, using("0")), NOW) is None


def test_the_words_stay_the_same_while_the_use_changes() -> None:
    verdicts = {str(idleness.judge(seen(usage=using(cores)), NOW)) for cores in ("0", "0.001", "0.2")}

    assert len(verdicts) == 1


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (seen(usage=using("0")), None),
        (seen(busy_until="2026-11-22T14:30:00Z"), NOW + timedelta(minutes=30)),
        (seen(said("2026-11-22T13:20:00Z"), using("0")), NOW + timedelta(minutes=20)),
        (seen(said("2026-11-22T13:00:00Z"), using("0")), None),
        (measured(using("0"), CULLED, YOUNG), NOW + timedelta(seconds=5)),
        (measured(None, CULLED, YOUNG), None),
    ],
    ids=[
        "rests",
        "declared busy",
        "said to be at work",
        "said so long ago",
        "just started",
        "just started and never measured",
    ],
)
def test_it_is_looked_at_again_when_time_alone_changes_the_verdict(found: Observed, expected: datetime | None) -> None:
    assert idleness.changes_at(found, NOW) == expected

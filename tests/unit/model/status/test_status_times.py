"""Culling and deletion count from these times: one that moves, or stays behind, ends a session at the wrong time."""

from datetime import UTC, datetime

import pytest

from amalthea.model.plan import Fresh, decide
from amalthea.model.status.report import Context, as_data, report
from amalthea.model.views.observed import Observed
from amalthea.testing.builders import RUN_ID, session
from amalthea.testing.observations import (
    READY_AT,
    STARTED,
    condition,
    container,
    job,
    observed,
    pod,
    statefulset,
    terminated,
    unscheduled_pod,
)

NOW = datetime(2026, 11, 22, 13, 10, tzinfo=UTC)
NOW_TEXT, EARLIER = "2026-11-22T13:10:00Z", "2026-11-22T12:00:00Z"
LATER, FORMER = "9999-11-22T13:10:00Z", "01JC0000000000000000000000"
AWAKE, ASLEEP = statefulset(ready=1), statefulset(replicas=0)
PAUSED, JOB = session().hibernated(), session().as_job()
READY, CRASHED = pod(container(ready=True)), pod(container(state=terminated(1)))

UNBOUND = "pod has unbound immediate PersistentVolumeClaims"

SINCE = {
    "enters Failed": (observed(None, statefulset(), CRASHED), "failingSince", NOW_TEXT),
    "leaves Failed": (
        observed(None, AWAKE, READY, status={"state": "Failed", "failingSince": EARLIER}),
        "failingSince",
        None,
    ),
    "stays Failed": (
        observed(None, statefulset(), CRASHED, status={"state": "Failed", "failingSince": EARLIER}),
        "failingSince",
        EARLIER,
    ),
    "enters Hibernated": (observed(PAUSED, ASLEEP), "hibernatedSince", NOW_TEXT),
    "stays Hibernated": (
        observed(PAUSED, ASLEEP, status={"state": "Hibernated", "hibernatedSince": EARLIER}),
        "hibernatedSince",
        EARLIER,
    ),
    "fails, which was told by a clock that was ahead": (
        observed(None, statefulset(), CRASHED, status={"state": "Failed", "failingSince": LATER}),
        "failingSince",
        NOW_TEXT,
    ),
    "fails anew, in a run that nobody saw begin": (
        observed(None, statefulset(), CRASHED, status={"state": "Failed", "failingSince": EARLIER, "runID": FORMER}),
        "failingSince",
        NOW_TEXT,
    ),
    "is paused, which was told by a clock that was ahead": (
        observed(PAUSED, ASLEEP, status={"state": "Hibernated", "hibernatedSince": LATER}),
        "hibernatedSince",
        NOW_TEXT,
    ),
    "leaves Hibernated": (
        observed(None, ASLEEP, status={"state": "Hibernated", "hibernatedSince": EARLIER}),
        "hibernatedSince",
        None,
    ),
    "is paused while it fails": (
        observed(PAUSED, ASLEEP, CRASHED, status={"state": "Failed", "failingSince": EARLIER}),
        "failingSince",
        None,
    ),
    "no node takes it": (
        observed(None, statefulset(), unscheduled_pod("no room")),
        "failedSchedulingSince",
        STARTED,
    ),
    "its volume is on its way": (
        observed(None, statefulset(), unscheduled_pod(UNBOUND, "2026-11-22T13:09:46Z")),
        "failedSchedulingSince",
        None,
    ),
    "its volume does not come": (
        observed(None, statefulset(), unscheduled_pod(UNBOUND, "2026-11-22T13:09:45Z")),
        "failedSchedulingSince",
        "2026-11-22T13:09:45Z",
    ),
    "a node took it": (
        observed(None, statefulset(), pod(), status={"failedSchedulingSince": EARLIER}),
        "failedSchedulingSince",
        None,
    ),
    "is paused while no node takes it": (
        observed(PAUSED, ASLEEP, unscheduled_pod("no room")),
        "failedSchedulingSince",
        None,
    ),
    "a job that ended is idle": (observed(JOB, job(condition("Complete", "True", READY_AT))), "idleSince", READY_AT),
    "a job that failed is idle": (observed(JOB, job(condition("Failed", "True"))), "idleSince", STARTED),
    "a job that ended and is gone stays idle": (
        observed(JOB, status={"state": "Succeeded", "idleSince": EARLIER}),
        "idleSince",
        EARLIER,
    ),
    "a session that was idle is not any more": (
        observed(None, AWAKE, READY, status={"idle": True, "idleSince": EARLIER}),
        "idleSince",
        None,
    ),
}


@pytest.mark.parametrize(("seen", "field", "expected"), SINCE.values(), ids=SINCE)
def test_times_move_on_transitions_only_and_are_cleared_on_leaving(
    seen: Observed, field: str, expected: str | None
) -> None:
    plan = decide(seen, Fresh(lambda: RUN_ID))

    assert as_data(report(seen, plan, (), Context("None", NOW)).status).get(field) == expected


def test_a_session_that_was_resumed_and_paused_again_unseen_counts_from_the_later_pause() -> None:
    asleep = session("demo").paused_by("somebody", "2026-11-22T13:00:00Z")
    earlier = {"state": "Hibernated", "hibernatedSince": "2026-11-15T13:00:00Z"}
    seen = observed(asleep, status=earlier)
    status = report(seen, decide(seen, Fresh(lambda: RUN_ID)), (), Context("http://x/", NOW)).status
    assert status.hibernated_since == "2026-11-22T13:00:00Z"
    later = observed(asleep, status={**earlier, "hibernatedSince": "2026-11-22T13:00:07Z"})
    status = report(later, decide(later, Fresh(lambda: RUN_ID)), (), Context("http://x/", NOW)).status
    assert status.hibernated_since == "2026-11-22T13:00:07Z"

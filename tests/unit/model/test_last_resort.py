"""A session on which the operator fails must not live forever, nor be ended by a report that may be out of date."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import Raw, structs

from amalthea.api.reasons import Cause
from amalthea.api.schema import Manifest
from amalthea.model.last_resort import LATE, Known, deletion, pause
from amalthea.model.times import began, rfc3339
from amalthea.model.views.observed import Observed
from amalthea.testing import observations as found
from amalthea.testing.builders import RUN_ID, SessionBuilder, session

LIMITED = session("demo").with_spec(culling={"maxAge": "24h", "maxHibernatedDuration": "48h", "maxIdleDuration": "1m"})
BEGAN = began(RUN_ID) or datetime.fromisoformat(found.STARTED)
ASKED, RECORDED = "2026-11-22T14:00:00Z", "2026-11-22T14:00:30Z"
RUNNING: Manifest = {"state": "Running", "runID": RUN_ID, "idle": True, "idleSince": ASKED, "failingSince": ASKED}
PAUSED: Manifest = {"state": "Hibernated", "hibernatedSince": RECORDED}


def known(seen: Observed) -> Known:
    return Known(seen.session, seen.pods, seen.claims)


def running(
    builder: SessionBuilder = LIMITED, *pods: Manifest, status: Manifest = RUNNING, created: str = rfc3339(BEGAN)
) -> Observed:
    pod = found.pod()
    pod["metadata"]["creationTimestamp"] = created
    return found.observed(builder, None, *(pods or (pod,)), status=status)


def of_a_job() -> Manifest:
    pod = found.pod()
    pod["metadata"]["ownerReferences"][0]["kind"] = "Job"
    return pod


def with_claim_that_goes() -> Observed:
    claim = found.claim()
    claim["metadata"]["deletionTimestamp"] = ASKED
    return found.with_claims(running(), claim)


def test_its_age_counts_and_it_is_paused_late() -> None:
    due = pause(known(running()))
    assert due is not None
    assert (due.cause, due.span) == (Cause.TOO_OLD, timedelta(hours=24))
    assert due.at - (BEGAN + timedelta(hours=24) + LATE) < timedelta(seconds=1)


def test_it_counts_from_the_pod_where_a_resume_was_never_recorded() -> None:
    due = pause(known(running(created=ASKED)))
    assert due is not None
    assert due.at == datetime(2026, 11, 23, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "seen",
    [
        running(session("demo").with_spec(culling={"maxIdleDuration": "1m", "maxFailedDuration": "1m"})),
        running(session("demo").with_spec(culling={"maxAge": "2 days"})),
        running(LIMITED.hibernated()),
        running(LIMITED, of_a_job()),
        running(status={"state": "Running"}),
        found.observed(LIMITED, status=RUNNING),
        with_claim_that_goes(),
    ],
    ids=[
        "idle or failed, as the status has it",
        "a limit that cannot be read",
        "paused already",
        "a job",
        "no run known",
        "no pod seen",
        "files that would be gone",
    ],
)
def test_nothing_else_pauses_it(seen: Observed) -> None:
    assert pause(known(seen)) is None
    assert deletion(known(seen)) is None


def test_a_spec_that_cannot_be_read_has_no_limits() -> None:
    seen = known(running())
    for spec in (b'{"culling": {"maxAge": 5}}', b'{"culling": null}', b"[]"):
        assert pause(replace(seen, session=structs.replace(seen.session, spec=Raw(spec)))) is None


@pytest.mark.parametrize(
    ("asked", "recorded", "since"),
    [(ASKED, RECORDED, RECORDED), ("2026-11-24T09:00:00Z", RECORDED, "2026-11-24T09:00:00Z")],
)
def test_the_later_of_two_witnesses_says_since_when_it_is_paused(asked: str, recorded: str, since: str) -> None:
    """It may have been resumed and paused again since the status was written."""
    seen = found.observed(LIMITED.paused_by("renku", asked), status=PAUSED | {"hibernatedSince": recorded})
    due = deletion(known(seen))
    assert due is not None
    assert (due.cause, due.at) == (
        Cause.HIBERNATED_TOO_LONG,
        datetime.fromisoformat(since) + timedelta(hours=48) + LATE,
    )
    assert pause(known(seen)) is None


@pytest.mark.parametrize(
    "seen",
    [
        found.observed(LIMITED.hibernated(), status=PAUSED),
        found.observed(LIMITED.paused_by("renku", ASKED), status={"state": "Hibernated"}),
        found.observed(LIMITED.paused_by("renku", ASKED), status={"state": "Running", "hibernatedSince": RECORDED}),
        found.observed(LIMITED, status=PAUSED),
    ],
    ids=["no managed fields", "no time in the status", "not told as paused", "resumed"],
)
def test_nothing_deletes_it_on_one_witness(seen: Observed) -> None:
    assert deletion(known(seen)) is None

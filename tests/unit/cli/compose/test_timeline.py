"""The timeline shows each thing once, in order, and leaves nothing out that went wrong."""

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest
from ulid import ULID

from amalthea.api.reasons import Step
from amalthea.api.schema import Manifest
from amalthea.cli.compose.timeline import happened
from amalthea.cli.explanation import Happening
from amalthea.cli.read.snapshot import EventView
from tests.unit.cli.parts import LAB, STARTED, condition, event, known, status
from tests.unit.cli.scenarios import SCENARIOS, paused_for_idleness, running


def timeline(*events: EventView) -> list[Happening]:
    """Return a running session's timeline of Events."""
    return list(happened(known(LAB, status("Running"), events=events), ()))


def test_a_fact_in_status_and_event_is_shown_once() -> None:
    reasons = [each.reason for each in happened(paused_for_idleness(), ())]
    assert reasons.count("Hibernated") == 1


def test_the_status_still_shows_what_events_have_forgotten() -> None:
    forgotten = replace(paused_for_idleness(), events=())
    assert "Hibernated" in [each.reason for each in happened(forgotten, ())]


def test_equal_events_are_one_with_the_sum_of_their_counts_at_the_last_time() -> None:
    same = [event("Pod/demo-0", "BackOff", "Back-off", at, count=2, warning=True) for at in ("13:02:00", "13:01:00")]
    (merged,) = [each for each in timeline(*same) if each.reason == "BackOff"]
    assert (merged.count, f"{merged.at:%H:%M}") == (4, "13:02")


def test_it_is_in_the_order_of_time() -> None:
    times = [each.at for each in happened(running(), ())]
    assert times == sorted(times)


def test_a_routine_step_is_left_out_but_never_a_warning() -> None:
    quiet = event("Pod/demo-0", "Created", "Created container", "13:00:12")
    loud = event("StatefulSet/demo", "SuccessfulCreate", "odd", "13:00:12", warning=True)
    assert [each.message for each in timeline(quiet, loud) if each.about != "AmaltheaSession/demo"] == ["odd"]


UNREACHED = "dial tcp 10.0.0.7:8888: connect: connection refused"
OPEN = condition("Progressing", "False", Step.DONE, "The session has started.", "13:00:40")
UNDER_WAY = condition("Progressing", "True", Step.READY, "It waits for the program.", "13:00:10")


@pytest.mark.parametrize("container", ["amalthea-session", "tunnel"])
@pytest.mark.parametrize(
    ("message", "at", "progress", "shown"),
    [
        (f"Readiness probe failed: {UNREACHED}", "13:00:39", OPEN, False),
        (f"Readiness probe failed: {UNREACHED}", "13:00:41", OPEN, True),
        (f"Readiness probe failed: {UNREACHED}", "13:00:41", UNDER_WAY, False),
        ("Readiness probe errored: rpc error", "13:00:41", UNDER_WAY, False),
        (f"Startup probe failed: {UNREACHED}", "13:00:41", OPEN, False),
        ('Startup probe failed: Get "http://10.0.0.7:8888/": context deadline exceeded', "13:00:41", OPEN, False),
        ("Startup probe errored: rpc error", "13:00:41", OPEN, False),
        ("Liveness probe failed: HTTP probe failed with statuscode: 500", "13:00:20", UNDER_WAY, True),
    ],
)
def test_a_program_that_does_not_answer_before_it_has_started_is_not_news(
    message: str, at: str, progress: Manifest, shown: bool, container: str
) -> None:
    asked = event("Pod/demo-0", "Unhealthy", message, at, count=12, container=container, warning=True)
    found = happened(known(LAB, status("Running", progress), events=(asked,)), ())
    assert (message in [each.message for each in found]) is shown


def test_a_container_of_the_users_that_holds_up_the_start_is_news() -> None:
    said = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    asked = event("Pod/demo-0", "Unhealthy", said, "13:00:20", container="git-proxy", warning=True)
    found = happened(known(LAB, status("NotReady", UNDER_WAY), events=(asked,)), ())
    assert said in [each.message for each in found]


def test_an_answer_that_leads_elsewhere_is_not_shown_since_it_counts_and_may_hold_a_key() -> None:
    said = 'Readiness probe warning: Probe terminated redirects, Response body: <a href="https://x.org/?token=k">'
    asked = event("Pod/demo-0", "ProbeWarning", said, "13:00:50", container="amalthea-session", warning=True)
    assert "token" not in repr(timeline(*STARTED, asked))


def test_a_wait_for_a_volume_is_not_shown_as_a_warning() -> None:
    message = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    (waits,) = [
        e
        for e in timeline(event("Pod/demo-0", "FailedScheduling", message, "13:00:01", warning=True))
        if "Pod" in e.about
    ]
    assert (waits.message, waits.warning) == ("It waits for its volume.", False)


def test_events_of_one_second_keep_their_order() -> None:
    assert happened(SCENARIOS["out_of_memory"](), ())[0].reason == "Created"


def test_routine_messages_of_kubernetes_are_put_in_plain_words() -> None:
    assert [each.message for each in timeline(*STARTED)][1:5] == [
        "A node was found: node-7.",
        "The image example.org/lab:1 is being pulled.",
        "The image example.org/lab:1 was pulled in 7.1s.",
        "The container amalthea-session started.",
    ]


def test_events_of_the_newer_kind_have_their_times_elsewhere() -> None:
    body = {
        "involvedObject": {"kind": "Pod", "name": "demo-0"},
        "type": "Warning",
        "reason": "FailedScheduling",
        "message": "no room",
        "firstTimestamp": None,
        "lastTimestamp": None,
        "eventTime": "2026-11-22T13:01:00.123456Z",
        "series": {"count": 7, "lastObservedTime": "2026-11-22T13:09:00.000001Z"},
    }
    (newer,) = [each for each in timeline(msgspec.convert(body, EventView)) if each.reason == "FailedScheduling"]
    assert (newer.count, f"{newer.at:%H:%M:%S}") == (7, "13:09:00")


def test_a_resume_is_shown_once() -> None:
    resumed = event("AmaltheaSession/demo", "Starting", "The session is starting.", "14:00:01")
    since = datetime(2026, 11, 22, 14, tzinfo=UTC)
    run = str(ULID.from_bytes(int(since.timestamp() * 1000).to_bytes(6, "big") + bytes(10)))
    again = known(LAB, status("Running", runID=run), events=[resumed])

    assert [each.reason for each in happened(again, ())].count("Starting") == 1
    assert [each.reason for each in happened(replace(again, events=()), ())].count("Starting") == 1


def test_the_moment_at_which_it_stopped_answering_is_shown_once() -> None:
    silent = SCENARIOS["stopped_answering"]()
    said = event("AmaltheaSession/demo", "NotReady", "The session does not answer at the moment.", "15:05:01")
    for it in (silent, replace(silent, events=(*silent.events, said))):
        assert [f"{each.at:%H:%M}" for each in happened(it, ()) if each.reason == "NotReady"] == ["15:05"]


def test_a_session_that_starts_has_not_stopped_answering() -> None:
    for name in ("starting", "being_paused", "being_deleted", "paused_by_user"):
        assert not [each for each in happened(SCENARIOS[name](), ()) if each.reason == "NotReady"]

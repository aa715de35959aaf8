"""The line of time tells each thing once, in order, and leaves nothing out that went wrong."""

from dataclasses import replace

import msgspec

from amalthea.cli.explanation import Happening
from amalthea.cli.known import EventView
from amalthea.cli.timeline import happened
from tests.unit.cli.scenarios import LAB, STARTED, event, known, paused_for_idleness, running, status


def told(*events: EventView) -> list[Happening]:
    """Return what a running session's line of time makes of Events."""
    return [each for each in happened(known(LAB, status("Running"), events=events), ()) if each.about != "-"]


def test_what_status_and_event_both_tell_is_told_once() -> None:
    reasons = [each.reason for each in happened(paused_for_idleness(), ())]
    assert reasons.count("Hibernated") == 1


def test_what_events_have_forgotten_the_status_still_tells() -> None:
    forgotten = replace(paused_for_idleness(), events=())
    assert "Hibernated" in [each.reason for each in happened(forgotten, ())]


def test_equal_events_are_one_with_the_sum_of_their_counts_at_the_last_time() -> None:
    same = [event("Pod/demo-0", "BackOff", "Back-off", at, count=2, warning=True) for at in ("13:02:00", "13:01:00")]
    (merged,) = [each for each in told(*same) if each.reason == "BackOff"]
    assert (merged.count, f"{merged.at:%H:%M}") == (4, "13:02")


def test_it_is_in_the_order_of_time() -> None:
    times = [each.at for each in happened(running(), ())]
    assert times == sorted(times)


def test_a_step_without_a_tale_is_left_out_but_never_a_warning() -> None:
    quiet = event("Pod/demo-0", "Created", "Created container", "13:00:12")
    loud = event("StatefulSet/demo", "SuccessfulCreate", "odd", "13:00:12", warning=True)
    assert [each.message for each in told(quiet, loud) if each.about != "AmaltheaSession/demo"] == ["odd"]


def test_what_kubernetes_always_says_is_said_plainly() -> None:
    assert [each.message for each in told(*STARTED)][1:5] == [
        "A node was found: node-7.",
        "The image example.org/lab:1 is pulled.",
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
    (newer,) = [each for each in told(msgspec.convert(body, EventView)) if each.reason == "FailedScheduling"]
    assert (newer.count, f"{newer.at:%H:%M:%S}") == (7, "13:09:00")

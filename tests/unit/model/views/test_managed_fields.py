"""Whoever may change an object may write much into its metadata: that must hide no pause, and cost no memory."""

import json
from collections.abc import Callable

import pytest

from amalthea.api import names
from amalthea.model.views import decoding
from amalthea.model.views.objects import Pause, SessionView
from amalthea.model.views.pods import PodView


def body(manager: str, time: str | None, **fields: object) -> bytes:
    entry: dict[str, object] = {
        "manager": manager,
        "time": time,
        "fieldsV1": {"f:spec": {f"f:{name}": {} for name in fields}},
    }
    return json.dumps({"metadata": {"name": "demo", "managedFields": [entry]}, "spec": fields}).encode()


@pytest.mark.parametrize("time", ["0000-01-01T00:00:00Z", "10000-01-01T11:59:59Z", "", None])
def test_a_pause_and_who_scaled_a_workload_down_are_seen_whatever_time_is_recorded(time: str | None) -> None:
    paused = decoding.session(body("somebody", time, hibernated=True))
    assert decoding.wants_hibernation(paused)
    assert paused.paused == Pause(manager="somebody")
    assert decoding.statefulset(body("keda", time, replicas=0)).stilled_by == "keda"


@pytest.mark.parametrize(
    ("decode", "kept"),
    [
        (decoding.session, {names.ANNOTATION_BUSY_UNTIL: "2026-11-22T14:00:00Z"}),
        (decoding.pod, {names.ANNOTATION_RUN_ID: "01K", names.ANNOTATION_SESSION_UID: "s"}),
    ],
)
def test_annotations_that_nobody_reads_are_not_held_in_memory(
    decode: Callable[[bytes], SessionView | PodView], kept: dict[str, str]
) -> None:
    annotations = {"example.org/essay": "x" * 256 * 1024, **kept}
    assert decode(json.dumps({"metadata": {"annotations": annotations}}).encode()).metadata.annotations == kept

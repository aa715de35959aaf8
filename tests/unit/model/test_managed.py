"""Whoever may change an object may write any time into its managed fields: that must not hide a session's pause."""

import json

import pytest

from amalthea.model import decoding
from amalthea.model.views import Pause


def body(manager: str, time: str | None, **fields: object) -> bytes:
    entry = {"manager": manager, "time": time, "fieldsV1": {"f:spec": {f"f:{name}": {} for name in fields}}}
    return json.dumps({"metadata": {"name": "demo", "managedFields": [entry]}, "spec": fields}).encode()


@pytest.mark.parametrize("time", ["0000-01-01T00:00:00Z", "10000-01-01T11:59:59Z", "", None])
def test_a_pause_and_who_stilled_a_workload_are_seen_whatever_time_is_told(time: str | None) -> None:
    paused = decoding.session(body("somebody", time, hibernated=True))
    assert decoding.wants_hibernation(paused)
    assert paused.paused == Pause(manager="somebody")
    assert decoding.statefulset(body("keda", time, replicas=0)).stilled_by == "keda"

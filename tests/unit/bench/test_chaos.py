"""A pause that nobody asked for must be found in the operator's log, also in one that a kill has cut off.

Nor may the chaos itself bring one about, and count it as the operator's fault.
"""

from datetime import timedelta

import pytest

from amalthea.api import durations
from bench.chaos import ended_by_itself
from bench.users import culling

BACK_OFF = timedelta(minutes=1)
"""How long Kubernetes' own controllers may wait once the API server is back, before they replace a pod."""

LOG = """\
{"message": "session changed", "session": "bench/one", "reason": "Hibernated", "cause": "User"}
Traceback (most recent call last):
{"message": "paused", "session": "bench/one", "run_id": "01K", "reason": "Idle"}
{"message": "paused", "session": "bench/two", "run"""


def test_what_the_operator_ended_by_itself_is_found() -> None:
    assert ended_by_itself(LOG) == ["the operator has paused bench/one: Idle"]


@pytest.mark.parametrize("outage", [0.0, 5.0, 60.0, 600.5])
def test_a_pod_that_fails_right_before_an_outage_does_not_have_its_session_paused(outage: float) -> None:
    limit = durations.parse(culling(outage)["maxFailedDuration"])
    assert limit > timedelta(seconds=outage) + BACK_OFF

"""The chaos must report on pods as a kubelet does, or the operator is not asked what it has to answer."""

import pytest

from amalthea.model.diagnosis.checks import find
from amalthea.testing import observations as found
from bench.failing_pods import Status, crashed, evicted, fragile, recovered

AT = "2026-11-29T15:00:00Z"
POD = found.pod(found.container(ready=True), found.container("beside", ready=True))
WELL: Status = {"phase": "Running", **POD["status"]}


def cause(status: Status) -> str:
    """Return what the operator takes for the cause of a failure; empty if there is none."""
    trouble = find(found.observed(None, found.statefulset(), {**POD, "status": status}))
    return trouble.code if trouble is not None else ""


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (WELL, ""),
        ({**WELL, **crashed(WELL, AT)}, "Crashed"),
        (WELL | recovered({**WELL, **crashed(WELL, AT)}, AT), ""),
        ({**WELL, **evicted(WELL, AT)}, "Evicted"),
    ],
    ids=["well", "crashed", "recovered", "evicted"],
)
def test_the_operator_takes_it_for_what_it_is_meant_to_be(status: Status, code: str) -> None:
    assert cause(status) == code


def test_a_crash_is_counted_once_and_concerns_one_container() -> None:
    after = recovered({**WELL, **crashed(WELL, AT)}, AT)
    assert [each["restartCount"] for each in after["containerStatuses"]] == [1, 0]
    assert len(after["conditions"]) == len({each["type"] for each in after["conditions"]})


def test_one_session_in_five_has_pods_that_fail() -> None:
    assert fragile([f"s{number}" for number in range(12)]) == ["s0", "s5", "s10"]

"""A repository that is left out is said beside what is wrong, and hides nothing of it."""

from dataclasses import dataclass, field

import pytest

from amalthea.api.reasons import ConditionType
from amalthea.api.schema import Manifest
from amalthea.testing.builders import RUN_ID, SessionBuilder, session
from amalthea.testing.observations import condition, container, job, observed, pod, running, statefulset, terminated
from tests.unit.model.test_situations import FULL, ago, status_of

REMOTE = "https://git.example.org/x.git"
CRASHED = "The container amalthea-session ended with exit code 1; check its log for the cause."
FAILED_BY_A_CRASH = {
    "state": "Failed",
    "runID": RUN_ID,
    "error": CRASHED,
    "failingSince": ago(minutes=5),
    "conditions": [condition("Healthy", "False", ago(minutes=5), reason="Crashed", message=CRASHED)],
}


@dataclass(frozen=True)
class Case:
    """A session in trouble, and what is to be reported of it."""

    body: Manifest
    state: str
    reason: str
    error: str
    status: Manifest = field(default_factory=dict)
    builder: SessionBuilder = field(default_factory=session)
    workload: Manifest = field(default_factory=statefulset)


CASES = {
    "no node": Case(FULL, "NotReady", "Unschedulable", "No node can take the session yet"),
    "a crash loop that runs for a moment": Case(
        pod(container(state=running(ago(seconds=20)), last=terminated(1))),
        "Failed",
        "Crashed",
        CRASHED,
        FAILED_BY_A_CRASH,
    ),
    "a helper that is not ready": Case(
        pod(container(ready=True), container("log", ready=False)),
        "RunningDegraded",
        "CloneIncomplete",
        "Not ready: log. ",
        {"state": "Running", "runID": RUN_ID},
    ),
    "a job whose helper goes on": Case(
        pod(container(state=terminated(0, "Completed")), container("log", ready=True)),
        "NotReady",
        "HelperGoesOn",
        "The work is done, but the job continues",
        builder=session().as_job(),
        workload=job(),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("by", ["the spec", "the cloner"])
def test_a_repository_that_is_left_out_hides_nothing_that_is_wrong(case: Case, by: str) -> None:
    builder, body = case.builder, case.body
    if by == "the spec":
        builder = builder.with_repository(REMOTE).with_repository(REMOTE, revision="v2")
    else:
        status = {
            **body["status"],
            "initContainerStatuses": [container("git-clone-0", terminated(0, message="Lacks x."))],
        }
        body = {**body, "status": status, "spec": {**body["spec"], "initContainers": [{"name": "git-clone-0"}]}}
    found = status_of(observed(builder, case.workload, body, status=case.status))
    healthy = next(each for each in found.conditions or () if each.type == ConditionType.HEALTHY)
    assert (found.state, healthy.reason) == (case.state, case.reason)
    assert (found.error or "").startswith(case.error)

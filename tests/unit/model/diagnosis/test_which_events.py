"""A question too many costs the API server a walk through all Events; one too few leaves a user without a word."""

import pytest

from amalthea.model.diagnosis.events import WORKLOAD_REASONS
from amalthea.model.diagnosis.which_events import (
    CONTAINERS,
    NO_CONTAINER,
    NO_NODE,
    NO_POD,
    NO_VOLUME,
    NODES,
    VOLUMES,
    Inquiry,
    Topic,
    inquire,
)
from amalthea.model.views.observed import Observed
from amalthea.testing.builders import session
from amalthea.testing.observations import (
    CLAIM_UID,
    POD_UID,
    WORKLOAD_UID,
    claim,
    condition,
    container,
    job,
    observed,
    pod,
    statefulset,
    terminated,
    unscheduled_pod,
    waiting,
    with_claims,
)

CREATING = pod(container(state=waiting("ContainerCreating")), phase="Pending")
PREPARED = pod(
    container(state=waiting("ContainerCreating")),
    phase="Pending",
    conditions=[condition("PodReadyToStartContainers", "True")],
)
NO_ROOM = unscheduled_pod("0/1 nodes are available: 1 Insufficient cpu.")
NO_CLAIM = unscheduled_pod("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.")
PENDING = claim("Pending")
JOB, PAUSED = session().as_job(), session().hibernated()

PODS, PODS_OF_JOBS = Topic("StatefulSet", WORKLOAD_REASONS), Topic("Job", WORKLOAD_REASONS)

QUESTIONS = {
    "there is no pod": (
        observed(None, statefulset()),
        Inquiry(PODS, (WORKLOAD_UID,), NO_POD),
    ),
    "there is no pod of a job": (
        observed(JOB, job()),
        Inquiry(PODS_OF_JOBS, (WORKLOAD_UID,), NO_POD),
    ),
    "no node takes it": (observed(None, statefulset(), NO_ROOM), Inquiry(NODES, (POD_UID,), NO_NODE)),
    "no node takes it, so its volume waits": (
        with_claims(observed(None, statefulset(), NO_ROOM), PENDING),
        Inquiry(NODES, (POD_UID,), NO_NODE),
    ),
    "its volume is not there": (
        with_claims(observed(None, statefulset(), NO_CLAIM), PENDING),
        Inquiry(VOLUMES, (CLAIM_UID,), NO_VOLUME),
    ),
    "it has a node and no container": (
        with_claims(observed(None, statefulset(), CREATING), claim()),
        Inquiry(CONTAINERS, (POD_UID,), NO_CONTAINER),
    ),
}


@pytest.mark.parametrize(("seen", "inquiry"), QUESTIONS.values(), ids=QUESTIONS)
def test_events_are_asked_for_where_no_status_explains(seen: Observed, inquiry: Inquiry) -> None:
    assert inquire(seen) == inquiry


NO_QUESTIONS = {
    "nothing is made yet": observed(),
    "its image is being pulled": observed(None, statefulset(), PREPARED),
    "its init containers run": observed(None, statefulset(), pod(init=[container("git-clone-0")])),
    "it starts": observed(None, statefulset(), pod()),
    "it is ready": observed(None, statefulset(ready=1), pod(container(ready=True))),
    "it crashes": observed(None, statefulset(), pod(container(state=terminated(1)))),
    "its pod is going": observed(None, statefulset(), pod(leaving=True)),
    "it is being paused": observed(PAUSED, statefulset()),
    "it is paused": with_claims(observed(PAUSED, statefulset(replicas=0)), PENDING),
    "it is being deleted": observed(None, statefulset(), CREATING, deleting=True),
    "it is a job that ended": observed(JOB, job(condition("Complete", "True"))),
    "it is a job that failed": observed(JOB, job(condition("Failed", "True"))),
}


@pytest.mark.parametrize("seen", NO_QUESTIONS.values(), ids=NO_QUESTIONS)
def test_a_session_that_explains_itself_is_not_asked_about(seen: Observed) -> None:
    assert inquire(seen) is None


@pytest.mark.parametrize("topic", [NODES, CONTAINERS, VOLUMES])
def test_a_list_leaves_out_nothing_that_is_read_and_all_that_every_start_writes(topic: Topic) -> None:
    left_out = {term.partition("!=")[2] for term in topic.selector.split(",") if "!=" in term}
    assert left_out.isdisjoint(topic.reasons)
    assert left_out | set(topic.reasons) >= {"Scheduled", "FailedScheduling", "Pulling", "Pulled", "Created", "Started"}

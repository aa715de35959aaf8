"""A state that is wrong for a moment costs a session: clients revoke tokens, cull, or tell the user to give up."""

import pytest

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.api.types import ContainerCounts
from amalthea.model.state import judge
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
    waiting,
)

AWAKE = statefulset(ready=1)
ASLEEP = statefulset(replicas=0)
PAUSED = session().hibernated()
JOB = session().as_job()
READY = pod(container(ready=True))
UNSTARTED = {**container(), "started": False}
PASSED = {**container(), "started": True}
COMPLETE = condition("Complete", "True")
FAILED = condition("Failed", "True", reason="BackoffLimitExceeded", message="Job has reached the backoff limit")
ENDED_WELL = pod(container(state=terminated(0, "Completed")), phase="Succeeded")
ENDED_BADLY = pod(container(state=terminated(3)), phase="Failed")
UNREADY_SIDE = container("authproxy")
SIDE_DOWN = pod(container(ready=True), UNREADY_SIDE)
SIDE_DOWN_AFTER_READY = pod(
    container(ready=True), UNREADY_SIDE, conditions=[condition("Ready", "False", "2026-11-22T13:05:00Z")]
)
NODE_LOST = pod(container(ready=True), conditions=[condition("Ready", "False", "2026-11-22T13:05:00Z")])
THEIRS = [{"kind": "Deployment", "name": "demo", "uid": "else", "controller": True}]
RUNNING: Manifest = {"state": "Running"}
FAILING: Manifest = {"state": "Failed", "error": "It broke.", "failingSince": STARTED}


def disowned(body: Manifest) -> Manifest:
    """Return a pod of our labels that our workload did not make."""
    return {**body, "metadata": {**body["metadata"], "ownerReferences": []}}


STATES = {
    "nothing is there yet": ("NotReady", observed()),
    "its pod is being made": ("NotReady", observed(None, statefulset())),
    "its containers start": ("NotReady", observed(None, statefulset(), pod())),
    "it is ready": ("Running", observed(None, AWAKE, READY)),
    "its pod is ready, the StatefulSet does not say so yet": ("Running", observed(None, statefulset(), READY)),
    "its pod is being evicted": ("NotReady", observed(None, AWAKE, pod(container(ready=True), leaving=True))),
    "its pod is of a former run, and still to be stopped": (
        "NotReady",
        observed(
            None,
            AWAKE,
            {**READY, "metadata": {**READY["metadata"], "annotations": {names.ANNOTATION_RUN_ID: "former"}}},
        ),
    ),
    "its pod is of this run": (
        "Running",
        observed(
            None, AWAKE, {**READY, "metadata": {**READY["metadata"], "annotations": {names.ANNOTATION_RUN_ID: RUN_ID}}}
        ),
    ),
    "its pod is of a StatefulSet that is not ours": (
        "NotReady",
        observed(None, statefulset(ready=1, ownerReferences=THEIRS), READY),
    ),
    "it crashes": ("Failed", observed(None, statefulset(), pod(container(state=terminated(1))))),
    "a pod crashes that is not of its StatefulSet": (
        "NotReady",
        observed(None, statefulset(), disowned(pod(container(state=terminated(1))))),
    ),
    "it is being deleted while it runs": ("NotReady", observed(None, AWAKE, READY, status=RUNNING, deleting=True)),
    "it is being deleted while it fails": (
        "NotReady",
        observed(None, AWAKE, pod(container(state=terminated(1))), status=FAILING, deleting=True),
    ),
    "something beside it is slow at the first start": ("NotReady", observed(None, AWAKE, SIDE_DOWN)),
    "something beside it broke": ("RunningDegraded", observed(None, AWAKE, SIDE_DOWN, status=RUNNING)),
    "something beside it broke while nobody looked": ("RunningDegraded", observed(None, AWAKE, SIDE_DOWN_AFTER_READY)),
    "something beside it crashes": (
        "RunningDegraded",
        observed(None, AWAKE, pod(container(ready=True), container("authproxy", terminated(1))), status=RUNNING),
    ),
    "its pod is going, and something beside it went first": (
        "NotReady",
        observed(None, AWAKE, pod(container(ready=True), UNREADY_SIDE, leaving=True), status=RUNNING),
    ),
    "a sidecar beside it broke": (
        "RunningDegraded",
        observed(None, AWAKE, pod(container(ready=True), sidecars=[container("git-proxy")]), status=RUNNING),
    ),
    "its door, a native sidecar, crashes": (
        "RunningDegraded",
        observed(
            None, AWAKE, pod(container(ready=True), sidecars=[container("authproxy", terminated(1))]), status=RUNNING
        ),
    ),
    "it does not pass its startup probe yet": ("NotReady", observed(None, statefulset(), pod(UNSTARTED))),
    "it passed its startup probe, and is not ready yet": ("NotReady", observed(None, statefulset(), pod(PASSED))),
    "its program began anew, and has not passed the startup probe again": (
        "NotReady",
        observed(None, AWAKE, pod({**UNSTARTED, "restartCount": 1}), status=RUNNING),
    ),
    "its program began anew within a pod that still counts as ready": (
        "Running",
        observed(None, AWAKE, pod(UNSTARTED, conditions=[condition("Ready", "True")]), status=RUNNING),
    ),
    "its tunnel has not passed the startup probe at the first start": (
        "NotReady",
        observed(None, AWAKE, pod(container(ready=True), {**UNSTARTED, "name": "tunnel"})),
    ),
    "its tunnel began anew, and has not passed the startup probe again": (
        "RunningDegraded",
        observed(None, AWAKE, pod(container(ready=True), {**UNSTARTED, "name": "tunnel"}), status=RUNNING),
    ),
    "its node is lost": ("NotReady", observed(None, AWAKE, NODE_LOST, status=RUNNING)),
    "it does not answer any more": ("NotReady", observed(None, AWAKE, pod(), status=RUNNING)),
    "paused": ("Hibernated", observed(PAUSED, ASLEEP)),
    "paused, its pod still works": ("NotReady", observed(PAUSED, ASLEEP, READY)),
    "paused, its pod is on its way out": ("NotReady", observed(PAUSED, ASLEEP, pod(leaving=True))),
    "paused, its pod crashed on the way out": (
        "NotReady",
        observed(PAUSED, ASLEEP, pod(container(state=terminated(137)), leaving=True), status=FAILING),
    ),
    "paused, not scaled down yet": ("NotReady", observed(PAUSED, AWAKE)),
    "paused, a pod of a former session of this name": (
        "NotReady",
        observed(PAUSED, ASLEEP, disowned(READY)),
    ),
    "paused, its pod is not seen and still counted": (
        "NotReady",
        observed(PAUSED, {**ASLEEP, "status": {"replicas": 1}}),
    ),
    "paused, its controller has not heard of it": (
        "NotReady",
        observed(PAUSED, {**statefulset(replicas=0, generation=3), "status": {"observedGeneration": 2}}),
    ),
    "paused, its controller has heard of it": (
        "Hibernated",
        observed(PAUSED, {**statefulset(replicas=0, generation=3), "status": {"observedGeneration": 3}}),
    ),
    "paused, never made": ("Hibernated", observed(PAUSED)),
}
JOB_STATES = {
    "waits for its pod": ("NotReady", observed(JOB, job())),
    "works": ("Running", observed(JOB, job(), READY)),
    "its pod ended well, the Job does not know yet": ("Succeeded", observed(JOB, job(), ENDED_WELL, status=RUNNING)),
    "all but its sidecar ended well": (
        "Succeeded",
        observed(JOB, job(), pod(container(state=terminated(0)), sidecars=[container("git-proxy", ready=True)])),
    ),
    "one of its containers still works": (
        "NotReady",
        observed(JOB, job(), pod(container(state=terminated(0)), container("helper"))),
    ),
    "complete": ("Succeeded", observed(JOB, job(COMPLETE), ENDED_WELL)),
    "complete, its pod is gone": ("Succeeded", observed(JOB, job(COMPLETE))),
    "failed": ("Failed", observed(JOB, job(FAILED), ENDED_BADLY)),
    "failed, its pod is gone": ("Failed", observed(JOB, job(FAILED))),
    "bound to fail": ("Failed", observed(JOB, job(condition("FailureTarget", "True", reason="DeadlineExceeded")))),
    "suspended": ("Hibernated", observed(JOB.hibernated(), job(suspend=True))),
    "suspended, its pod is still there": ("NotReady", observed(JOB.hibernated(), job(suspend=True), READY)),
    "suspended, its pod is not seen and still counted": (
        "NotReady",
        observed(JOB.hibernated(), job(suspend=True, status={"active": 1})),
    ),
    "suspended, its pod is not seen and being stopped": (
        "NotReady",
        observed(JOB.hibernated(), job(suspend=True, status={"active": 0, "terminating": 1})),
    ),
    "paused, not suspended yet": ("NotReady", observed(JOB.hibernated(), job())),
    "paused after it ended well": ("Succeeded", observed(JOB.hibernated(), job(COMPLETE))),
    "paused after it failed": ("Failed", observed(JOB.hibernated(), job(FAILED), ENDED_BADLY)),
    "ended well, the Job was deleted": (
        "Succeeded",
        observed(JOB, status={"state": "Succeeded", "idleSince": READY_AT}),
    ),
    "failed, the Job was deleted": ("Failed", observed(JOB, status={**FAILING, "idleSince": READY_AT})),
    "could not be made": ("NotReady", observed(JOB, status={**FAILING, "runID": "01JD"})),
}


@pytest.mark.parametrize(("state", "seen"), STATES.values(), ids=STATES)
def test_a_session_is_never_reported_in_a_wrong_state(state: str, seen: Observed) -> None:
    assert judge(seen).state == state


@pytest.mark.parametrize(("state", "seen"), JOB_STATES.values(), ids=JOB_STATES)
def test_a_job_is_never_reported_in_a_wrong_state(state: str, seen: Observed) -> None:
    assert judge(seen).state == state


def test_a_pause_is_not_reported_again_while_the_workload_still_counts_the_pod_that_has_gone() -> None:
    template = {"metadata": {}, "spec": {"containers": [{"name": "amalthea-session"}]}}
    stops = {**ASLEEP, "spec": {"replicas": 0, "template": template}, "status": {"replicas": 1}}
    seen, gone = observed(PAUSED, stops, READY), observed(PAUSED, stops)
    assert judge(seen).containers == ContainerCounts(total=1)
    assert judge(gone) == judge(seen)


def test_a_job_keeps_the_better_words_of_its_failure_after_its_pod_is_gone() -> None:
    error = judge(observed(JOB, job(FAILED), ENDED_BADLY)).error
    seen = observed(JOB, job(FAILED), status={"state": "Failed", "error": error})

    assert error is not None
    assert "exit code 3" in error
    assert judge(seen).error == error


def test_it_is_said_what_beside_a_degraded_session_is_not_ready() -> None:
    assert judge(observed(None, AWAKE, SIDE_DOWN, status=RUNNING)).error == "Not ready: authproxy."


COUNTS = {
    "all ready": (pod(container(ready=True), container("authproxy", ready=True)), (2, 2), (0, 0)),
    "one ready": (pod(container(ready=True), container("authproxy")), (1, 2), (0, 0)),
    "its startup probe has not succeeded": (pod(UNSTARTED), (0, 1), (0, 0)),
    "its startup probe has succeeded": (pod(PASSED), (0, 1), (0, 0)),
    "on its way out": (pod(container(ready=True), leaving=True), (0, 1), (0, 0)),
    "ended well": (ENDED_WELL, (1, 1), (0, 0)),
    "ended badly": (ENDED_BADLY, (0, 1), (0, 0)),
    "init containers one by one": (
        pod(init=[container("git-clone-0", terminated(0)), container("git-clone-1", waiting("PodInitializing"))]),
        (0, 1),
        (1, 2),
    ),
    "an init container runs": (pod(init=[container("git-clone-0")]), (0, 1), (0, 1)),
    "a sidecar runs": (
        pod(container(ready=True), sidecars=[container("git-proxy", ready=True)]),
        (1, 1),
        (1, 1),
    ),
    "a sidecar is not ready": (pod(sidecars=[container("git-proxy")]), (0, 1), (0, 1)),
    "no statuses yet": ({**pod(), "status": {"phase": "Pending"}}, (0, 1), (0, 0)),
}


@pytest.mark.parametrize(("body", "ready", "init"), COUNTS.values(), ids=COUNTS)
def test_containers_are_counted_as_clients_expect_it(
    body: Manifest, ready: tuple[int, int], init: tuple[int, int]
) -> None:
    verdict = judge(observed(None, statefulset(), body))

    assert verdict.containers == ContainerCounts(ready=ready[0], total=ready[1])
    assert verdict.init_containers == ContainerCounts(ready=init[0], total=init[1])


@pytest.mark.parametrize("deleting", [True, False], ids=["deleted", "paused"])
def test_nothing_counts_as_ready_while_a_session_is_being_stopped(deleting: bool) -> None:
    builder = session() if deleting else PAUSED
    verdict = judge(observed(builder, statefulset(replicas=0), READY, deleting=deleting))

    assert verdict.containers == ContainerCounts(total=1)

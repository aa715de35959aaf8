"""The wrong plan restarts a session, starts a job twice, or makes a second run of one."""

from dataclasses import replace

import pytest

from amalthea.api.schema import Manifest
from amalthea.model.plan import Course, Fresh, Plan, TemplateChange, decide
from amalthea.model.views.observed import Observed
from amalthea.testing.builders import RUN_ID, SessionBuilder, session
from amalthea.testing.observations import (
    READY_AT,
    condition,
    container,
    job,
    observed,
    pod,
    statefulset,
    terminated,
    unscheduled_pod,
    waiting,
)

NEW = "01JDNEW0000000000000000000"
OTHER = "01JDOLD0000000000000000000"
AWAKE, ASLEEP = statefulset(ready=1), statefulset(replicas=0)
PAUSED, JOB = session().hibernated(), session().as_job()
READY, CRASHED = pod(container(ready=True)), pod(container(state=terminated(1)))
COMPLETE = condition("Complete", "True")
RUNNING: Manifest = {"state": "Running", "runID": RUN_ID}
BAD = session().with_session(urlPath="//lab")
NO_RUN_ID = statefulset(run_id=None, ready=1)


def plan_of(seen: Observed) -> Plan:
    return decide(seen, Fresh(lambda: NEW))


COURSES = {
    "a new session": (Course.RUN, observed()),
    "a running session": (Course.RUN, observed(None, AWAKE, READY)),
    "a paused session": (Course.SLEEP, observed(PAUSED, AWAKE, READY)),
    "a deleted session": (Course.DELETE, observed(None, AWAKE, READY, deleting=True)),
    "a deleted session that could not be made": (Course.DELETE, observed(BAD, deleting=True)),
    "a session that cannot be": (Course.REFUSE, observed(BAD)),
    "a running session that cannot be any more": (Course.REFUSE, observed(BAD, AWAKE, READY)),
    "a paused job": (Course.SLEEP, observed(JOB.hibernated(), job())),
    "a job that was paused after its end": (Course.RUN, observed(JOB.hibernated(), job(COMPLETE))),
}


@pytest.mark.parametrize(("course", "seen"), COURSES.values(), ids=COURSES)
def test_the_course_of_a_session(course: Course, seen: Observed) -> None:
    assert plan_of(seen).course is course


RUN_IDS = {
    "a new session starts a run": (NEW, observed()),
    "a session that was told its run keeps it": (OTHER, observed(status={"state": "NotReady", "runID": OTHER})),
    "after a crash it is read back from the StatefulSet": (RUN_ID, observed(None, AWAKE)),
    "the StatefulSet knows better than the status": (RUN_ID, observed(None, AWAKE, status={"runID": OTHER})),
    "a resumed session starts a new run": (NEW, observed(None, ASLEEP)),
    "a resumed session whose old run is still told starts a new one": (NEW, observed(None, ASLEEP, status=RUNNING)),
    "a resume that was refused keeps the run that it recorded": (
        OTHER,
        observed(None, ASLEEP, status={"state": "Failed", "runID": OTHER}),
    ),
    "a resume that was refused, of an older release's session": (
        OTHER,
        observed(None, statefulset(replicas=0, run_id=None), status={"state": "Failed", "runID": OTHER}),
    ),
    "a resumed job that waits for its former pod keeps the run that it recorded": (
        OTHER,
        observed(JOB, job(suspend=True), pod(leaving=True), status={"state": "NotReady", "runID": OTHER}),
    ),
    "an older release's session has none before its next start": (None, observed(None, NO_RUN_ID, READY)),
    "an older release's session keeps what was recorded": (OTHER, observed(None, NO_RUN_ID, status={"runID": OTHER})),
    "an older release's session starts a run when resumed": (NEW, observed(None, statefulset(replicas=0, run_id=None))),
    "a paused session has none": (None, observed(PAUSED, ASLEEP, status=RUNNING)),
    "a refused session that runs keeps it": (RUN_ID, observed(BAD, AWAKE)),
    "a refused session that sleeps has none": (None, observed(BAD, ASLEEP)),
    "a deleted session keeps it": (RUN_ID, observed(None, AWAKE, status=RUNNING, deleting=True)),
    "a job that ended keeps it": (RUN_ID, observed(JOB, job(COMPLETE), status={"state": "Succeeded"})),
    "a job that ended and was suspended afterwards keeps it": (
        OTHER,
        observed(JOB, {**job(COMPLETE), "spec": {"suspend": True}}, status={"runID": OTHER}),
    ),
    "a job that ended and is gone keeps it": (RUN_ID, observed(JOB, status={"state": "Succeeded", "runID": RUN_ID})),
    "a resumed job starts a new run": (NEW, observed(JOB, job(suspend=True))),
    "a resumed job keeps its new run while the old Job goes": (
        OTHER,
        observed(
            JOB,
            {**job(suspend=True), "metadata": {**job()["metadata"], "deletionTimestamp": READY_AT}},
            status={"runID": OTHER},
        ),
    ),
}


@pytest.mark.parametrize(("run_id", "seen"), RUN_IDS.values(), ids=RUN_IDS)
def test_a_run_has_one_id_and_each_start_a_new_one(run_id: str | None, seen: Observed) -> None:
    assert plan_of(seen).run_id == run_id


def with_strategy(strategy: str, builder: SessionBuilder | None = None) -> SessionBuilder:
    return (builder or session()).with_spec(reconcileStrategy=strategy)


NOT, NOW, WITH = TemplateChange.NOT, TemplateChange.NOW, TemplateChange.WITH_THE_USERS_CHANGE
FAILING: Manifest = {"state": "Failed", "error": "It broke."}
UNDER_ALWAYS = {
    "running": (WITH, AWAKE, READY, RUNNING),
    "starting": (WITH, statefulset(), pod(), {}),
    "failed": (NOW, statefulset(), CRASHED, {}),
    "failed a moment ago": (NOW, statefulset(), pod(), FAILING),
    "failed, and ready again": (WITH, AWAKE, READY, FAILING),
    "resuming": (NOW, ASLEEP, None, {}),
}


@pytest.mark.parametrize("strategy", ["always", "whenFailedOrHibernated", "never"])
@pytest.mark.parametrize(("always", "workload", "body", "status"), UNDER_ALWAYS.values(), ids=UNDER_ALWAYS)
def test_the_strategy_says_when_children_and_template_may_change(
    strategy: str, always: TemplateChange, workload: Manifest, body: Manifest | None, status: Manifest
) -> None:
    when_failed = NOW if always is NOW else NOT
    expected = {"always": (True, always), "whenFailedOrHibernated": (when_failed is NOW, when_failed)}
    pods = () if body is None else (body,)

    plan = plan_of(observed(with_strategy(strategy), workload, *pods, status={"state": "NotReady", **status}))

    assert (plan.children_may_change, plan.template) == expected.get(strategy, (False, NOT))


@pytest.mark.parametrize(
    ("strategy", "may_change"), [("always", True), ("whenFailedOrHibernated", True), ("never", False)]
)
def test_a_paused_session_may_change_unless_it_never_may(strategy: str, may_change: bool) -> None:
    assert plan_of(observed(with_strategy(strategy, PAUSED), ASLEEP)).children_may_change is may_change


STARTED_CONTAINERS = {
    "no pod yet": (True, observed(None, {**statefulset(), "status": {}})),
    "its pod is not seen": (False, observed(None, statefulset())),
    "it may have a pod by now": (
        False,
        observed(None, {**statefulset(generation=2), "status": {"replicas": 0, "observedGeneration": 1}}),
    ),
    "no node yet": (True, observed(None, statefulset(), unscheduled_pod("no room"))),
    "no image yet": (True, observed(None, statefulset(), pod(container(state=waiting("ImagePullBackOff"))))),
    "an init container runs": (False, observed(None, statefulset(), pod(init=[container("git-clone-0")]))),
    "a container ended": (False, observed(None, statefulset(), CRASHED)),
    "a container crashed and waits": (
        False,
        observed(None, statefulset(), pod(container(state=waiting("CrashLoopBackOff"), last=terminated(1)))),
    ),
    "the pod before is on its way out": (
        False,
        observed(None, statefulset(), unscheduled_pod("no room"), pod(container(ready=True), leaving=True)),
    ),
    "it is paused": (False, observed(PAUSED, ASLEEP)),
}


@pytest.mark.parametrize(("may_move", "seen"), STARTED_CONTAINERS.values(), ids=STARTED_CONTAINERS)
def test_the_placement_of_a_pod_changes_only_before_a_container_has_started(may_move: bool, seen: Observed) -> None:
    assert plan_of(seen).scheduling_may_change is may_move


@pytest.mark.parametrize("strategy", ["always", "whenFailedOrHibernated", "never"])
def test_a_resumed_job_is_made_anew_since_its_template_is_fixed(strategy: str) -> None:
    plan = plan_of(observed(with_strategy(strategy, JOB), job(suspend=True)))

    assert plan.recreate_job
    assert plan.make_workload


AWAITED = {
    "its pod is seen": ("demo-0", observed(JOB, job(suspend=True), pod(leaving=True))),
    "its pod is not seen and still counted": ("", observed(JOB, job(suspend=True, status={"terminating": 1}))),
    "nothing is heard of pods": ("", replace(observed(JOB, job(suspend=True)), unheard=frozenset({"Pod"}))),
    "its pod has ended": (None, observed(JOB, job(suspend=True), pod(phase="Succeeded"))),
    "it has no pod": (None, observed(JOB, job(suspend=True))),
    "its first run": (None, replace(observed(JOB), unheard=frozenset({"Pod"}))),
}


@pytest.mark.parametrize(("awaited", "seen"), AWAITED.values(), ids=AWAITED)
def test_two_runs_of_a_job_never_share_a_volume(awaited: str | None, seen: Observed) -> None:
    assert plan_of(seen).awaited_pod == awaited


ENDED = {
    "it is there": observed(JOB, job(COMPLETE)),
    "it was resumed after its end": observed(JOB, {**job(COMPLETE), "spec": {"suspend": True}}),
    "somebody deleted it": observed(JOB, status={"state": "Succeeded", "runID": RUN_ID}),
    "it failed and somebody deleted it": observed(JOB, status={**FAILING, "runID": RUN_ID, "idleSince": READY_AT}),
}


@pytest.mark.parametrize("seen", ENDED.values(), ids=ENDED)
def test_a_job_that_ended_is_never_run_again(seen: Observed) -> None:
    plan = plan_of(seen)

    assert not plan.make_workload
    assert not plan.recreate_job


NOT_ENDED = {
    "a quota left no room for it": observed(JOB, status={**FAILING, "runID": RUN_ID}),
    "its image cannot be pulled": observed(JOB, job(), pod(container(state=waiting("ImagePullBackOff")))),
    "somebody deleted it while it worked": observed(JOB, status=RUNNING),
}


@pytest.mark.parametrize("seen", NOT_ENDED.values(), ids=NOT_ENDED)
def test_a_job_that_has_not_ended_is_made_again(seen: Observed) -> None:
    assert plan_of(seen).make_workload

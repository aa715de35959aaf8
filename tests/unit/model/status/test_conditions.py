"""A condition that says what is not so sends people looking in the wrong place, and one that moves idly is noise."""

from datetime import UTC, datetime

import pytest

from amalthea.api.reasons import ConditionType, Reason
from amalthea.api.schema import Manifest
from amalthea.api.types import Condition
from amalthea.model.findings import Finding
from amalthea.model.plan import Fresh, decide
from amalthea.model.state import judge
from amalthea.model.status.conditions import compose
from amalthea.model.views.observed import Observed
from amalthea.testing.builders import RUN_ID, session
from amalthea.testing.observations import READY_AT, container, ingress, job, observed, pod, statefulset, terminated

NOW = datetime(2026, 11, 22, 13, 10, tzinfo=UTC)
AWAKE, ASLEEP = statefulset(ready=1), statefulset(replicas=0)
READY = pod(container(ready=True))
WITH_INGRESS = session().with_ingress()
PAUSED, JOB = WITH_INGRESS.hibernated(), WITH_INGRESS.as_job()
BAD = WITH_INGRESS.with_session(urlPath="//lab")
GOING = ingress(deletionTimestamp=READY_AT)
FOREIGN = ingress(ownerReferences=[{"kind": "Deployment", "name": "demo", "uid": "else", "controller": True}])


def conditions_of(seen: Observed, *findings: Finding) -> dict[str, Condition]:
    plan = decide(seen, Fresh(lambda: RUN_ID))
    return {each.type: each for each in compose(seen, plan, judge(seen), findings, (), NOW)}


READY_ROWS = {
    "new": ("False", Reason.STARTING, observed()),
    "running": ("True", Reason.RUNNING, observed(None, AWAKE, READY)),
    "degraded": (
        "False",
        Reason.DEGRADED,
        observed(None, AWAKE, pod(container(ready=True), container("x")), status={"state": "Running"}),
    ),
    "failed": ("False", Reason.FAILED, observed(None, statefulset(), pod(container(state=terminated(1))))),
    "stopping": ("False", Reason.STOPPING, observed(PAUSED, ASLEEP, READY)),
    "stopping, though its spec is wrong": ("False", Reason.STOPPING, observed(BAD.hibernated(), AWAKE, READY)),
    "paused": ("False", Reason.HIBERNATED, observed(PAUSED, ASLEEP)),
    "deleting": ("False", Reason.DELETING, observed(None, AWAKE, READY, deleting=True)),
    "deleting while paused": ("False", Reason.DELETING, observed(PAUSED, ASLEEP, deleting=True)),
    "job ended": ("False", Reason.SUCCEEDED, observed(JOB, job({"type": "Complete", "status": "True"}))),
}


@pytest.mark.parametrize(("status", "reason", "seen"), READY_ROWS.values(), ids=READY_ROWS)
def test_ready_is_true_only_while_the_session_runs(status: str, reason: Reason, seen: Observed) -> None:
    ready = conditions_of(seen)["Ready"]

    assert (ready.status, ready.reason) == (status, reason)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("Started", "The session does not answer at the moment."),
        ("AwaitingReadiness", "The session is starting."),
    ],
)
def test_a_session_that_was_ready_in_this_run_is_not_said_to_be_starting(step: str, message: str) -> None:
    seen = observed(None, statefulset(), pod(container()))
    lifecycle = [Condition(type="Progressing", status="False", reason=step)]
    made = compose(seen, decide(seen, Fresh(lambda: RUN_ID)), judge(seen), (), lifecycle, NOW)
    ready = next(each for each in made if each.type == "Ready")

    assert (ready.message, ready.reason) == (message, Reason.STARTING)


ROUTING_ROWS = {
    "in place": ("True", Reason.INGRESS_OPERATIONAL, observed(WITH_INGRESS, AWAKE, ingress=ingress())),
    "not there yet": ("False", Reason.INGRESS_MISSING, observed(WITH_INGRESS, AWAKE)),
    "on its way out": ("False", Reason.INGRESS_MISSING, observed(WITH_INGRESS, AWAKE, ingress=GOING)),
    "somebody else's": ("False", Reason.INGRESS_MISSING, observed(WITH_INGRESS, AWAKE, ingress=FOREIGN)),
    "not wanted": ("False", Reason.SESSION_CREATED, observed(None, AWAKE)),
    "not wanted, and still there": ("True", Reason.INGRESS_OPERATIONAL, observed(None, AWAKE, ingress=ingress())),
    "of a job": ("False", Reason.SESSION_CREATED, observed(JOB, job())),
    "of a paused session": ("False", Reason.HIBERNATED, observed(PAUSED, ASLEEP)),
    "of a paused session, on its way out": ("False", Reason.HIBERNATED, observed(PAUSED, ASLEEP, ingress=GOING)),
    "of a session being paused": ("True", Reason.INGRESS_OPERATIONAL, observed(PAUSED, AWAKE, ingress=ingress())),
}


@pytest.mark.parametrize(("status", "reason", "seen"), ROUTING_ROWS.values(), ids=ROUTING_ROWS)
def test_routing_is_ready_exactly_while_the_ingress_is_there(status: str, reason: Reason, seen: Observed) -> None:
    routing = conditions_of(seen)["RoutingReady"]

    assert (routing.status, routing.reason) == (status, reason)


def test_an_undisturbed_session_has_two_conditions() -> None:
    assert set(conditions_of(observed(WITH_INGRESS, AWAKE, READY))) == {"Ready", "RoutingReady"}


def test_every_problem_of_a_spec_is_named_in_one_condition() -> None:
    accepted = conditions_of(observed(BAD.with_session(shmSize="lots")))["Accepted"]

    assert (accepted.status, accepted.reason) == ("False", Reason.INVALID_SPEC)
    assert accepted.message is not None
    assert "spec.session.urlPath: " in accepted.message
    assert "spec.session.shmSize: " in accepted.message


FINDINGS = {
    "a name is taken": (ConditionType.CHILDREN_IN_PLACE, Reason.NAME_TAKEN, "False"),
    "a volume cannot shrink": (ConditionType.STORAGE_SIZED, Reason.SHRINK_REFUSED, "False"),
    "a change waits": (ConditionType.UPDATE_PENDING, Reason.SPEC_CHANGED, "True"),
}


@pytest.mark.parametrize(("kind", "reason", "status"), FINDINGS.values(), ids=FINDINGS)
def test_a_finding_is_reported_as_long_as_it_holds(kind: ConditionType, reason: Reason, status: str) -> None:
    seen = observed(None, AWAKE, READY)
    condition = conditions_of(seen, Finding(kind, reason, "So it is."), Finding(kind, reason, "And so is this."))[kind]

    assert (condition.status, condition.reason, condition.message) == (status, reason, "So it is. And so is this.")
    assert kind not in conditions_of(seen)


def test_a_harmless_finding_is_reported_as_such_and_never_hides_what_is_wrong() -> None:
    kind = ConditionType.CHILDREN_IN_PLACE
    good = Finding(kind, Reason.MADE_BEFOREHAND, "It is used.", harmless=True)
    bad = Finding(kind, Reason.NAME_TAKEN, "It is taken.")
    alone, both = (conditions_of(observed(None, AWAKE, READY), *each)[kind] for each in ((good,), (good, bad)))

    assert (alone.status, alone.message) == ("True", "It is used.")
    assert (both.status, both.reason, both.message) == ("False", "NameTaken", "It is taken.")


def test_the_same_is_not_said_twice() -> None:
    waits = Finding(ConditionType.UPDATE_PENDING, Reason.SPEC_CHANGED, "It waits.")

    assert conditions_of(observed(), waits, waits)["UpdatePending"].message == "It waits."


FORMER: Manifest = {"type": "Ready", "status": "False", "reason": "NotReady", "lastTransitionTime": READY_AT}


@pytest.mark.parametrize(
    ("former", "since"),
    [
        ({**FORMER, "reason": "SessionCreated", "message": "new"}, READY_AT),
        ({**FORMER, "status": "True"}, "2026-11-22T13:10:00Z"),
        ({**FORMER, "lastTransitionTime": None}, "2026-11-22T13:10:00Z"),
    ],
    ids=["only the reason changes", "the status changes", "it had no time"],
)
def test_a_condition_keeps_its_time_while_its_status_holds(former: Manifest, since: str) -> None:
    ready = conditions_of(observed(status={"state": "NotReady", "conditions": [former]}))["Ready"]

    assert ready.last_transition_time == since

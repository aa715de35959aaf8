"""Conditions: aspects of a session, each with the time of its last change.

`Ready` and `RoutingReady` are always there, the others only while they have something to report, so that an undisturbed
session's status is short.
"""

from collections.abc import Iterable
from datetime import datetime

from amalthea.api.reasons import ConditionType, Reason, Step
from amalthea.api.types import Condition, State
from amalthea.model import findings as found
from amalthea.model.findings import Finding
from amalthea.model.plan import Plan
from amalthea.model.state import Verdict
from amalthea.model.times import rfc3339
from amalthea.model.views.observed import Observed

_READY: dict[State, tuple[Reason, str]] = {
    "Running": (Reason.RUNNING, "The session is running."),
    "RunningDegraded": (Reason.DEGRADED, "The session answers, but something beside it is not ready."),
    "Failed": (Reason.FAILED, "The session cannot run."),
    "Succeeded": (Reason.SUCCEEDED, "The job ended with success."),
    "Hibernated": (Reason.HIBERNATED, "The session is paused. Its files are kept."),
    "NotReady": (Reason.STARTING, "The session is starting."),
}


def compose(
    observed: Observed,
    plan: Plan,
    verdict: Verdict,
    findings: Iterable[Finding],
    lifecycle: Iterable[Condition],
    now: datetime,
) -> list[Condition]:
    """Return the session's conditions, the lifecycle ones last: those that still hold keep their time."""
    findings, lifecycle = tuple(findings), tuple(lifecycle)
    fresh = [_ready(observed, verdict.state, lifecycle), _routing(observed)]
    if verdict.trouble is not None:
        fresh.append(new_condition(ConditionType.HEALTHY, "False", verdict.trouble.code, verdict.trouble.message))
    if plan.problems:
        message = " ".join(str(problem) for problem in plan.problems)
        fresh.append(new_condition(ConditionType.ACCEPTED, "False", Reason.INVALID_SPEC, message))
    for kind, status in (
        (ConditionType.CHILDREN_IN_PLACE, "False"),
        (ConditionType.STORAGE_SIZED, "False"),
        (ConditionType.UPDATE_PENDING, "True"),
    ):
        if holding := found.of(findings, kind):
            wrong = tuple(finding for finding in holding if not finding.harmless)
            reported = wrong or holding
            message = " ".join(dict.fromkeys(finding.message for finding in reported))
            fresh.append(new_condition(kind, status if wrong else "True", reported[0].reason, message))
    fresh += lifecycle
    former = {condition.type: condition for condition in observed.session.status.conditions or ()}
    return [_timed(condition, former.get(condition.type), now) for condition in fresh]


def with_defect(former: Iterable[Condition], defect: str, now: datetime) -> list[Condition]:
    """Return a session's conditions, with one that reports a failure of the operator; `defect` is what it logged."""
    message = (
        f"The operator failed on this session with an internal error (id {defect}) and keeps trying. This status "
        "may be out of date, and limits may take effect late or not at all. Give your administrator the id: the "
        "operator's log has details."
    )
    known = {condition.type: condition for condition in former}
    broken = new_condition(ConditionType.HEALTHY, "False", Reason.INTERNAL_ERROR, message)
    return list((known | {broken.type: _timed(broken, known.get(broken.type), now)}).values())


def _ready(observed: Observed, state: State, lifecycle: Iterable[Condition]) -> Condition:
    reason, message = _READY[state]
    started = any(each.type == ConditionType.PROGRESSING and each.reason == Step.DONE for each in lifecycle)
    if state == "NotReady" and observed.deleting:
        reason, message = Reason.DELETING, "The session is being deleted."
    elif state == "NotReady" and observed.hibernated:
        reason, message = Reason.STOPPING, "The session is being paused."
    elif state == "NotReady" and started:
        message = "The session does not answer at the moment."
    return new_condition(ConditionType.READY, "True" if state == "Running" else "False", reason, message)


def _routing(observed: Observed) -> Condition:
    def routing(status: str, reason: Reason, message: str) -> Condition:
        return new_condition(ConditionType.ROUTING_READY, status, reason, message)

    ingress, spec = observed.ingress, observed.spec
    if ingress is not None and observed.owns(ingress) and ingress.metadata.deletion_timestamp is None:
        return routing("True", Reason.INGRESS_OPERATIONAL, "The Ingress of the session is in place.")
    if spec is not None and (spec.ingress is None or not observed.interactive):
        return routing("False", Reason.SESSION_CREATED, "The session has no Ingress.")
    if observed.hibernated:
        return routing("False", Reason.HIBERNATED, "A paused session has no Ingress; it is restored at the resume.")
    return routing("False", Reason.INGRESS_MISSING, "The Ingress of the session is not there yet.")


def new_condition(kind: ConditionType, status: str, reason: str, message: str) -> Condition:
    """Return a condition that has no time yet."""
    return Condition(type=str(kind), status=status, reason=str(reason), message=message)


def _timed(condition: Condition, former: Condition | None, now: datetime) -> Condition:
    same = former is not None and former.status == condition.status and former.last_transition_time
    return Condition(
        type=condition.type,
        status=condition.status,
        reason=condition.reason,
        message=condition.message,
        last_transition_time=former.last_transition_time if same and former else rfc3339(now),
    )

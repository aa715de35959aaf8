"""The conditions of a session that are worth a look: those that are not as they should be, or unknown to us.

Each is shown by its own message, so that a newer operator's conditions are shown as well.
"""

from amalthea.api.reasons import ConditionType
from amalthea.api.types import RUNNING_STATES, Condition
from amalthea.cli.explanation import Notice
from amalthea.cli.read.snapshot import SessionSnapshot
from amalthea.model.spans import moment
from amalthea.model.views.observed import Observed

_IN_THE_HEADLINE = {ConditionType.READY, ConditionType.PROGRESSING, ConditionType.STOPPED}
_SHOULD_BE_TRUE = {
    ConditionType.ROUTING_READY,
    ConditionType.ACCEPTED,
    ConditionType.CHILDREN_IN_PLACE,
    ConditionType.STORAGE_SIZED,
    ConditionType.HEALTHY,
}
_SHOULD_BE_FALSE = {ConditionType.UPDATE_PENDING, ConditionType.STOPPING_SOON, ConditionType.DELETING_SOON}


def notices(known: SessionSnapshot, cause: str) -> tuple[Notice, ...]:
    """Return the conditions worth a look, except what the cause of the session's state already says."""
    return tuple(
        Notice(
            condition=each.type,
            reason=each.reason or "",
            message=each.message or each.reason or f"{each.type} is {each.status}.",
            since=moment(each.last_transition_time),
        )
        for each in known.observed.session.status.conditions or ()
        if _worth_a_look(known, each) and (each.message or "-") not in cause
    )


def _worth_a_look(known: SessionSnapshot, condition: Condition) -> bool:
    kind, observed = condition.type, known.observed
    if kind in _IN_THE_HEADLINE or observed.deleting:
        return False
    if kind == ConditionType.ROUTING_READY and not _is_to_be_reached(observed):
        return False
    if kind in _SHOULD_BE_TRUE:
        return condition.status != "True"
    return condition.status != "False" or kind not in _SHOULD_BE_FALSE


def _is_to_be_reached(observed: Observed) -> bool:
    """Return whether a session that answers needs an address: before that, or while paused, there may be none."""
    wanted = observed.spec is not None and observed.spec.ingress is not None
    return wanted and not observed.hibernated and observed.session.status.state in RUNNING_STATES

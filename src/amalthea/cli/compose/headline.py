"""The state of a session in one sentence, with its time and its cause."""

from datetime import datetime

from amalthea.api import names
from amalthea.api.reasons import ConditionType
from amalthea.api.types import State
from amalthea.cli.read.snapshot import SessionSnapshot
from amalthea.model import deadlines
from amalthea.model.spans import moment
from amalthea.model.status.progress import progress
from amalthea.model.views import readiness
from amalthea.model.views.observed import Observed

UNSEEN = "No operator has looked at it yet. If that lasts, ask your admin whether one serves this namespace."

DELETED, PAUSING, RESUMING, NEW = "is being deleted", "is being paused", "is about to be resumed", "is new"
SILENT, AGAIN, DEGRADED = (
    "does not answer at the moment",
    "is starting again",
    "answers, but something beside it does not work",
)
STUCK, BROKEN, SUCCEEDED = "cannot run", "has failed", "has ended with success"
_IS: dict[State, str] = {
    "Running": "is running",
    "RunningDegraded": DEGRADED,
    "Failed": STUCK,
    "Succeeded": SUCCEEDED,
    "Hibernated": "is paused",
    "NotReady": "is starting",
}
DATED = {
    "is running": "has been running since {time} ({ago})",
    DEGRADED: ("answers, but something beside it has not worked since {time} ({ago})"),
    STUCK: "cannot run: it failed {at} ({ago} ago)",
    SUCCEEDED: "ended with success {at} ({ago} ago)",
    "is paused": "has been paused since {time} ({ago})",
    "is starting": "has been starting since {time} ({ago})",
    DELETED: "is being deleted, as requested {at} ({ago} ago)",
    NEW: "is new: it was created {at} ({ago} ago)",
    SILENT: "has not answered since {time} ({ago})",
    AGAIN: "is starting again, and has not answered since {time} ({ago})",
    BROKEN: "failed {at} ({ago} ago)",
}
"""Headlines with the time since when it is so: `time` is bare, `at` has its preposition, `ago` is how long that is."""


def headline(known: SessionSnapshot) -> str:
    """Return the state of the session, as the rest of a sentence that begins with its name."""
    observed = known.observed
    status = observed.session.status
    special = (
        (observed.deleting, DELETED),
        (not status.conditions, NEW),
        (status.state == "NotReady" and observed.hibernated, PAUSING),
        (_fell_silent(observed) and _has_new_pod(observed), AGAIN),
        (_fell_silent(observed), SILENT),
        (_resumes(observed), RESUMING),
        (status.state == "Failed" and not observed.interactive, BROKEN),
    )
    return next((words for holds, words in special if holds), _IS[status.state])


def cause(known: SessionSnapshot) -> str:
    """Return the cause of the session's state, where that is known."""
    observed = known.observed
    status = observed.session.status
    if observed.deleting:
        return _held(observed)
    if not status.conditions:
        return UNSEEN
    if _resumes(observed):
        return ""
    if observed.hibernated:
        why = _message(observed, ConditionType.STOPPED)
    else:
        why = _silence(observed) if _fell_silent(observed) else _progress(observed)
    return f"{why} {status.error or ''}".strip()


def reason(known: SessionSnapshot) -> str:
    """Return the stable word for the session's state: the reason of the condition that explains it best."""
    kinds = [
        (ConditionType.HEALTHY, "False"),
        (ConditionType.PROGRESSING, "True"),
        (ConditionType.READY, "True"),
        (ConditionType.READY, "False"),
    ]
    if known.observed.hibernated:
        kinds.insert(0, (ConditionType.STOPPED, "True"))
    if known.observed.session.status.state == "Failed":
        kinds[1:1] = [(ConditionType.ACCEPTED, "False"), (ConditionType.CHILDREN_IN_PLACE, "False")]
    found = ((known.observed.session.status.condition(kind), status) for kind, status in kinds)
    return next((each.reason or "" for each, status in found if each is not None and each.status == status), "")


def since(known: SessionSnapshot) -> datetime | None:
    """Return since when the session has been in its state; None if that is not known."""
    observed, session = known.observed, known.observed.session
    status = session.status
    if observed.deleting:
        return session.metadata.deletion_timestamp
    if _resumes(observed):
        return None
    turned = _turned(observed, ConditionType.READY)
    entered = {
        "Hibernated": moment(status.hibernated_since),
        "Failed": moment(status.failing_since),
        "Succeeded": moment(status.idle_since),
    }
    if status.state == "NotReady" and observed.hibernated:
        turned = _turned(observed, ConditionType.STOPPED) or turned
    elif status.conditions and deadlines.starts(observed, status):
        start = deadlines.started_at(observed, status)
        turned = start.replace(microsecond=0) if start is not None else turned
    return entered.get(status.state) or turned or session.metadata.creation_timestamp


def fell_silent_at(known: SessionSnapshot) -> datetime | None:
    """Return when a session that was ready in this run stopped answering; None while it answers, or never did."""
    return _turned(known.observed, ConditionType.READY) if _fell_silent(known.observed) else None


def degraded_at(known: SessionSnapshot) -> datetime | None:
    """Return since when something beside a session that answers has not worked."""
    degraded = known.observed.session.status.state == "RunningDegraded"
    return _turned(known.observed, ConditionType.READY) if degraded else None


def _fell_silent(observed: Observed) -> bool:
    status = observed.session.status
    unready = status.state == "NotReady" and not observed.hibernated and not observed.deleting
    return unready and deadlines.has_started(observed, status)


def _has_new_pod(observed: Observed) -> bool:
    return observed.pod is not None and not observed.pod.leaving and not readiness.was_ready(observed.pod)


def _resumes(observed: Observed) -> bool:
    return observed.session.status.state == "Hibernated" and not observed.hibernated


def _turned(observed: Observed, kind: str) -> datetime | None:
    """Return when a condition last changed its status."""
    found = observed.session.status.condition(kind)
    return moment(found.last_transition_time) if found is not None else None


def _message(observed: Observed, kind: str) -> str:
    """Return the message of a condition that holds."""
    found = observed.session.status.condition(kind)
    return (found.message or "") if found is not None and found.status == "True" else ""


def _progress(observed: Observed) -> str:
    """Return how far a start is, while it goes on."""
    step, counts = _message(observed, ConditionType.PROGRESSING), observed.session.status.container_counts
    if not step or counts is None or counts.ready in (0, counts.total):
        return step
    return f"{step} {counts.ready} of {counts.total} containers are ready."


def _silence(observed: Observed) -> str:
    """Return what a session that no longer answers lacks: some steps of its new pod, or a container of the old one."""
    pod = observed.pod
    if pod is None or pod.leaving:
        return ""
    if _has_new_pod(observed):
        return str(progress(observed))
    unready = [each.name for each in pod.lasting if not each.ready]
    return f"Not ready: {', '.join(unready)}." if unready else ""


def _held(observed: Observed) -> str:
    """Return what a deletion waits for: our finalizer is lifted automatically, those of others may not be."""
    ours = (names.FINALIZER, "foregroundDeletion")
    others = [each for each in observed.session.metadata.finalizers if each not in ours]
    if not others:
        return "The objects that belong to it are deleted first."
    return f"It is deleted once these finalizers are done: {', '.join(others)}."

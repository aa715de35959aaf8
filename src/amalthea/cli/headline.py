"""How a session is, in one sentence, and why it is so."""

from datetime import datetime

from amalthea.api.types import Condition, State
from amalthea.cli.known import Known
from amalthea.cli.limits import started_at
from amalthea.model import readiness
from amalthea.model.observed import Observed
from amalthea.model.spans import moment

UNSEEN = "No operator has looked at it yet. If that lasts, ask your admin whether one serves this namespace."

_IS: dict[State, str] = {
    "Running": "is running",
    "RunningDegraded": "answers, but something beside it does not work",
    "Failed": "cannot run",
    "Succeeded": "has ended with success",
    "Hibernated": "is paused",
    "NotReady": "is starting",
}


def headline(known: Known) -> str:
    """Return how the session is, as the second half of a sentence that its name begins."""
    observed = known.observed
    status = observed.session.status
    special = (
        (observed.deleting, "is being deleted"),
        (not status.conditions, "is new"),
        (status.state == "NotReady" and observed.hibernated, "is being paused"),
        (status.state == "NotReady" and _was_ready(observed), "does not answer at the moment"),
        (status.state == "Hibernated" and not observed.hibernated, "is about to be resumed"),
        (status.state == "Failed" and not observed.interactive, "has failed"),
    )
    return next((words for holds, words in special if holds), _IS[status.state])


def cause(known: Known) -> str:
    """Return why the session is so, where that is known."""
    observed = known.observed
    status = observed.session.status
    if observed.deleting:
        return _held(observed)
    if not status.conditions:
        return UNSEEN
    told = [_told(observed, "Stopped") if status.state in ("Hibernated", "Failed") else "", status.error or ""]
    if status.state == "NotReady" and not observed.hibernated:
        told.insert(0, _told(observed, "Progressing") or _containers_ready(observed))
    return " ".join(dict.fromkeys(filter(None, told)))


def since(known: Known) -> datetime | None:
    """Return since when the session is so."""
    session = known.observed.session
    status, ready = session.status, condition(known.observed, "Ready")
    if known.observed.deleting:
        return session.metadata.deletion_timestamp
    turned = moment(ready.last_transition_time) if ready is not None else None
    entered = {
        "Hibernated": moment(status.hibernated_since),
        "Failed": moment(status.failing_since),
        "Succeeded": moment(status.idle_since),
        "NotReady": None if known.observed.hibernated else started_at(known),
    }
    return entered.get(status.state) or turned or session.metadata.creation_timestamp


def condition(observed: Observed, kind: str) -> Condition | None:
    """Return a condition of the session."""
    return next((each for each in observed.session.status.conditions or () if each.type == kind), None)


def _was_ready(observed: Observed) -> bool:
    return observed.pod is not None and readiness.was_ready(observed.pod)


def _told(observed: Observed, kind: str) -> str:
    """Return the message of a condition that holds."""
    found = condition(observed, kind)
    return (found.message or "") if found is not None and found.status == "True" else ""


def _containers_ready(observed: Observed) -> str:
    counts = observed.session.status.container_counts
    return f"{counts.ready} of {counts.total} containers are ready." if counts and counts.total else ""


def _held(observed: Observed) -> str:
    """Return what a deletion waits for: our finalizer goes by itself, those of others may not."""
    others = [each for each in observed.session.metadata.finalizers if each != "foregroundDeletion"]
    if not others:
        return "What belongs to it goes first."
    return f"It goes when these have done their part: {', '.join(others)}."

"""The limits of a session on which the operator itself fails: only those that depend on no further decision.

Its status shows how it was when the operator last understood it, and people may have come back since. So neither its
idleness nor its failure counts, and the two limits that are left need a second witness beside the status. Both act
late, since nobody is notified before.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from amalthea.api import names
from amalthea.api.reasons import Cause
from amalthea.api.types import Culling
from amalthea.model import spans
from amalthea.model.deadlines import Deadline
from amalthea.model.times import began
from amalthea.model.views import decoding
from amalthea.model.views.objects import ClaimView, SessionView
from amalthea.model.views.pods import PodView

LATE = timedelta(hours=1)
"""So much later than its limit a session is ended: time for an administrator to see to the error."""
WITNESSES = (names.KIND, "StatefulSet", "Pod", "PersistentVolumeClaim")
"""The kinds that must have been heard of a short while ago."""


class _Spec(msgspec.Struct, frozen=True):
    culling: Culling | None = None


@dataclass(frozen=True)
class Known:
    """A session, and those of its objects that exist."""

    session: SessionView
    pods: tuple[PodView, ...]
    claims: tuple[ClaimView, ...]


def pause(known: Known) -> Deadline | None:
    """Return when a session is paused for its age; None for never.

    It counts from the run's id in the status, or from a pod's creation if that is later: a resume may be missing. There
    is not a pause by which files would be lost.
    """
    session, pods = known.session, known.pods
    if decoding.wants_hibernation(session) or not pods or not all(map(_of_statefulset, pods)):
        return None
    if any(claim.metadata.deletion_timestamp is not None for claim in known.claims):
        return None
    culling = _culling(session)
    span = culling.max_age if culling is not None else None
    starts = (began(session.status.run_id), *(pod.metadata.creation_timestamp for pod in pods))
    return _deadline(Cause.TOO_OLD, starts, span)


def deletion(known: Known) -> Deadline | None:
    """Return when a session is deleted because it was paused for too long; None for never.

    It counts from the time in the status, or from that of the request in the managed fields if that is later.
    """
    session = known.session
    if not decoding.wants_hibernation(session) or session.status.state != "Hibernated" or session.paused is None:
        return None
    culling = _culling(session)
    span = culling.max_hibernated_duration if culling is not None else None
    starts = (spans.moment(session.status.hibernated_since), session.paused.time, session.metadata.creation_timestamp)
    return _deadline(Cause.HIBERNATED_TOO_LONG, starts, span)


def _of_statefulset(pod: PodView) -> bool:
    owner = pod.metadata.controller
    return owner is not None and owner.kind == "StatefulSet"


def _culling(session: SessionView) -> Culling | None:
    try:
        return msgspec.json.decode(session.spec, type=_Spec).culling
    except msgspec.MsgspecError:
        return None


def _deadline(cause: Cause, starts: tuple[datetime | None, ...], limit: str | None) -> Deadline | None:
    """Return a deadline that counts from the last of the times, if all of them are known."""
    witnesses, span = [start for start in starts if start is not None], spans.positive(limit)
    if span is None or len(witnesses) < len(starts):
        return None
    at = spans.end(spans.end(max(witnesses), span), LATE)
    return Deadline(at, cause, span) if at is not None else None

"""Changes of the verdict by time alone: how long a session is waited for, and until when it stays failed.

Each of these moments is exact: `changes_at` names the next one, so that the session is looked at again just then.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from amalthea.api.reasons import ConditionType, Failure
from amalthea.api.types import Status
from amalthea.model import spans
from amalthea.model.diagnosis import diagnosis as troubles
from amalthea.model.diagnosis import events, pods
from amalthea.model.state import Verdict, words
from amalthea.model.views import readiness
from amalthea.model.views.observed import Observed

CALM = timedelta(minutes=2)
"""The time that a failed session stays failed after the cause is gone, unless it is ready or paused before then."""


def in_time(observed: Observed, verdict: Verdict, now: datetime) -> Verdict:
    """Return the verdict on a session at that moment."""
    pod, status = observed.pod, observed.session.status
    if pod is not None and verdict.state in ("NotReady", "Failed") and _passed(_lost_at(observed), now):
        trouble = pods.lost(pod)
        return replace(verdict, state="NotReady", error=trouble.message, trouble=trouble)
    if verdict.state != "NotReady":
        return verdict
    if pod is not None and _passed(scheduling_fails_at(observed), now):
        failure = pods.unscheduled_too_long(pod, verdict.trouble)
        return replace(verdict, state="Failed", error=words(failure, status), trouble=failure)
    return _linger(observed, verdict, now)


def changes_at(observed: Observed, status: Status, now: datetime) -> datetime | None:
    """Return when time alone will change the reported status of a session; None for never."""
    moments = [_lost_at(observed)] if status.state in ("NotReady", "Failed") else []
    if status.state == "Failed":
        moments.append(_calm_at(observed))
    if status.state == "NotReady":
        moments.append(scheduling_fails_at(observed))
        since = _without_volume_since(observed)
        moments.append(since + pods.VOLUME_PATIENCE if since is not None else None)
    return min((moment for moment in moments if moment is not None and now < moment), default=None)


def scheduling_fails_at(observed: Observed) -> datetime | None:
    """Return when the pod has waited too long for a node; None as long as nobody asked whether a node is coming."""
    pod = observed.pod
    if pod is None or observed.hibernated or observed.deleting or pod.leaving:
        return None
    if (since := _without_volume_since(observed)) is not None:
        return since + pods.SCHEDULING_PATIENCE
    return pods.scheduling_fails_at(pod, observed.events) if observed.events is not None else None


def unscheduled_since(observed: Observed, now: datetime) -> datetime | None:
    """Return since when no node has taken the pod; for lack of a volume, that counts after a few seconds only."""
    if observed.pod is None or observed.hibernated or observed.deleting:
        return None
    since = _without_volume_since(observed)
    if since is not None:
        return since if _passed(since + pods.VOLUME_PATIENCE, now) else None
    scheduled = observed.pod.unschedulable
    return scheduled.last_transition_time if scheduled is not None else None


def _without_volume_since(observed: Observed) -> datetime | None:
    """Return since when the pod waits for a volume before a node can take it.

    While a volume is made for the chosen node, the scheduler says nothing; only Events report that this fails.
    """
    pod = observed.pod
    if pod is None:
        return None
    if (waits := pod.without_volume) is not None:
        return waits.last_transition_time
    fails = any(trouble.code is Failure.VOLUME_PENDING for trouble in events.volumes(observed))
    return pod.metadata.creation_timestamp if fails and pod.condition("PodScheduled") is None else None


def _linger(observed: Observed, verdict: Verdict, now: datetime) -> Verdict:
    """Keep a session failed that only seems to recover: a container that crashes runs for moments in between.

    Failed is left when the session is ready, when it is paused, and after two minutes without the cause. What was
    refused by the API server or by validation does not come and go: it is left at once.
    """
    status = observed.session.status
    if not _failed_by_its_pod(observed) or _passed(_calm_at(observed), now):
        return verdict
    recorded = troubles.recorded(status)
    if recorded is not None and (verdict.trouble is None or verdict.trouble.aside):
        return replace(verdict, state="Failed", error=status.error, trouble=recorded)
    return replace(verdict, state="Failed", error=verdict.error or status.error)


def _calm_at(observed: Observed) -> datetime | None:
    """Return until when a failed session stays failed without a cause; None as long as there is no pod to judge by."""
    began = readiness.began_anew_at(observed.pod) if observed.pod is not None else None
    return spans.end(began, CALM)


def _failed_by_its_pod(observed: Observed) -> bool:
    status = observed.session.status
    types = {condition.type for condition in status.conditions or ()}
    refused = types & {ConditionType.ACCEPTED, ConditionType.CHILDREN_IN_PLACE} and ConditionType.HEALTHY not in types
    at_work = not observed.deleting and not observed.hibernated
    return at_work and status.state == "Failed" and not refused


def _lost_at(observed: Observed) -> datetime | None:
    return pods.lost_at(observed.pod) if observed.pod is not None and not observed.ended else None


def _passed(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now

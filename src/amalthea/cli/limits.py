"""What a session's limits mean for it now: the pauses, stops and deletions to come, and what does not count yet.

Reckoned from `spec.culling`; what the operator itself announces (`status.willHibernateAt`) is told as well.
"""

from datetime import UTC, datetime

from amalthea.api.types import Culling
from amalthea.cli.explanation import Coming
from amalthea.cli.known import Known
from amalthea.cli.words import span
from amalthea.model import lifecycle, readiness, spans
from amalthea.model.observed import Observed
from amalthea.model.spans import moment

_NEVER = datetime.max.replace(tzinfo=UTC)


def coming(known: Known) -> tuple[Coming, ...]:
    """Return what the session's limits mean, the next first."""
    observed = known.observed
    culling = observed.spec.culling if observed.spec is not None else None
    if observed.deleting:
        return ()
    ours = _all(known, culling) if culling is not None else ()
    return tuple(sorted(_corrected(ours, observed), key=lambda each: each.at or _NEVER))


def started_at(known: Known) -> datetime | None:
    """Return when the present run began, in whole seconds."""
    start = lifecycle.started_at(known.observed, known.observed.session.status)
    return start.replace(microsecond=0) if start is not None else None


def ended_at(known: Known) -> datetime | None:
    """Return when a job ended; None for any other session."""
    observed, status = known.observed, known.observed.session.status
    return moment(status.idle_since) or moment(status.failing_since) if observed.ended else None


def _all(known: Known, culling: Culling) -> tuple[Coming, ...]:
    observed = known.observed
    pauses = (_age, _start, _failure, _idleness) if observed.interactive else (_job_age,)
    found = [*(each(known, culling) for each in pauses if not observed.hibernated), _keeping(known, culling)]
    return tuple(each for each in found if each is not None)


def _age(known: Known, culling: Culling) -> Coming | None:
    because = "Paused, having run for {}, the longest that it may run at a time."
    return _coming("pause", "maxAge", culling.max_age, started_at(known), (because, "Paused {} after its start."))


def _job_age(known: Known, culling: Culling) -> Coming | None:
    if known.observed.ended:
        return None
    words = "Stopped as failed, unless it ends before.", "Stopped as failed if it has not ended within {}."
    return _coming("stop", "maxAge", culling.max_age, started_at(known), words)


def _start(known: Known, culling: Culling) -> Coming | None:
    pod = known.observed.pod
    told = known.observed.session.status.state
    if told != "NotReady" or (pod is not None and readiness.was_ready(pod)):
        return None
    words = "Paused, unless it becomes ready before.", "Paused if it is not ready within {}."
    return _coming("pause", "maxStartingDuration", culling.max_starting_duration, started_at(known), words)


def _failure(known: Known, culling: Culling) -> Coming | None:
    since = moment(known.observed.session.status.failing_since)
    words = "Paused, having been failed for {}.", "Paused {} after it fails."
    return _coming("pause", "maxFailedDuration", culling.max_failed_duration, since, words)


def _idleness(known: Known, culling: Culling) -> Coming | None:
    status = known.observed.session.status
    idle, worked = moment(status.idle_since), moment(culling.last_interaction)
    since = max(idle, worked or idle) if status.idle and idle is not None else None
    words = "Paused, unless somebody works in it before.", "Paused when nobody has worked in it for {}."
    return _coming("pause", "maxIdleDuration", culling.max_idle_duration, since, words)


def _keeping(known: Known, culling: Culling) -> Coming | None:
    observed, status = known.observed, known.observed.session.status
    kept = culling.max_hibernated_duration
    if observed.interactive or observed.hibernated:
        since, because = moment(status.hibernated_since), "Deleted with its files, unless it is resumed before."
        later = "Deleted with its files after a pause of {}."
    else:
        since, because = ended_at(known), "Deleted with its files: a job is kept for {} after its end."
        later = "Deleted with its files {} after its end."
    return _coming("delete", "maxHibernatedDuration", kept, since, (because, later))


def _coming(action: str, name: str, value: str | None, since: datetime | None, words: tuple[str, str]) -> Coming | None:
    """Return what a limit means, in the first words if it counts since some time, in the second if it does not."""
    duration = spans.positive(value)
    if duration is None or value is None:
        return None
    at = spans.end(since, duration)
    why = words[at is None].format(span(duration))
    return Coming(at=at, action=action, limit=name, value=value, why=why)


def _corrected(ours: tuple[Coming, ...], observed: Observed) -> list[Coming]:
    """Add the pause that the operator announces, if none of the limits explains it."""
    told = moment(observed.session.status.will_hibernate_at)
    explained = any(each.action == "pause" and each.at == told for each in ours)
    if told is None or explained or observed.hibernated:
        return list(ours)
    return [*ours, Coming(at=told, action="pause", limit="", value="", why="Paused: the operator has announced it.")]

"""Explains a session's limits: the pauses, stops and deletions to come, and those that may come later.

`model/deadlines.py` computes the deadlines, for the operator and here. A pause is shown only if the operator has
announced one: it knows best whether there is anything to be paused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from amalthea.api.reasons import Cause
from amalthea.cli.explanation import Coming
from amalthea.cli.read.snapshot import SessionSnapshot
from amalthea.cli.time_format import span
from amalthea.model import deadlines
from amalthea.model.deadlines import PAUSES, Deadline
from amalthea.model.spans import moment
from amalthea.model.status import timeouts
from amalthea.model.views import remote_job
from amalthea.model.views.observed import Observed

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class _Meaning:
    """The meaning of a limit."""

    action: str
    limit: str
    counting: str
    """The text for it once it counts since some time."""
    rule: str
    """The text for it before that."""


_MEANINGS = {
    Cause.TOO_OLD: _Meaning(
        "pause",
        "maxAge",
        "Paused after running for {}, the longest that it may run at a time.",
        "Paused {} after its start.",
    ),
    Cause.STARTING_TOO_LONG: _Meaning(
        "pause",
        "maxStartingDuration",
        "Paused, unless it becomes ready before then.",
        "Paused if it is not ready within {}.",
    ),
    Cause.FAILED_TOO_LONG: _Meaning(
        "pause", "maxFailedDuration", "Paused after being failed for {}.", "Paused {} after it fails."
    ),
    Cause.IDLE: _Meaning(
        "pause",
        "maxIdleDuration",
        "Paused, unless somebody works in it before then.",
        "Paused when nobody has worked in it for {}.",
    ),
    Cause.JOB_DEADLINE: _Meaning(
        "stop",
        "maxAge",
        "Stopped as failed, unless it ends before then.",
        "Stopped as failed if it has not ended within {}.",
    ),
    Cause.HIBERNATED_TOO_LONG: _Meaning(
        "delete",
        "maxHibernatedDuration",
        "Deleted with its files, unless it is resumed before then.",
        "Deleted with its files after a pause of {}.",
    ),
    Cause.ENDED_LONG_AGO: _Meaning(
        "delete",
        "maxHibernatedDuration",
        "Deleted with its files: a job is kept for {} after its end.",
        "Deleted with its files {} after its end.",
    ),
    Cause.FAILED_LONG_AGO: _Meaning(
        "delete",
        "maxHibernatedDuration",
        "Deleted with its files: a failed job is kept for {}.",
        "Deleted with its files {} after it fails.",
    ),
}


def coming(known: SessionSnapshot, now: datetime) -> tuple[Coming, ...]:
    """Return what the session's limits mean, the next first."""
    observed = known.observed
    if observed.deleting:
        return ()
    counting = _counting(observed, now)
    found = [*_limits(observed, counting), *_failure(observed), *_announced(observed, counting)]
    return tuple(sorted(found, key=lambda each: each.at or NEVER))


def started_at(known: SessionSnapshot) -> datetime | None:
    """Return when the present run began, in whole seconds."""
    start = deadlines.started_at(known.observed, known.observed.session.status)
    return start.replace(microsecond=0) if start is not None else None


def _counting(observed: Observed, now: datetime) -> dict[Cause, Deadline]:
    """Return the deadlines that are in force."""
    status = observed.session.status
    found = deadlines.deadlines(observed, status, now)
    out_of_force: tuple[Cause, ...] = PAUSES if status.will_hibernate_at is None or observed.hibernated else ()
    return {cause: deadline for cause, deadline in found.items() if cause not in out_of_force}


def _limits(observed: Observed, counting: dict[Cause, Deadline]) -> Iterator[Coming]:
    given: dict[str, str] = (
        msgspec.to_builtins(observed.spec.culling) if observed.spec and observed.spec.culling else {}
    )
    for cause, meaning in _MEANINGS.items():
        limit, deadline = deadlines.limit(observed, cause), counting.get(cause)
        if limit is None or not (deadline or _may_come(observed, cause)):
            continue
        yield Coming(
            at=deadline.at if deadline is not None else None,
            action=meaning.action,
            limit=meaning.limit,
            value=given[meaning.limit],
            why=(meaning.counting if deadline is not None else meaning.rule).format(span(limit)),
        )


def _may_come(observed: Observed, cause: Cause) -> bool:
    """Return whether a limit that does not count yet may be the next to count, from how the session is now."""
    status, job = observed.session.status, not observed.interactive
    if cause is Cause.FAILED_LONG_AGO:
        return False
    if cause in (Cause.HIBERNATED_TOO_LONG, Cause.ENDED_LONG_AGO):
        return (cause is Cause.ENDED_LONG_AGO) == (job and not observed.hibernated and not remote_job.over(observed))
    if observed.hibernated or observed.ended or job != (cause is Cause.JOB_DEADLINE):
        return False
    if cause is Cause.STARTING_TOO_LONG:
        return status.state == "Hibernated" or deadlines.starts(observed, status)
    return status.state != "Failed"


def _failure(observed: Observed) -> Iterator[Coming]:
    """Return when the session will count as failed because no node takes it, for lack of resources or a volume."""
    at = timeouts.scheduling_fails_at(observed)
    if at is not None and observed.session.status.state == "NotReady":
        room = observed.pod is not None and observed.pod.unschedulable is not None
        before = "a node can take it" if room else "its volumes are there"
        yield Coming(at=at, action="fail", limit="", value="", why=f"It fails, unless {before} before then.")


def _announced(observed: Observed, counting: dict[Cause, Deadline]) -> Iterator[Coming]:
    """Return the pause that the operator has announced, if no limit explains it."""
    at = moment(observed.session.status.will_hibernate_at)
    explained = (counting[cause].at for cause in PAUSES if cause in counting)
    if at is not None and not observed.hibernated and at not in explained:
        yield Coming(at=at, action="pause", limit="", value="", why="Paused: the operator has announced it.")

"""The status of a session: a pure function of what exists after the writes, of the plan, and of the findings.

Times change only on transitions, so that an undisturbed session's status is never written.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec

from amalthea.api.types import RUNNING_STATES, State, Status
from amalthea.model import deadlines, spans
from amalthea.model.deadlines import End
from amalthea.model.findings import Finding
from amalthea.model.idle import idleness, polling
from amalthea.model.idle.idleness import Idleness
from amalthea.model.plan import Course, Plan
from amalthea.model.state import Verdict, judge
from amalthea.model.status import conditions, lifecycle_conditions
from amalthea.model.status.lifecycle_conditions import Outlook
from amalthea.model.status.timeouts import changes_at, in_time, unscheduled_since
from amalthea.model.times import rfc3339
from amalthea.model.views import remote_job
from amalthea.model.views.door import Reported
from amalthea.model.views.observed import Observed

_LOOK_AGAIN = timedelta(seconds=30)
"""After how long it is looked again whether enough is known, where something hangs on that."""


@dataclass(frozen=True)
class Context:
    """The input of a report besides the session."""

    url: str
    now: datetime
    lead: timedelta = timedelta(minutes=10)
    """The longest time before a pause or a deletion at which it is announced."""


@dataclass(frozen=True)
class NextSteps:
    """The next steps for a session, once its status is written."""

    end: End | None = None
    """The pause or deletion that is due, if it is certain enough."""
    wake_at: datetime | None = None
    """The time to look again because time alone changes something; None for never."""
    usage_counts: bool = False
    """Whether it matters how much CPU the session uses."""
    at_work: bool = False
    """True if the CPU usage, or another signal, shows that somebody works in it."""
    ask_door_at: datetime | None = None
    """The time to ask the session's door, at once if that has passed; None while its answer does not matter."""
    ask_job_at: datetime | None = None
    """The time to ask the controller of a remote session for its job, at once if that has passed; None for never."""


@dataclass(frozen=True)
class Outcome:
    """The result of a pass: the status to write, and what follows from it."""

    status: Status
    next: NextSteps


@dataclass(frozen=True)
class _Since:
    """All since-times in one place: each is set on entering its condition and reset on leaving it."""

    hibernated: str | None
    failing: str | None
    failed_scheduling: str | None
    idle: str | None


def report(observed: Observed, plan: Plan, findings: Iterable[Finding], context: Context) -> Outcome:
    """Return the status that the session should have, and what follows from it."""
    findings, now = tuple(findings), context.now
    judged = in_time(observed, _verdict(observed, plan), now)
    verdict = _as_far_as_seen(observed, judged)
    state, error = _state(plan, verdict, findings)
    idle = idleness.judge(observed, now) if state in (*RUNNING_STATES, "Succeeded") else None
    since = _since(observed, plan, state, idle, now)
    status = Status(
        state=state,
        url=context.url,
        run_id=None if observed.hibernated else plan.run_id,
        error=error,
        container_counts=verdict.containers,
        init_container_counts=verdict.init_containers,
        idle=since.idle is not None,
        idle_since=since.idle,
        failing_since=since.failing,
        failed_scheduling_since=since.failed_scheduling,
        hibernated_since=since.hibernated,
    )
    pause, deletion = deadlines.pause(observed, status, now), deadlines.deletion(observed, status, now)
    outlook = Outlook(idle, pause, deletion, polling.ask_at(observed, idle, pause, context.lead))
    lifecycle = lifecycle_conditions.of(observed, status, outlook, now, context.lead)
    status = msgspec.structs.replace(
        status,
        will_hibernate_at=rfc3339(outlook.pause.at) if outlook.pause is not None else None,
        conditions=conditions.compose(observed, plan, replace(verdict, state=state), findings, lifecycle, now),
    )
    wake_at = _wake_at(observed, status, outlook, context)
    again = now + _LOOK_AGAIN if verdict is not judged else None
    next_steps = NextSteps(
        end=_end(observed, outlook, now),
        wake_at=min(filter(None, (wake_at, again)), default=None),
        usage_counts=idle is not None,
        at_work=idle is not None and not status.idle,
        ask_door_at=outlook.ask_door_at,
        ask_job_at=polling.ask_job_at(observed, now),
    )
    return Outcome(status, next_steps)


def _end(observed: Observed, outlook: Outlook, now: datetime) -> End | None:
    """Return the pause or deletion that is due; a pause that depends on the door's answer waits for it."""
    if deadlines.withheld(observed) is not None:
        return None
    return deadlines.due(None if outlook.waits(now) else outlook.pause, outlook.deletion, now)


def _verdict(observed: Observed, plan: Plan) -> Verdict:
    workload = observed.own_workload
    at_work = observed.ended or (workload is not None and (workload.awake or observed.hibernated))
    if plan.course is Course.REFUSE and not at_work and not observed.hibernated:
        sentences = " ".join(str(problem) for problem in plan.problems)
        return Verdict("Failed", f"The session cannot be created as described. {sentences}")
    return judge(observed)


def _as_far_as_seen(observed: Observed, verdict: Verdict) -> Verdict:
    """Leave out of a verdict what rests on objects that nobody has heard of for minutes."""
    former = observed.session.status.state
    if not observed.blind or verdict.state == former:
        return verdict
    if verdict.state == "Failed":
        return replace(verdict, state=former, error=None, trouble=None)
    return replace(verdict, state="NotReady") if verdict.state == "Hibernated" else verdict


def _state(plan: Plan, verdict: Verdict, findings: tuple[Finding, ...]) -> tuple[State, str | None]:
    """Return the state and the message. A session that does not run cannot, if an object that it needs is refused."""
    fatal = [finding.message for finding in findings if finding.fatal]
    if fatal and plan.course is Course.RUN and verdict.state == "NotReady":
        return "Failed", " ".join(fatal)
    return verdict.state, verdict.error or " ".join(fatal) or None


def _wake_at(observed: Observed, status: Status, outlook: Outlook, context: Context) -> datetime | None:
    """Return when to look again because time alone can change what was reported; None for never."""
    moments = [
        changes_at(observed, status, context.now),
        outlook.ask_door_at,
        polling.ask_job_at(observed, context.now),
    ]
    if (word := remote_job.known(observed)) is not None and word.ends_at is not None:
        moments += [word.ends_at - context.lead, word.ends_at]
    if outlook.idleness is not None:
        moments.append(idleness.changes_at(observed, context.now))
    for deadline in (outlook.pause, outlook.deletion):
        if deadline is not None:
            moments += [deadline.announced_from(context.lead), deadline.at]
            if deadline.at <= context.now and deadlines.withheld(observed) is not None:
                moments.append(context.now + _LOOK_AGAIN)
    return min((moment for moment in moments if moment is not None and context.now < moment), default=None)


def _since(observed: Observed, plan: Plan, state: State, idle: Idleness | None, now: datetime) -> _Since:
    """Return since when each condition has held: a recorded time stays, unless it is of a former run or yet to come."""
    former, present = observed.session.status, rfc3339(now)
    unscheduled = unscheduled_since(observed, now)
    same_run = observed.hibernated or former.run_id in (None, plan.run_id)
    failing = _past(former.failing_since, now) if same_run else None
    completes = observed.interactive and state == "Succeeded" != former.state
    quiet = _past(former.idle_since, now) if same_run and not completes else None
    return _Since(
        hibernated=_hibernated_since(observed, now) if state == "Hibernated" else None,
        failing=(failing or present) if state == "Failed" else None,
        failed_scheduling=rfc3339(unscheduled) if unscheduled is not None else None,
        idle=_idle_since(observed, state, idle, spans.moment(quiet) or now),
    )


def _past(since: str | None, now: datetime) -> str | None:
    """Return a recorded time, unless it is in the future: that would hold back what counts from it."""
    moment = spans.moment(since)
    return since if moment is not None and moment <= now else None


def _hibernated_since(observed: Observed, now: datetime) -> str:
    """Return since when a session has been paused: the last pause counts, also after a resume that nobody saw."""
    recorded, paused = _past(observed.session.status.hibernated_since, now), observed.session.paused
    since, asked = spans.moment(recorded), paused.time if paused is not None else None
    if since is not None and asked is not None and since < asked:
        return rfc3339(asked)
    return recorded or rfc3339(now)


def _idle_since(observed: Observed, state: State, idle: Idleness | None, since: datetime) -> str | None:
    if observed.ended or (state == "Succeeded" and not observed.interactive):
        return _ended_at(observed, since)
    if idle is None or not idle.idle:
        return None
    if observed.idle_from is not None:
        since = max(since, observed.idle_from)
    look = observed.door.look if observed.door is not None else None
    return rfc3339(max(since, look.worked_at) if isinstance(look, Reported) else since)


def _ended_at(observed: Observed, since: datetime) -> str:
    """Return when a job ended: the recorded time first, else what the Job itself says, else `since`."""
    job = observed.own_workload
    ended_at = job.ended_at if job is not None else None
    return observed.session.status.idle_since or rfc3339(ended_at or since)


def as_data(status: Status) -> dict[str, object]:
    """Return a status as plain data, the state always written out."""
    data: dict[str, object] = msgspec.to_builtins(status)
    return {"state": status.state, **data}


def merge_patch(old: dict[str, object], new: dict[str, object]) -> dict[str, object]:
    """Return the JSON merge patch (RFC 7386) that turns one into the other; empty if they are equal."""
    patch: dict[str, object] = {key: None for key in old if key not in new}
    for key, value in new.items():
        former = old.get(key)
        if isinstance(former, dict) and isinstance(value, dict):
            if inner := merge_patch(former, value):
                patch[key] = inner
        elif key not in old or former != value:
            patch[key] = value
    return patch

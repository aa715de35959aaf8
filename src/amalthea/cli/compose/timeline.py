"""The history of a session: the Events of all its objects and the times in its status, as one timeline.

Events are usually kept for an hour, and some are never written: then the times of the status are used. What both report
is shown once.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from amalthea.api import names
from amalthea.api.reasons import ConditionType, Step
from amalthea.cli.compose.facts import ended
from amalthea.cli.compose.headline import degraded_at, fell_silent_at
from amalthea.cli.compose.limits import started_at
from amalthea.cli.explanation import Happening, Notice
from amalthea.cli.read.snapshot import EventView, SessionSnapshot
from amalthea.model.diagnosis.rules import Rule
from amalthea.model.spans import moment

_SHOWN_ELSEWHERE = {ConditionType.IDLE, ConditionType.STOPPING_SOON, ConditionType.DELETING_SOON}
"""Conditions whose start is not news: since when nobody works in it is shown already, and what comes, below."""
SAME = timedelta(seconds=10)
"""Two reports of one event are at most this far apart."""

_SAYS_NOTHING = {
    "Created",
    "ExternalProvisioning",
    "Provisioning",
    "SuccessfulCreate",
    "SuccessfulDelete",
    "WaitForFirstConsumer",
    "WaitForPodScheduled",
}
"""Events of what goes well, and which the next one repeats."""
_PROBE_PASSED = "ProbeWarning"
"""The reason of a warning that a container answers with an address elsewhere, with its whole answer: that counts."""
_SAID_ALREADY = {"Error: ErrImagePull", "Error: ImagePullBackOff"}
"""Warnings on which the one before says more."""
_PROBE_FAILED = re.compile(r"(Startup|Readiness) probe (failed|errored)")
_ASKED_EACH_SECOND = (names.CONTAINER_SESSION, names.CONTAINER_TUNNEL)
"""Containers of ours that do not answer at once: until the session has started, that is no news."""
_BEGINNINGS = {"Created", "Starting"}
"""The events that come first of all in one second."""
_PLAIN = (
    Rule(r"^Successfully assigned \S+ to (\S+)", "A node was found: {0}."),
    Rule(r'^Pulling image "([^"]+)"', "The image {0} is being pulled."),
    Rule(r'^Successfully pulled image "([^"]+)" in (\S+)', "The image {0} was pulled in {1}."),
    Rule(r'^Container image "([^"]+)" already present', "The image {0} was on the node already."),
    Rule(r"^(?:Started container|Container started)", "The container {container} started."),
    Rule(r"^Stopping container (\S+)", "The container {0} is being stopped."),
    Rule(r"^Successfully provisioned volume", "The volume was created."),
)
"""Routine messages of Kubernetes, in words for a researcher."""


def happened(known: SessionSnapshot, notices: tuple[Notice, ...]) -> tuple[Happening, ...]:
    """Return what happened, in the order of time."""
    standing = {each.message for each in notices if each.condition in _SHOWN_ELSEWHERE}
    open_since = _open_since(known)
    events = (event for event in known.events if _worth_showing(event, open_since) and event.message not in standing)
    reported = tuple(_merged(map(_from_event, events)))
    noted = [
        _of_session(known, each.since, each.condition, each.message)
        for each in notices
        if each.condition not in _SHOWN_ELSEWHERE
    ]
    ours = [each for each in (*_from_status(known), *noted) if each is not None]
    new = [each for each in ours if not any(_same(each, event) for event in reported)]
    return tuple(sorted((*reported, *new), key=lambda each: (each.at, each.reason not in _BEGINNINGS)))


def _open_since(known: SessionSnapshot) -> datetime | None:
    """Return when the present run was first ready; None if it has not been yet."""
    progressing = known.observed.session.status.condition(ConditionType.PROGRESSING)
    done = progressing is not None and progressing.reason == Step.DONE
    return moment(progressing.last_transition_time) if progressing is not None and done else None


def _worth_showing(event: EventView, open_since: datetime | None) -> bool:
    if event.at is None or event.message in _SAID_ALREADY or event.reason == _PROBE_PASSED:
        return False
    if event.reason == "Unhealthy" and (probe := _PROBE_FAILED.match(event.message)):
        waited_for = event.involved_object.container in _ASKED_EACH_SECOND
        return probe[1] == "Readiness" and (not waited_for or (open_since is not None and event.at > open_since))
    return event.type != "Normal" or event.reason not in _SAYS_NOTHING


def _from_event(event: EventView) -> Happening:
    about = event.involved_object
    waits = event.reason == "FailedScheduling" and "persistentvolumeclaim" in event.message.lower()
    assert event.at is not None, "left out before"
    return Happening(
        at=event.at.replace(microsecond=0),
        about=f"{about.kind}/{about.name}",
        reason=event.reason,
        message=_plainly(event) if not waits else "It waits for its volume.",
        count=max(event.times, 1),
        warning=event.type != "Normal" and not waits,
    )


def _plainly(event: EventView) -> str:
    for rule in _PLAIN if event.type == "Normal" else ():
        if found := rule.match(event.message):
            return rule.meaning.format(*found.groups(), container=event.involved_object.container)
    return event.message.strip() or event.reason


def _merged(events: Iterable[Happening]) -> Iterator[Happening]:
    """Return the events with those that report the same merged, at the time of the last."""
    several: dict[tuple[str, str, str], list[Happening]] = {}
    for event in events:
        several.setdefault((event.about, event.reason, event.message), []).append(event)
    for same in several.values():
        last = max(same, key=lambda each: each.at)
        yield Happening(
            at=last.at,
            about=last.about,
            reason=last.reason,
            message=last.message,
            count=sum(each.count for each in same),
            warning=last.warning,
        )


def _from_status(known: SessionSnapshot) -> Iterator[Happening | None]:
    session = known.observed.session
    status, created = session.status, session.metadata.creation_timestamp
    began = started_at(known)
    yield _of_session(known, created, "Created", "The session was created.")
    if began is not None and created is not None and began - created > SAME:
        yield _of_session(known, began, "Starting", "The current run started.")
    ready = status.condition(ConditionType.READY)
    if ready is not None and ready.status == "True":
        yield _of_session(known, moment(ready.last_transition_time), ready.reason or "Ready", ready.message or "")
    yield _of_session(known, fell_silent_at(known), "NotReady", "It stopped answering.", warning=True)
    yield _of_session(known, degraded_at(known), "Degraded", "Something beside it stopped working.", warning=True)
    failed = "The session failed." if known.observed.interactive else "The job failed."
    yield _of_session(known, moment(status.failing_since), "Failed", failed, warning=True)
    yield _of_session(known, moment(status.hibernated_since), "Hibernated", "The session was paused.")
    yield _of_session(known, moment(status.failed_scheduling_since), "Unschedulable", "No node could take it.")
    if known.observed.interactive:
        yield _of_session(known, moment(status.idle_since), "Idle", "Nobody seems to work in it from here on.")
    elif status.state == "Succeeded":
        yield _of_session(known, moment(status.idle_since), status.state, "The job ended with success.")
    yield _of_session(known, session.metadata.deletion_timestamp, "Deleting", "Its deletion was requested.")
    yield from _from_containers(known)


def _from_containers(known: SessionSnapshot) -> Iterator[Happening]:
    """Return when containers ended: no Event reports that."""
    about = f"Pod/{known.pod.metadata.name}" if known.pod is not None else ""
    for each in known.containers:
        for end in (each.last_state.terminated, each.state.terminated):
            if end is not None and end.finished_at is not None:
                message = f"The container {each.name} {ended(end)}."
                bad = end.exit_code != 0
                yield Happening(at=end.finished_at, about=about, reason="ContainerEnded", message=message, warning=bad)


def _of_session(
    known: SessionSnapshot, at: datetime | None, reason: str, message: str, *, warning: bool = False
) -> Happening | None:
    if at is None:
        return None
    about = f"{names.KIND}/{known.observed.name}"
    return Happening(at=at, about=about, reason=reason, message=message, warning=warning)


def _same(ours: Happening, event: Happening) -> bool:
    return (ours.about, ours.reason) == (event.about, event.reason) and abs(ours.at - event.at) <= SAME

"""What the reader can do about a session: commands that work as they stand, for the state that it is in."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from amalthea.api import names, quantities
from amalthea.api.schema import Manifest
from amalthea.cli.explanation import Advice, Coming
from amalthea.cli.known import Known
from amalthea.model.times import rfc3339

_MEBIBYTE = Decimal(2**20)
_NO_IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
_NOT_REACHED = "A change of its description does not reach it (reconcileStrategy never): make a new session."
_NOT_AGAIN = "A job that has ended is not run again: make a new session."


@dataclass(frozen=True)
class Situation:
    """What advice depends on."""

    known: Known
    kubectl: str
    """The command with the flags that lead to the session's namespace."""
    coming: tuple[Coming, ...]
    now: datetime

    @property
    def name(self) -> str:
        """The session's name."""
        return self.known.observed.name

    @property
    def edit(self) -> str:
        """The command that opens the session's description in an editor."""
        return f"{self.kubectl} edit ams {self.name}"

    def patch(self, spec: Manifest) -> str:
        """Return the command that changes the session's description."""
        patch = shlex.quote(json.dumps({"spec": spec}))
        return f"{self.kubectl} patch ams {self.name} --type merge -p {patch}"


def advice(at: Situation) -> tuple[Advice, ...]:
    """Return what the reader can do, the most useful first."""
    observed = at.known.observed
    if observed.deleting:
        return tuple(_about_deletion(at))
    if observed.hibernated:
        return (*_repairs(at), *_about_pause(at))
    return (*_repairs(at), *_stay(at), *_log(at), *_pausing(at))


def _repairs(at: Situation) -> Iterator[Advice]:
    """Return what cures what is wrong."""
    observed, told = at.known.observed, at.known.observed.session.status
    if any(c.type == "Accepted" and c.status == "False" for c in told.conditions or ()):
        yield Advice(text="Correct its description:", command=at.edit)
        yield Advice(text="Read what each field means:", command="kubectl explain ams.spec")
        return
    never = observed.spec is not None and observed.spec.reconcile_strategy == "never"
    in_vain = _NOT_AGAIN if observed.ended else _NOT_REACHED if never else ""
    yield from (Advice(text=f"{cure.text.rstrip(':')}. {in_vain}") if in_vain else cure for cure in _cures(at))
    if _quota(at.known):
        yield Advice(text="See what the namespace may use and uses:", command=f"{at.kubectl} describe quota")
        yield Advice(text="See which sessions could be paused or deleted:", command=f"{at.kubectl} get ams")


def _cures(at: Situation) -> Iterator[Advice]:
    """Return the changes of the description that cure what is wrong with the containers."""
    pod, container = at.known.observed.pod, at.known.session_container
    if pod is not None and pod.unschedulable is not None:
        yield Advice(text="Wait for room, or ask for less CPU, memory or devices:", command=at.edit)
    if container is None:
        return
    waiting = container.state.waiting
    if waiting is not None and waiting.reason in _NO_IMAGE:
        yield Advice(text="Name an image that exists:", command=at.patch({"session": {"image": "IMAGE"}}))
    ends = (container.state.terminated, container.last_state.terminated)
    if any(end is not None and end.reason == "OOMKilled" for end in ends):
        more = {"resources": {"limits": {"memory": _more(at)}}}
        yield Advice(text="Give it more memory:", command=at.patch({"session": more}))


def _more(at: Situation) -> str:
    """Return twice the memory that the session may use now, or a word to replace."""
    spec = at.known.observed.spec
    limits = ((spec.session.resources or {}) if spec is not None else {}).get("limits") or {}
    try:
        return f"{max(int(quantities.parse(limits['memory']) * 2 / _MEBIBYTE), 1)}Mi"
    except (KeyError, ValueError):
        return "MEMORY"


def _quota(known: Known) -> bool:
    """Tell whether a quota leaves no room: by the status, or by the Event of a pod that was refused."""
    status = known.observed.session.status
    told = [status.error or "", *(condition.message or "" for condition in status.conditions or ())]
    told += [event.message for event in known.events if event.reason == "FailedCreate" and known.pod is None]
    return any("exceeded quota" in each for each in told)


def _stay(at: Situation) -> Iterator[Advice]:
    """Return how to keep a session that would be paused for idleness."""
    if any(each.limit == "maxIdleDuration" and each.at is not None for each in at.coming):
        said = at.patch({"culling": {"lastInteraction": rfc3339(at.now)}})
        yield Advice(text="Say that you are at work, so that it is not paused for idleness:", command=said)


def _log(at: Situation) -> Iterator[Advice]:
    pod, container = at.known.pod, at.known.session_container
    if pod is None or container is None or (container.state.waiting and not container.last_state.terminated):
        return
    previous = " --previous" if container.state.waiting is not None else ""
    command = f"{at.kubectl} logs {pod.metadata.name} -c {names.CONTAINER_SESSION}{previous}"
    yield Advice(text="Read its log:", command=command)


def _pausing(at: Situation) -> Iterator[Advice]:
    if at.known.observed.ended:
        yield _deletion(at)
    elif at.known.observed.interactive:
        yield Advice(text="Pause it; its files are kept:", command=at.patch({"hibernated": True}))
    else:
        yield Advice(text="Pause it; it starts anew when it is resumed:", command=at.patch({"hibernated": True}))


def _about_pause(at: Situation) -> Iterator[Advice]:
    yield Advice(text="Resume it:", command=at.patch({"hibernated": False}))
    yield _deletion(at)


def _deletion(at: Situation) -> Advice:
    return Advice(text="Delete it and its files, for ever:", command=f"{at.kubectl} delete ams {at.name}")


def _about_deletion(at: Situation) -> Iterator[Advice]:
    if any(each == names.FINALIZER for each in at.known.observed.session.metadata.finalizers):
        yield Advice(text="If it stays for minutes, ask your admin whether the operator runs.")

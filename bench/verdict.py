"""Judges whether the chaos did harm: what exists in the end, and what the operator did, against the users' requests."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from amalthea.api import names
from amalthea.model.views.objects import ChildView
from bench import observer as seen
from bench.audit import Request
from bench.manifests import secret_name
from bench.scripts import Deed, Script

RESTING = Counter(["StatefulSet", "Service", "PersistentVolumeClaim", "Secret"])
"""The children of a session that is paused, by kind."""
RUNNING = RESTING + Counter(["Ingress", "Pod"])
ONCE = ("statefulsets", "services", "persistentvolumeclaims", "secrets")
"""The kinds that are made once in a session's life; an Ingress is made once per run."""

UNTRUE = frozenset({"Accepted", "ChildrenInPlace", "Healthy", "StorageSized", "UpdatePending", "DeletingSoon"})
"""Conditions that would report something that nobody did, once all is well."""
NEVER = frozenset({"StoppingSoon", "DeletingSoon", "Expired"})
"""Events that would be untrue at any time: no limit is ever near."""
ILL = frozenset({"Failed", "Degraded", "NotReady"})
"""Events that would be untrue of a session whose pods never fail."""


class Spec(msgspec.Struct, frozen=True):
    """The fields that are read of a session's spec."""

    hibernated: bool = False


class Session(seen.Session, frozen=True):
    """The fields that are read of a session."""

    spec: Spec = Spec()


class Subject(msgspec.Struct, frozen=True):
    """The object that an Event is about."""

    name: str = ""


class Event(msgspec.Struct, frozen=True, rename="camel"):
    """The fields that are read of an Event."""

    involved_object: Subject = Subject()
    reason: str = ""
    message: str = ""
    count: int = 1


@dataclass(frozen=True)
class Found:
    """The state in the end: the sessions, all other objects by kind, the operator's requests, and its Events."""

    sessions: list[Session]
    objects: dict[str, list[ChildView]]
    requests: list[Request]
    events: list[Event] = field(default_factory=list)
    """The Events on sessions."""
    pod_events: list[Event] = field(default_factory=list)
    """Events of the StatefulSet controller on the pods that it made and deleted."""


def lost_pods(events: Iterable[Event]) -> frozenset[str]:
    """Return the sessions whose pod went without the StatefulSet controller, which had to make another one.

    The fake nodes delete a pod by its name: where they lag behind, that is the next pod of the same name.
    """
    left: Counter[str] = Counter()
    for event in events:
        made = {"SuccessfulCreate": event.count, "SuccessfulDelete": -event.count}
        left[event.involved_object.name] += made.get(event.reason, 0)
    return frozenset(name for name, count in left.items() if count > 1)


def faults(scripts: Mapping[str, Script], found: Found, fragile: Collection[str] = ()) -> list[str]:
    """Return a sentence for each thing that is not as it should be; pods of the `fragile` sessions have failed."""
    sessions = {session.metadata.name: session for session in found.sessions}
    children = _children(found.objects)
    told: list[str] = []
    fragile = {*fragile, *lost_pods(found.pod_events)}
    for name, script in scripts.items():
        told += _of_session(name, script[-1].deed, sessions.get(name), children[name])
    told += [
        f"{event.involved_object.name} was said to be {event.reason}: {event.message}"
        for event in found.events
        if event.reason in NEVER or (event.reason in ILL and event.involved_object.name not in fragile)
    ]
    return [*told, *_left(scripts, found), *_orphans(found), *_made_twice(scripts, found.requests)]


def _of_session(name: str, last: Deed, session: Session | None, children: Counter[str]) -> Iterator[str]:
    if last is Deed.DELETE:
        if session is not None or children:
            yield f"{name} is deleted, and there is still {'the session' if session else _list(children)}"
        return
    if session is None:
        yield f"{name} is gone, and nobody deleted it"
        return
    paused = last is Deed.PAUSE
    if session.spec.hibernated != paused:
        yield f"{name} was {'resumed' if paused else 'paused'} by nobody's wish"
    if session.status.state != (wanted := seen.HIBERNATED if paused else seen.RUNNING):
        yield f"{name} is {session.status.state}, not {wanted}"
    yield from (f"{name} was stopped: {c.reason}" for c in session.status.conditions if _by_itself(c))
    yield from (f"{name} still has {c.type}: {c.reason}" for c in session.status.conditions if c.type in UNTRUE)
    expected = RESTING if paused else RUNNING
    if lacking := expected - children:
        yield f"{name} lacks {_list(lacking)}"
    if surplus := children - expected:
        yield f"{name} has too many: {_list(surplus)}"


def _by_itself(condition: seen.Condition) -> bool:
    return condition.type == "Stopped" and condition.reason != "User"


def _children(objects: Mapping[str, list[ChildView]]) -> defaultdict[str, Counter[str]]:
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for kind, items in objects.items():
        for item in items:
            if (session := item.metadata.labels.get(names.LABEL_INSTANCE)) is not None:
                counted[session][kind] += 1
    return counted


def _left(scripts: Mapping[str, Script], found: Found) -> Iterator[str]:
    secrets = {item.metadata.name for item in found.objects["Secret"]}
    # Who came and went while no operator could act cannot have been cleaned up after.
    written = [
        request for request in found.requests if request.resource.startswith(names.PLURAL) and request.code < 300
    ]
    known = {request.name for request in written}
    for name, script in scripts.items():
        if script[-1].deed is Deed.DELETE and secret_name(name) in secrets and name in known:
            yield f"{name} is deleted, and the secret that it adopted is left"


def _orphans(found: Found) -> Iterator[str]:
    alive = {session.metadata.uid for session in found.sessions}
    alive |= {item.metadata.uid for items in found.objects.values() for item in items}
    for kind, items in found.objects.items():
        for item in items:
            owner = item.metadata.controller
            if owner is not None and owner.uid not in alive:
                yield f"{kind} {item.metadata.name} has lost its owner"


def _made_twice(scripts: Mapping[str, Script], requests: Iterable[Request]) -> Iterator[str]:
    made = Counter(
        (request.resource, request.name.removesuffix("---internal"))
        for request in requests
        if request.verb == "create" and request.code == 201
    )
    for name, script in scripts.items():
        runs = sum(act.deed in (Deed.CREATE, Deed.RESUME) for act in script)
        for resource, most in (*((once, 1) for once in ONCE), ("ingresses", runs)):
            if made[resource, name] > most:
                yield f"{name}: {resource} were made {made[resource, name]} times"


def _list(children: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(children.items()))

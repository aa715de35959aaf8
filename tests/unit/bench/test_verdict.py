"""No harm that chaos can do goes unseen: each is found and reported in a sentence."""

from collections.abc import Callable

import msgspec
import pytest

from amalthea.api import names
from amalthea.model.views.objects import ChildView, Metadata, Owner
from bench.audit import Request
from bench.observer import Condition, Status
from bench.observer import Metadata as Identity
from bench.scripts import Act, Deed, Script
from bench.verdict import Event, Found, Session, Spec, Subject, faults

SCRIPTS: dict[str, Script] = {
    "runs": (Act(0, Deed.CREATE), Act(1, Deed.PAUSE), Act(2, Deed.RESUME)),
    "rests": (Act(0, Deed.CREATE), Act(1, Deed.PAUSE)),
    "gone": (Act(0, Deed.CREATE), Act(1, Deed.DELETE)),
}
KINDS = ("StatefulSet", "Job", "Service", "PersistentVolumeClaim", "Secret", "Ingress", "Pod")


def session(name: str, *, paused: bool) -> Session:
    stopped = [Condition("Stopped", "True", "User")] if paused else []
    status = Status("Hibernated" if paused else "Running", conditions=stopped)
    return Session(Identity(name, "bench", f"uid-of-{name}"), status, Spec(paused))


def child(kind: str, session: str) -> ChildView:
    owner = f"{session}-StatefulSet" if kind == "Pod" else f"uid-of-{session}"
    labels = names.selector_labels(session)
    owners = [Owner(uid=owner, controller=True)]
    return ChildView(metadata=Metadata(name=session, uid=f"{session}-{kind}", labels=labels, owner_references=owners))


def created(resource: str, name: str, code: int = 201) -> Request:
    return Request("create", resource, "bench", name, code, 0.0)


def found() -> Found:
    """Return what is there when all went well."""
    objects = {kind: [child(kind, "runs"), child(kind, "rests")] for kind in KINDS}
    objects |= {"Job": [], "Ingress": [child("Ingress", "runs")], "Pod": [child("Pod", "runs")]}
    requests = [
        created("statefulsets", "runs"),
        created("statefulsets", "runs", 409),
        created("secrets", "runs---internal"),
        created("ingresses", "runs"),
        created("ingresses", "runs"),
        Request("patch", "amaltheasessions", "bench", "gone", 200, 0.0),
    ]
    return Found([session("runs", paused=False), session("rests", paused=True)], objects, requests)


def changed(one: Session, **fields: object) -> Session:
    return msgspec.structs.replace(one, **fields)


def test_what_is_as_the_users_left_it_is_well() -> None:
    assert faults(SCRIPTS, found()) == []


def paused_for_idleness(seen: Found) -> None:
    stopped = Status("Running", conditions=[Condition("Stopped", "True", "Idle")])
    seen.sessions[0] = changed(seen.sessions[0], status=stopped)


def paused_by_nobody(seen: Found) -> None:
    seen.sessions[0] = changed(seen.sessions[0], spec=Spec(hibernated=True))


def told_of_an_edit(seen: Found) -> None:
    pending = Status("Running", conditions=[Condition("UpdatePending", "True", "Edited")])
    seen.sessions[0] = changed(seen.sessions[0], status=pending)


def told_of_a_failure_that_never_was(seen: Found) -> None:
    seen.events.append(Event(Subject("runs"), "Failed", "Its node ran out of memory."))


def in_the_wrong_state(seen: Found) -> None:
    seen.sessions[0] = changed(seen.sessions[0], status=Status("NotReady"))


def lost(seen: Found) -> None:
    seen.sessions[1:] = []
    for items in seen.objects.values():
        items[:] = [item for item in items if item.metadata.name != "rests"]


def without_a_child(seen: Found) -> None:
    seen.objects["Ingress"].clear()


def with_a_child_too_many(seen: Found) -> None:
    seen.objects["Pod"].append(child("Pod", "rests"))


def made_twice(seen: Found) -> None:
    seen.requests.append(created("secrets", "runs---internal"))


def ingress_once_too_often(seen: Found) -> None:
    seen.requests.append(created("ingresses", "runs"))


def child_of_a_deleted_session(seen: Found) -> None:
    metadata = child("Service", "gone").metadata
    seen.objects["Service"].append(ChildView(metadata=msgspec.structs.replace(metadata, owner_references=[])))


def secret_of_a_deleted_session(seen: Found) -> None:
    seen.objects["Secret"].append(ChildView(metadata=Metadata(name="gone-door")))


def orphan(seen: Found) -> None:
    stray = child("Service", "stranger").metadata
    seen.objects["Service"].append(ChildView(metadata=stray))


def test_only_a_session_whose_pods_failed_may_have_been_told_as_failed() -> None:
    seen = found()
    told_of_a_failure_that_never_was(seen)
    assert faults(SCRIPTS, seen, ["runs"]) == []
    assert faults(SCRIPTS, seen, ["rests"]) != []


def test_the_secret_of_a_session_that_no_operator_has_ever_seen_may_be_left() -> None:
    seen = found()
    seen.requests[:] = [request for request in seen.requests if request.name != "gone"]
    seen.requests.append(Request("patch", "amaltheasessions", "bench", "gone", 404, 0.0))
    secret_of_a_deleted_session(seen)
    assert faults(SCRIPTS, seen) == []


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (paused_for_idleness, "runs was stopped: Idle"),
        (paused_by_nobody, "runs was paused by nobody's wish"),
        (told_of_an_edit, "runs still has UpdatePending: Edited"),
        (told_of_a_failure_that_never_was, "runs was said to be Failed: Its node ran out of memory."),
        (in_the_wrong_state, "runs is NotReady, not Running"),
        (lost, "rests is gone, and nobody deleted it"),
        (without_a_child, "runs lacks 1 Ingress"),
        (with_a_child_too_many, "rests has too many: 1 Pod"),
        (made_twice, "runs: secrets were made 2 times"),
        (ingress_once_too_often, "runs: ingresses were made 3 times"),
        (child_of_a_deleted_session, "gone is deleted, and there is still 1 Service"),
        (secret_of_a_deleted_session, "gone is deleted, and the secret that it adopted is left"),
        (orphan, "Service stranger has lost its owner"),
    ],
)
def test_harm_is_found(spoil: Callable[[Found], None], sentence: str) -> None:
    seen = found()
    spoil(seen)
    assert faults(SCRIPTS, seen) == [sentence]


MADE_THREE_TIMES = [Event(Subject("runs"), "SuccessfulCreate", count=3)]


@pytest.mark.parametrize(
    ("pod_events", "is_fault"),
    [
        ([], True),
        ([Event(Subject("runs"), "SuccessfulCreate", count=2), Event(Subject("runs"), "SuccessfulDelete")], True),
        ([*MADE_THREE_TIMES, Event(Subject("runs"), "SuccessfulDelete")], False),
        (MADE_THREE_TIMES, False),
        ([Event(Subject("rests"), "SuccessfulCreate", count=3)], True),
    ],
)
def test_not_ready_is_true_only_of_a_session_whose_pod_went_by_itself(pod_events: list[Event], is_fault: bool) -> None:
    seen = found()
    seen.events.append(Event(Subject("runs"), "NotReady", "The session does not answer at the moment."))
    seen.pod_events.extend(pod_events)
    assert bool(faults(SCRIPTS, seen)) is is_fault

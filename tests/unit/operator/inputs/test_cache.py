"""The caches wake a session for what others change, also where the news comes in the answer to our own write."""

import msgspec
import pytest
from msgspec import Raw

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.children.changes import applied
from amalthea.children.changes.applied import Applied
from amalthea.engine.ports import Key
from amalthea.engine.work.queue import Priority
from amalthea.model.views import decoding
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.kinds import WATCHED
from amalthea.testing.observations import pod, pod_view

KEY = ("team", "demo")


def raw(**fields: object) -> Raw:
    return Raw(msgspec.json.encode(fields))


def session(version: int, *, hibernated: bool = False, state: str = "NotReady") -> Raw:
    metadata = {"namespace": KEY[0], "name": KEY[1], "uid": "s", "resourceVersion": str(version)}
    return raw(metadata=metadata, spec={"hibernated": hibernated, "session": {"image": "x"}}, status={"state": state})


def service(version: int, port: int = 80, error: str = "") -> Raw:
    labels = {names.LABEL_INSTANCE: KEY[1]}
    metadata: Manifest = {"namespace": KEY[0], "name": KEY[1], "uid": "c", "resourceVersion": str(version)}
    status = {"loadBalancer": {"ingress": [{"ports": [{"port": port, "error": error}]}]}}
    return raw(metadata={**metadata, "labels": labels}, spec={"ports": [{"port": port}]}, status=status)


class Woken:
    """The sessions that were woken, and how urgent each was."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.priorities: list[Priority] = []

    def __call__(self, key: Key, priority: Priority) -> None:
        self.keys.append(key)
        self.priorities.append(priority)


def test_a_change_by_the_user_while_the_status_is_written_is_not_missed() -> None:
    woken = Woken()
    caches = Caches(woken)
    caches.observe(names.KIND, session(1))
    woken.keys.clear()
    caches.observe(names.KIND, session(3, hibernated=True, state="Running"))
    assert woken.keys == [KEY]


def with_(body: Raw, **metadata: object) -> Raw:
    """Return an object with more metadata."""
    fields = msgspec.json.decode(body)
    return raw(**{**fields, "metadata": {**fields["metadata"], **metadata}})


LEAVING = {"deletionTimestamp": "2026-11-22T13:00:00Z"}

NEWS: dict[str, tuple[Raw | None, Raw | None, Priority]] = {
    "a session is created": (None, raw(**(msgspec.json.decode(session(1)) | {"status": {}})), Priority.USER),
    "a session that starts is found": (None, session(1), Priority.USER),
    "one that runs is found": (None, session(1, state="Running"), Priority.BACKGROUND),
    "one that rests is found": (None, session(1, hibernated=True, state="Hibernated"), Priority.BACKGROUND),
    "one that failed is found": (None, session(1, state="Failed"), Priority.BACKGROUND),
    "one is found that is to be paused": (None, session(1, hibernated=True, state="Running"), Priority.USER),
    "one is found that is to be resumed": (None, session(1, state="Hibernated"), Priority.USER),
    "one is found that is to go": (None, with_(session(1, state="Running"), **LEAVING), Priority.USER),
    "a session is paused": (session(1, state="Running"), session(2, hibernated=True, state="Running"), Priority.USER),
    "one is resumed": (session(1, hibernated=True, state="Hibernated"), session(2, state="Hibernated"), Priority.USER),
    "a session is deleted": (session(1, state="Running"), with_(session(2, state="Running"), **LEAVING), Priority.USER),
    "a session is gone": (session(1, state="Running"), None, Priority.BACKGROUND),
}


@pytest.mark.parametrize(("old", "new", "priority"), NEWS.values(), ids=NEWS)
def test_a_change_by_a_user_is_urgent_and_other_news_are_not(
    old: Raw | None, new: Raw | None, priority: Priority
) -> None:
    woken = Woken()
    store = Caches(woken).stores[names.KIND]
    if old is not None:
        store.observe(decoding.session(old))
        woken.priorities.clear()
    if new is not None:
        store.observe(decoding.session(new))
    else:
        store.observe_deleted(KEY, "s")
    assert woken.priorities == [priority]


def test_news_of_pods_come_after_what_users_do() -> None:
    woken = Woken()
    caches = Caches(woken)
    caches.stores["Pod"].observe(pod_view(evicted(1)))
    caches.stores["Service"].observe(decoding.child(service(2)))
    assert woken.priorities == [Priority.NEWS, Priority.BACKGROUND]


def test_a_term_begins_with_those_that_wait_for_something() -> None:
    woken = Woken()
    caches = Caches(woken)
    caches.observe(names.KIND, with_(session(1, state="Running"), name="runs", uid="r"))
    caches.observe(names.KIND, session(2, state="Hibernated"))
    woken.keys.clear()
    caches.begin_term()
    assert woken.keys == [KEY]


def test_our_own_status_write_wakes_nobody() -> None:
    woken = Woken()
    caches = Caches(woken)
    caches.observe(names.KIND, session(1))
    woken.keys.clear()
    caches.observe(names.KIND, session(2, state="Running"))
    assert woken.keys == []


def test_a_write_of_ours_is_not_an_edit_and_one_of_others_is() -> None:
    woken = Woken()
    caches = Caches(woken)
    caches.observe("Service", service(1))
    assert woken.keys == []
    assert not caches.edited(caches.child("Service", KEY))
    edited = msgspec.structs.replace(caches.child("Service", KEY), fingerprint="another")
    assert caches.edited(edited)


def statefulset(version: int, *, replicas: int = 1, observed: int = 0) -> Raw:
    metadata: Manifest = {"namespace": KEY[0], "name": KEY[1], "uid": "w", "resourceVersion": str(version)}
    metadata["labels"] = {names.LABEL_INSTANCE: KEY[1]}
    return raw(metadata=metadata, spec={"replicas": replicas}, status={"observedGeneration": observed})


def test_a_write_to_a_field_that_is_not_read_wakes_no_session() -> None:
    woken = Woken()
    caches = Caches(woken)
    store = caches.stores["StatefulSet"]
    store.observe(WATCHED["StatefulSet"].decode(statefulset(1)))
    woken.keys.clear()
    store.observe(WATCHED["StatefulSet"].decode(statefulset(2, observed=1)))
    assert woken.keys == []
    store.observe(WATCHED["StatefulSet"].decode(statefulset(3, observed=1, replicas=0)))
    assert woken.keys == [KEY]


def test_an_error_of_the_load_balancer_wakes_the_session() -> None:
    woken = Woken()
    caches = Caches(woken)
    caches.observe("Service", service(1))
    caches.stores["Service"].observe(decoding.child(service(2)))
    assert woken.keys == []
    caches.stores["Service"].observe(decoding.child(service(3, error="NoCertificate")))
    assert woken.keys == [KEY]


def evicted(version: int) -> Manifest:
    return pod(phase="Failed", reason="Evicted", message="low on resource: memory") | {
        "metadata": {
            "namespace": KEY[0],
            "name": "demo-0",
            "uid": "p",
            "resourceVersion": str(version),
            "labels": {names.LABEL_INSTANCE: KEY[1]},
        }
    }


def test_a_pod_that_is_stopped_and_replaced_before_anybody_looks_is_not_missed() -> None:
    caches = Caches(Woken())
    caches.observe(names.KIND, session(1))
    store = caches.stores["Pod"]
    store.observe(pod_view(evicted(2)))
    assert caches.former_pod(KEY) is None
    store.observe_deleted((KEY[0], "demo-0"), "p")

    former = caches.former_pod(KEY)
    assert former is not None
    assert former.status.reason == "Evicted"
    caches.former_pod_reported(KEY)
    assert caches.former_pod(KEY) is None


def test_a_pod_that_ends_normally_is_not_reported() -> None:
    caches = Caches(Woken())
    store = caches.stores["Pod"]
    store.observe(pod_view(evicted(1) | {"status": {"phase": "Running"}}))
    store.observe_deleted((KEY[0], "demo-0"), "p")
    assert caches.former_pod(KEY) is None


def test_the_end_of_a_pod_is_forgotten_with_its_session() -> None:
    caches = Caches(Woken())
    caches.observe(names.KIND, session(1))
    caches.stores["Pod"].observe(pod_view(evicted(2)))
    caches.stores["Pod"].observe_deleted((KEY[0], "demo-0"), "p")
    caches.stores[names.KIND].observe_deleted(KEY, "s")
    assert caches.former_pod(KEY) is None


def test_the_end_of_a_pod_that_outlives_its_session_is_not_kept() -> None:
    caches = Caches(Woken())
    caches.observe(names.KIND, session(1))
    caches.stores["Pod"].observe(pod_view(evicted(2)))
    caches.stores[names.KIND].observe_deleted(KEY, "s")
    caches.stores["Pod"].observe_deleted((KEY[0], "demo-0"), "p")
    assert caches.former_pod(KEY) is None


def workload(version: int, *, replicas: int, generation: int, recorded: int) -> Raw:
    record = applied.encode(Applied(v=applied.SCHEME, spec="s", manifest="m", generation=recorded))
    metadata: Manifest = {"namespace": KEY[0], "name": KEY[1], "uid": "w", "resourceVersion": str(version)}
    metadata |= {"labels": {names.LABEL_INSTANCE: KEY[1]}, "generation": generation}
    spec = {"replicas": replicas, "template": {"spec": {"containers": [{"image": f"x:{generation}"}]}}}
    return raw(metadata={**metadata, "annotations": {names.ANNOTATION_APPLIED: record}}, spec=spec)


def seen(*bodies: Raw) -> Caches:
    caches = Caches(Woken())
    for body in bodies:
        caches.stores["StatefulSet"].observe(decoding.statefulset(body))
    return caches


def is_edited(caches: Caches) -> bool:
    return caches.edited(caches.child("StatefulSet", KEY))


def test_a_write_whose_answer_was_lost_is_not_an_edit_nor_is_another_replicas() -> None:
    first = workload(1, replicas=0, generation=1, recorded=1)
    assert not is_edited(seen(first, workload(2, replicas=1, generation=2, recorded=2)))
    assert is_edited(seen(first, workload(2, replicas=1, generation=2, recorded=1)))
    assert is_edited(seen(first, workload(2, replicas=1, generation=3, recorded=2)))


def test_writes_of_others_while_this_replica_stood_by_are_not_edits() -> None:
    first = workload(1, replicas=1, generation=1, recorded=1)
    caches = seen(first, workload(2, replicas=1, generation=2, recorded=1))
    assert is_edited(caches)
    caches.begin_term()
    assert not is_edited(caches)
    caches.stores["StatefulSet"].observe(decoding.statefulset(workload(3, replicas=1, generation=3, recorded=1)))
    assert is_edited(caches)


def test_a_pod_that_was_stopped_while_this_replica_stood_by_fails_no_later_start() -> None:
    caches = Caches(Woken())
    caches.observe(names.KIND, session(1))
    caches.stores["Pod"].observe(pod_view(evicted(2)))
    caches.stores["Pod"].observe_deleted((KEY[0], "demo-0"), "p")
    caches.begin_term()
    assert caches.former_pod(KEY) is None


def test_a_child_with_a_record_that_nobody_can_read_still_wakes_its_session(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unreadable(_: object) -> None:
        raise ZeroDivisionError("a secret value")

    woken = Woken()
    caches = Caches(woken)
    store = caches.stores["Service"]
    store.observe(decoding.child(service(1)))
    monkeypatch.setattr(applied, "read", unreadable)
    edited = decoding.child(service(2, port=81))
    edited.metadata.annotations[names.ANNOTATION_APPLIED] = "{}"
    store.observe(edited)
    assert woken.keys == [KEY, KEY]
    assert [len(vars(record)["defect"]) for record in caplog.records] == [8]


@pytest.mark.parametrize(("uid", "known"), [("s", True), ("that of a former session", False)])
def test_the_end_of_a_former_sessions_pod_is_not_told_of_the_session_that_has_its_name(uid: str, known: bool) -> None:
    caches = Caches(Woken())
    caches.observe(names.KIND, session(1))
    body = evicted(2)
    body["metadata"]["annotations"] = {names.ANNOTATION_SESSION_UID: uid}
    caches.stores["Pod"].observe(pod_view(body))
    caches.stores["Pod"].observe_deleted((KEY[0], "demo-0"), "p")
    assert (caches.former_pod(KEY) is not None) == known

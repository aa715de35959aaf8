"""Missing children must come, those that are not ours must stay, and those in order must cost no request."""

import pytest

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.testing.builders import session
from amalthea.testing.observations import READY_AT
from tests.unit.children.world import World, kinds, reasons, running, touches_template

FULL = session().with_token().with_ingress().with_data_source("/data", "ds1")
BAD = {"session": {"urlPath": "//lab"}}
CHILDREN = (
    ("PersistentVolumeClaim", "demo"),
    ("PersistentVolumeClaim", "amalthea-demo-ds-0"),
    ("Secret", "demo---internal"),
    ("Service", "demo"),
    ("Ingress", "demo"),
    ("StatefulSet", "demo"),
)
STRATEGIES = ("always", "whenFailedOrHibernated", "never")
FOREIGN = [{"kind": "Deployment", "name": "demo", "uid": "else", "controller": True}]
FORMER = [{"kind": names.KIND, "name": "demo", "uid": "the-session-before", "controller": True}]


def test_all_children_of_a_new_session_are_made_at_once() -> None:
    world = World(FULL)

    assert kinds(world.step()) == [("create", kind) for kind, _ in CHILDREN]
    assert world.step().writes == ()
    assert (world.status["state"], world.status["url"]) == ("NotReady", "http://lab.example.org/sessions/demo/lab/")


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("key", CHILDREN, ids=lambda key: key[1] if key[0] == "PersistentVolumeClaim" else key[0])
def test_a_child_that_somebody_deleted_comes_back(strategy: str, key: tuple[str, str]) -> None:
    world = running(FULL.with_spec(reconcileStrategy=strategy))
    world.objects.pop(key)

    assert kinds(world.step()) == [("create", key[0])]
    assert world.status["runID"] == world.workload["metadata"]["annotations"][names.ANNOTATION_RUN_ID]


EDITS: dict[str, tuple[str, Manifest]] = {
    "a port": ("Service", {"op": "replace", "path": "/spec/ports/0/targetPort", "value": 1}),
    "a rule": ("Ingress", {"op": "replace", "path": "/spec/rules/0/host", "value": "evil.example.org"}),
    "a label of ours": ("Service", {"op": "remove", "path": "/metadata/labels/app.kubernetes.io~1part-of"}),
    "our record": ("Service", {"op": "remove", "path": "/metadata/annotations/amalthea.dev~1applied"}),
}


@pytest.mark.parametrize(("kind", "operation"), EDITS.values(), ids=EDITS)
@pytest.mark.parametrize(
    ("strategy", "restored"), [("always", True), ("whenFailedOrHibernated", False), ("never", False)]
)
def test_an_edited_child_is_restored_where_the_strategy_allows_it(
    kind: str, operation: Manifest, strategy: str, restored: bool
) -> None:
    world = running(FULL.with_spec(reconcileStrategy=strategy))
    before = {key: body for key, body in world.child(kind).items() if key != "metadata"}
    world.edit(kind, [operation])

    assert kinds(world.step()) == ([("patch", kind)] if restored else [])
    assert world.step().writes == ()
    after = {key: body for key, body in world.child(kind).items() if key != "metadata"}
    assert (after == before) is (restored or "/metadata" in operation["path"])


def test_labels_and_annotations_of_others_stay_and_ours_go_with_our_wish() -> None:
    mine = {"metadata": {"labels": {"mine": "1", "kept": "1"}, "annotations": {"renku.io/launcher_id": "l1"}}}
    world = running(FULL.with_spec(template=mine))
    others = [
        {"op": "add", "path": "/metadata/labels/theirs", "value": "x"},
        {"op": "add", "path": "/metadata/annotations/cert-manager.io~1issued", "value": "y"},
    ]
    for kind in ("Service", "Ingress", "PersistentVolumeClaim"):
        world.edit(kind, others)
    assert world.step().writes == ()
    wanted = {"metadata": {"labels": {"mine": None, "kept": "2"}, "annotations": {"renku.io/launcher_id": None}}}
    world.builder = world.builder.with_spec(template=wanted)
    world.settle()

    for kind in ("Service", "Ingress", "PersistentVolumeClaim"):
        metadata = world.child(kind)["metadata"]
        assert metadata["labels"] == names.selector_labels("demo") | {"kept": "2", "theirs": "x"}
        assert metadata["annotations"]["cert-manager.io/issued"] == "y"
        assert "renku.io/launcher_id" not in metadata["annotations"]


@pytest.mark.parametrize(
    ("owners", "going", "reason", "state"),
    [
        (FOREIGN, False, "NameTaken", "Failed"),
        (FOREIGN, True, "Terminating", "NotReady"),
        (FORMER, False, "Terminating", "NotReady"),
        (FORMER, True, "Terminating", "NotReady"),
    ],
    ids=["somebody's", "somebody's, going", "the former session's", "the former session's, going"],
)
@pytest.mark.parametrize("key", CHILDREN, ids=lambda key: key[1] if key[0] == "PersistentVolumeClaim" else key[0])
def test_an_object_that_is_not_ours_is_left_alone_and_reported(
    key: tuple[str, str], owners: list[Manifest], going: bool, reason: str, state: str
) -> None:
    theirs = World(FULL)
    theirs.settle()
    body = theirs.objects[key]
    body["metadata"] |= {"ownerReferences": owners, **({"deletionTimestamp": READY_AT} if going else {})}
    world = World(FULL, {key: body})

    assert kinds(world.step()) == [("create", kind) for kind, name in CHILDREN if (kind, name) != key]
    assert world.objects[key] == body
    assert reasons(world)["ChildrenInPlace"] == reason
    assert world.status["state"] == state


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("others", [[], [{"kind": "Backup", "name": "b", "uid": "else"}]], ids=["alone", "shared"])
def test_children_that_nobody_controls_any_more_are_taken_back_and_nothing_restarts(
    strategy: str, others: list[Manifest]
) -> None:
    """A restore from a backup, or a deletion that orphans and the same session once more."""
    world = running(FULL.with_spec(reconcileStrategy=strategy))
    before = {key: body["metadata"]["uid"] for key, body in world.objects.items()}
    template, run = world.template, world.status["runID"]
    for body in world.objects.values():
        body["metadata"]["ownerReferences"] = list(others)
    world.status = {"state": "NotReady"}

    changes = world.step()

    assert sorted(kinds(changes)) == sorted(("patch", kind) for kind, _ in CHILDREN)
    assert (world.template, world.status["runID"], world.status["state"]) == (template, run, "Running")
    assert {key: body["metadata"]["uid"] for key, body in world.objects.items()} == before
    for body in world.objects.values():
        *kept, ours = body["metadata"]["ownerReferences"]
        assert kept == others
        assert (ours["uid"], ours["controller"]) == (session().uid, True)
    assert "ChildrenInPlace" not in reasons(world)
    assert world.step().writes == ()


@pytest.mark.parametrize("key", CHILDREN, ids=lambda key: key[1] if key[0] == "PersistentVolumeClaim" else key[0])
def test_an_object_without_controller_and_our_labels_is_foreign_but_a_claim_is_used(key: tuple[str, str]) -> None:
    theirs = World(FULL)
    theirs.settle()
    body = theirs.objects[key]
    body["metadata"] |= {"ownerReferences": [], "labels": {"app.kubernetes.io/instance": "demo"}}
    world = World(FULL, {key: body})
    world.step()

    claim = key[0] == "PersistentVolumeClaim"
    assert world.objects[key] == body
    assert reasons(world)["ChildrenInPlace"] == ("MadeBeforehand" if claim else "NameTaken")
    assert world.status["state"] == ("NotReady" if claim else "Failed")
    condition = next(each for each in world.status["conditions"] if each["type"] == "ChildrenInPlace")
    assert condition["status"] == ("True" if claim else "False")


@pytest.mark.parametrize("owners", [FOREIGN, []], ids=["somebody's", "nobody's"])
def test_nobody_is_told_to_delete_a_claim(owners: list[Manifest]) -> None:
    theirs = World(FULL)
    theirs.settle()
    key = ("PersistentVolumeClaim", "demo")
    theirs.objects[key]["metadata"] |= {"ownerReferences": owners, "labels": {}}
    world = World(FULL, {key: theirs.objects[key]})
    world.step()

    condition = next(each for each in world.status["conditions"] if each["type"] == "ChildrenInPlace")
    assert "elete it" not in condition["message"]


def test_the_path_by_which_an_authority_is_shown_whose_the_host_is_stays() -> None:
    """cert-manager adds it with the annotation acme.cert-manager.io/http01-edit-in-place, and takes it away again."""
    world = running(FULL.with_spec(reconcileStrategy="always"))
    ours = world.child("Ingress")["spec"]["rules"][0]["http"]["paths"]
    backend = {"service": {"name": "cm-acme-http-solver-x", "port": {"number": 8089}}}
    challenge = {"path": "/.well-known/acme-challenge/TOKEN", "pathType": "ImplementationSpecific", "backend": backend}
    world.edit("Ingress", [{"op": "add", "path": "/spec/rules/0/http/paths/0", "value": challenge}])
    world.step()
    assert world.child("Ingress")["spec"]["rules"][0]["http"]["paths"] == [*ours, challenge]
    assert world.step().writes == ()

    theirs = {"op": "add", "path": "/spec/rules/0/http/paths/-", "value": {**challenge, "path": "/mine"}}
    world.edit("Ingress", [theirs])
    world.step()
    assert world.child("Ingress")["spec"]["rules"][0]["http"]["paths"] == [*ours, challenge], "and nothing else"

    world.edit("Ingress", [{"op": "remove", "path": "/spec/rules/0/http/paths/1"}])
    world.step()
    assert world.child("Ingress")["spec"]["rules"][0]["http"]["paths"] == ours
    assert world.step().writes == ()


def test_a_paused_session_has_no_ingress_and_no_pod_and_keeps_the_rest() -> None:
    world = running(FULL)
    kept = {key: world.objects[key]["metadata"]["uid"] for key in CHILDREN if key[0] != "Ingress"}
    world.builder = world.builder.with_spec(hibernated=True)

    assert kinds(world.step()) == [("patch", "StatefulSet"), ("delete", "Ingress")]
    assert reasons(world) == {"Ready": "Stopping", "RoutingReady": "Hibernated", "Stopped": "User"}
    world.stop_pod()
    assert world.step().writes == ()
    assert world.status["state"] == "Hibernated"
    assert {key: world.objects[key]["metadata"]["uid"] for key in kept} == kept


def test_a_resumed_session_gets_its_ingress_back() -> None:
    world = World(FULL.hibernated())
    world.settle()
    world.builder = world.builder.with_spec(hibernated=False)

    assert kinds(world.step()) == [("create", "Ingress"), ("patch", "StatefulSet")]
    assert world.step().writes == ()


@pytest.mark.parametrize(("strategy", "gone"), [("always", True), ("whenFailedOrHibernated", False), ("never", False)])
def test_an_ingress_that_is_not_wanted_any_more_goes_where_the_strategy_allows_it(strategy: str, gone: bool) -> None:
    world = running(FULL.with_spec(reconcileStrategy=strategy))
    world.builder = world.builder.with_spec(ingress=None)
    world.settle()

    assert (("Ingress", "demo") not in world.objects) is gone


def test_a_default_ingress_class_is_not_taken_away_by_another_change() -> None:
    world = running(FULL.with_spec(ingress={"ingressClassName": None}))
    world.edit("Ingress", [{"op": "add", "path": "/spec/ingressClassName", "value": "the-default"}])
    world.builder = world.builder.with_spec(ingress={"annotations": {"a": "b"}})
    world.settle()

    assert world.child("Ingress")["metadata"]["annotations"]["a"] == "b"
    assert world.child("Ingress")["spec"]["ingressClassName"] == "the-default"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_spec_that_cannot_be_changes_nothing_on_a_running_session_but_a_condition(strategy: str) -> None:
    world = running(FULL.with_spec(reconcileStrategy=strategy))
    world.builder = world.builder.with_spec(**BAD, ingress=None)

    assert world.step().writes == ()
    assert world.status["state"] == "Running"
    assert reasons(world)["Accepted"] == "InvalidSpec"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_session_whose_spec_cannot_be_can_be_paused(strategy: str) -> None:
    world = running(FULL.with_spec(reconcileStrategy=strategy))
    world.builder = world.builder.with_spec(**BAD, hibernated=True)

    assert kinds(world.step()) == [("patch", "StatefulSet"), ("delete", "Ingress")]
    assert not touches_template(world.step())
    world.stop_pod()
    world.settle()
    assert world.status["state"] == "Hibernated"
    assert "runID" not in world.status


def test_nothing_is_made_of_a_spec_that_cannot_be() -> None:
    world = World(FULL.with_spec(**BAD))

    assert world.step().writes == ()
    assert (world.status["state"], world.objects) == ("Failed", {})


def test_nothing_is_written_for_a_session_that_is_being_deleted() -> None:
    world = running(FULL)
    world.deleting = True
    del world.objects["Service", "demo"]

    assert world.step().writes == ()
    assert reasons(world)["Ready"] == "Deleting"


def test_random_values_are_drawn_once_and_kept() -> None:
    world = running(session().remote())
    tunnel = world.child("Secret", "demo---internal")["data"]
    world.builder = world.builder.with_spec(template={"metadata": {"labels": {"a": "b"}}})
    world.settle()

    assert world.child("Secret", "demo---internal")["data"] == tunnel

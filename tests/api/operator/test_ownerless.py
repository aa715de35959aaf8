"""Children that nobody controls: after a restore from a backup, a deletion that orphans, or made beforehand."""

import pytest

from tests.api.operator.specs import PLAIN
from tests.support.world import Object, World, as_written, condition

CHILDREN = (
    ("PersistentVolumeClaim", "one"),
    ("Secret", "one---internal"),
    ("Service", "one"),
    ("Ingress", "one"),
    ("StatefulSet", "one"),
)
CLUSTERS = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "ownerReferences")
"""What a backup leaves out of an object's metadata."""
COLLECTED = 60.0
"""Seconds within which the garbage collector knows a kind that was installed a moment ago."""
pytestmark = pytest.mark.usefixtures("operator")


def owner(child: Object | None) -> str:
    """Return the UID of who controls a child."""
    assert child is not None
    owners = (each["uid"] for each in child["metadata"].get("ownerReferences", ()) if each.get("controller"))
    return next(owners, "")


def is_owned_by(session: Object, world: World) -> None:
    """Return when all children are a session's."""
    for kind, name in CHILDREN:
        world.wait_for(kind, name, lambda child: owner(child) == session["metadata"]["uid"])


def is_in_order(session: Object) -> bool:
    return condition(session, "ChildrenInPlace") is None and "error" not in session["status"]


def test_a_session_that_was_orphaned_and_comes_again_goes_on_as_it_was(world: World) -> None:
    world.run("one", PLAIN)
    before = {kind: world.get(kind, name) for kind, name in CHILDREN}
    pod = world.get("Pod", "one-0")
    world.api.delete(world.path("AmaltheaSession", "one") + "?propagationPolicy=Orphan")
    world.wait_until_gone("AmaltheaSession", "one", COLLECTED)
    again = world.session("one", PLAIN)
    is_owned_by(again, world)
    running = world.wait_for_state("one", "Running")
    assert is_in_order(running)
    for kind, name in CHILDREN:
        now, then = world.get(kind, name), before[kind]
        assert now is not None
        assert then is not None
        assert now["metadata"]["uid"] == then["metadata"]["uid"]
        assert now.get("spec") == then.get("spec"), f"{kind} was changed"
    assert as_written(world.get("Pod", "one-0")) == as_written(pod)
    world.delete("AmaltheaSession", "one")
    world.wait_until_nothing_is_left("one")


def test_a_restore_without_owners_brings_the_session_and_its_files_back(world: World) -> None:
    world.run("one", PLAIN)
    backup = [(kind, world.get(kind, name)) for kind, name in CHILDREN]
    world.delete("AmaltheaSession", "one")
    world.wait_until_nothing_is_left("one")
    for kind, child in backup:
        assert child is not None
        world.create(restored({**child, "kind": kind}))
    session = world.session("one", PLAIN)
    is_owned_by(session, world)
    world.make_pod_ready("one")
    assert is_in_order(world.wait_for_state("one", "Running"))


def restored(child: Object) -> Object:
    """Return an object as a backup brings it back."""
    metadata = {key: value for key, value in child["metadata"].items() if key not in CLUSTERS}
    spec = {key: value for key, value in child.get("spec", {}).items() if key not in ("clusterIP", "clusterIPs")}
    kept = {key: value for key, value in child.items() if key not in ("metadata", "spec", "status")}
    return {**kept, "metadata": metadata, **({"spec": spec} if spec else {})}


def test_a_claim_that_was_made_beforehand_is_used_and_outlives_the_session(world: World) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "3Gi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "one"}, "spec": spec}
    made = world.create(claim)
    running = world.run("one", PLAIN)
    place = condition(running, "ChildrenInPlace")
    assert place is not None
    assert (place["status"], place["reason"]) == ("True", "MadeBeforehand")
    assert "error" not in running["status"]
    world.delete("AmaltheaSession", "one")
    world.wait_until_nothing_is_left("one")
    assert as_written(world.get("PersistentVolumeClaim", "one")) == as_written(made)

"""Changes by others to a session's children: deleted ones come back, edits are undone, strangers are left alone."""

import pytest

from amalthea.operator.writers.reverted_writes import WAITS
from tests.api.operator.conftest import Operators
from tests.api.operator.specs import PLAIN
from tests.support.world import Object, World, condition

CHILDREN = (("Service", "one"), ("Ingress", "one"), ("Secret", "one---internal"), ("StatefulSet", "one"))


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(("kind", "name"), CHILDREN)
def test_a_deleted_child_comes_back(kind: str, name: str, world: World) -> None:
    session = world.run("one", PLAIN)
    former = world.get(kind, name)
    assert former is not None
    world.delete(kind, name)
    world.wait_for(kind, name, lambda child: child["metadata"]["uid"] != former["metadata"]["uid"], within=5)
    if kind == "StatefulSet":
        world.make_pod_ready("one")
        again = world.wait_for_state("one", "Running")
        assert again["status"]["runID"] == session["status"]["runID"]


@pytest.mark.usefixtures("operator")
def test_an_edited_service_is_put_back_and_foreign_labels_stay(world: World) -> None:
    world.run("one", PLAIN)
    edited_ports = [{"name": "mine", "port": 81, "targetPort": 81}]
    world.patch("Service", "one", metadata={"labels": {"team": "blue"}}, spec={"ports": edited_ports})
    service = world.wait_for("Service", "one", lambda service: service["spec"]["ports"][0]["port"] == 80, within=5)
    assert service["metadata"]["labels"]["team"] == "blue"


@pytest.mark.usefixtures("operator")
def test_who_undoes_each_write_is_answered_a_few_times_and_then_told_by_name(world: World) -> None:
    world.run("one", PLAIN)
    undone = 0

    def told(session: Object) -> Object | None:
        nonlocal undone
        service = world.get("Service", "one")
        assert service is not None
        if service["spec"]["ports"][0]["port"] == 80:
            world.patch("Service", "one", spec={"ports": [{"name": "mine", "port": 81, "targetPort": 81}]})
            undone += 1
        place = condition(session, "ChildrenInPlace")
        return place if place is not None and "spec.ports" in place["message"] else None

    place = told(world.wait_for("AmaltheaSession", "one", told, within=30))
    assert place is not None
    assert place["reason"] == "Contested"
    assert "the last to write it was " in place["message"]
    assert undone == 1 + len(WAITS), "what the operator found, and its four answers"


@pytest.mark.usefixtures("operator")
def test_a_removed_label_of_ours_comes_back(world: World) -> None:
    world.run("one", {**PLAIN, "template": {"metadata": {"labels": {"owner": "ada"}}}})
    world.patch("Ingress", "one", metadata={"labels": {"owner": None}})
    world.wait_for("Ingress", "one", lambda ingress: ingress["metadata"]["labels"].get("owner") == "ada", within=5)


@pytest.mark.usefixtures("operator")
def test_an_edited_pod_template_is_told_and_waits_for_the_next_start(world: World) -> None:
    world.run("one", PLAIN)
    container = {"name": "amalthea-session", "image": "docker.io/amalthea/other:dev"}
    edited = world.patch("StatefulSet", "one", spec={"template": {"spec": {"containers": [container]}}})
    session = world.wait_for("AmaltheaSession", "one", lambda session: condition(session, "UpdatePending"))
    pending = condition(session, "UpdatePending")
    assert pending is not None
    assert pending["reason"] == "Edited"
    statefulset = world.get("StatefulSet", "one")
    assert statefulset is not None
    assert statefulset["metadata"]["generation"] == edited["metadata"]["generation"], "nothing but the edit restarts it"
    world.patch_spec("one", hibernated=True)
    world.wait_for_state("one", "Hibernated")
    world.patch_spec("one", hibernated=False)
    pod = world.make_pod_ready("one")
    assert pod["spec"]["containers"][0]["image"] == "docker.io/amalthea/probe:dev"
    assert condition(world.wait_for_state("one", "Running"), "UpdatePending") is None


def test_edits_made_while_no_operator_runs_are_found_at_its_start(world: World, operators: Operators) -> None:
    first = operators().start()
    world.run("one", PLAIN)
    first.terminate()
    world.patch("Service", "one", spec={"ports": [{"name": "mine", "port": 81, "targetPort": 81}]})
    operators().start()
    world.wait_for("Service", "one", lambda service: service["spec"]["ports"][0]["port"] == 80)


@pytest.mark.usefixtures("operator")
def test_a_strangers_object_of_a_childs_name_is_left_alone_and_told(world: World) -> None:
    stranger = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "one"}, "spec": {"ports": [{"port": 1}]}}
    made = world.create(stranger)
    world.session("one", PLAIN)
    session = world.wait_for("AmaltheaSession", "one", lambda session: condition(session, "ChildrenInPlace"))
    told = condition(session, "ChildrenInPlace")
    assert told is not None
    assert told["reason"] == "NameTaken"
    assert "the Service of that name" in told["message"]
    assert session["status"]["state"] == "Failed"
    kept = world.get("Service", "one")
    assert kept is not None
    assert (kept["metadata"]["uid"], kept["spec"]["ports"]) == (made["metadata"]["uid"], made["spec"]["ports"])
    world.delete("AmaltheaSession", "one")
    world.wait_until_gone("StatefulSet", "one")
    assert world.get("Service", "one") is not None


@pytest.mark.usefixtures("operator")
def test_an_old_volume_that_still_goes_away_is_waited_for(world: World) -> None:
    old = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "one", "finalizers": ["test.amalthea.dev/hold"]},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    former = world.create(old)
    world.delete("PersistentVolumeClaim", "one")
    world.session("one", PLAIN)
    world.wait_for("AmaltheaSession", "one", lambda session: condition(session, "ChildrenInPlace"))
    world.patch("PersistentVolumeClaim", "one", metadata={"finalizers": None})
    world.wait_for(
        "PersistentVolumeClaim", "one", lambda claim: claim["metadata"]["uid"] != former["metadata"]["uid"], within=40
    )


@pytest.mark.usefixtures("operator")
def test_an_eviction_is_told_though_the_pod_is_replaced_within_milliseconds(world: World) -> None:
    world.run("one", PLAIN)
    evicted = world.get("Pod", "one-0")
    assert evicted is not None
    message = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 80Mi."
    world.set_pod_status(evicted, {"phase": "Failed", "reason": "Evicted", "message": message})
    world.wait_for("Pod", "one-0", lambda pod: pod["metadata"]["uid"] != evicted["metadata"]["uid"])

    failed = world.wait_for_state("one", "Failed")
    healthy = condition(failed, "Healthy")
    assert healthy is not None
    assert healthy["reason"] == "Evicted"
    assert "its node ran out of memory" in failed["status"]["error"]
    world.make_pod_ready("one")
    running = world.wait_for_state("one", "Running")
    assert "error" not in running["status"]

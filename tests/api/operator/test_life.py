"""A session's life at a real API server: start, pause, resume, delete."""

import pytest

from lab.control_plane.control_plane import ControlPlane
from tests.api.operator.specs import PLAIN, TOKEN, with_env
from tests.support.processes import OperatorProcess
from tests.support.world import World, condition

pytestmark = pytest.mark.usefixtures("operator")


def test_a_new_session_gets_all_its_children_and_runs(world: World) -> None:
    world.session("one", PLAIN)
    for kind, name in (
        ("PersistentVolumeClaim", "one"),
        ("Secret", "one---internal"),
        ("Service", "one"),
        ("Ingress", "one"),
        ("StatefulSet", "one"),
    ):
        child = world.wait_for(kind, name, lambda child: child["metadata"]["ownerReferences"][0]["controller"])
        assert child["metadata"]["ownerReferences"][0]["blockOwnerDeletion"], kind
    starting = world.wait_for("AmaltheaSession", "one", lambda session: session["status"].get("runID"))
    assert starting["status"]["state"] == "NotReady"
    world.make_pod_ready("one")
    running = world.wait_for_state("one", "Running")
    assert running["status"]["url"] == "http://lab.localhost/"
    assert running["status"]["containerCounts"] == {"ready": 1, "total": 1}
    ready, routing = condition(running, "Ready"), condition(running, "RoutingReady")
    assert ready is not None
    assert (ready["status"], ready["reason"]) == ("True", "Running")
    assert routing is not None
    assert (routing["status"], routing["reason"]) == ("True", "IngressOperational")
    world.wait_for_events(running, "Running")
    pod = world.get("Pod", "one-0")
    assert pod is not None
    assert pod["metadata"]["annotations"]["renku.io/run_id"] == running["status"]["runID"]


def test_kubectl_waits_until_a_start_is_over(full_control_plane: ControlPlane, world: World) -> None:
    world.session("one", PLAIN)
    world.make_pod_ready("one")
    over = ("--for=condition=Progressing=false", "ams/one", "--timeout=30s")
    assert "condition met" in full_control_plane.kubectl(f"--namespace={world.namespace}", "wait", *over)
    assert world.wait_for("AmaltheaSession", "one", lambda _: True)["status"]["state"] == "Running"


def test_a_resume_that_waits_for_the_former_pod_to_go_is_a_start_with_its_limit(world: World) -> None:
    world.run("one", {**PLAIN, "culling": {"maxStartingDuration": "1h"}})
    world.patch("Pod", "one-0", metadata={"finalizers": ["test.amalthea.dev/still-writing"]})
    world.patch_spec("one", hibernated=True)
    world.wait_for("Pod", "one-0", lambda pod: pod["metadata"].get("deletionTimestamp"))
    world.patch_spec("one", hibernated=False)
    world.wait_for("StatefulSet", "one", lambda workload: workload["spec"]["replicas"] == 1)
    starting = world.wait_for(
        "AmaltheaSession", "one", lambda s: (condition(s, "Progressing") or {}).get("status") == "True"
    )
    assert starting["status"]["willHibernateAt"]
    world.patch("Pod", "one-0", metadata={"finalizers": None})


def test_a_pause_takes_pod_and_ingress_and_a_resume_brings_back_a_new_run(world: World) -> None:
    first = world.run("one", PLAIN)
    world.patch_spec("one", hibernated=True)
    paused = world.wait_for_state("one", "Hibernated")
    assert "runID" not in paused["status"]
    assert paused["status"]["hibernatedSince"]
    assert world.get("Pod", "one-0") is None
    world.wait_until_gone("Ingress", "one")
    assert world.get("PersistentVolumeClaim", "one") is not None
    world.patch_spec("one", hibernated=False)
    world.make_pod_ready("one")
    second = world.wait_for_state("one", "Running")
    assert second["status"]["runID"] > first["status"]["runID"]
    assert "hibernatedSince" not in second["status"]
    world.wait_for("Ingress", "one", lambda _: True)
    # The pod may go too fast for "Stopping".
    world.wait_for_events(second, "Running", "Hibernated", "Starting", "Running", besides="Stopping")


def test_hibernated_is_not_told_while_the_pod_still_works(world: World) -> None:
    world.run("one", PLAIN)
    world.patch("Pod", "one-0", metadata={"finalizers": ["test.amalthea.dev/still-writing"]})
    world.patch_spec("one", hibernated=True)
    stopping = world.wait_for(
        "AmaltheaSession", "one", lambda s: (condition(s, "Ready") or {}).get("reason") == "Stopping"
    )
    assert stopping["status"]["state"] == "NotReady"
    world.wait_for("Pod", "one-0", lambda pod: pod["metadata"].get("deletionTimestamp"))
    world.wait_until_gone("Ingress", "one")
    assert world.wait_for("AmaltheaSession", "one", lambda _: True)["status"]["state"] == "NotReady"
    world.patch("Pod", "one-0", metadata={"finalizers": None})
    world.wait_for_state("one", "Hibernated")


def test_a_new_template_in_the_same_patch_is_applied_before_the_pod_comes_back(world: World) -> None:
    world.run("one", PLAIN)
    world.patch_spec("one", hibernated=True)
    world.wait_for_state("one", "Hibernated")
    world.patch_spec("one", hibernated=False, session=with_env(PLAIN, TOKEN="new")["session"])
    pod = world.wait_for("Pod", "one-0", lambda _: True)
    assert pod["spec"]["containers"][0]["env"] == [{"name": "TOKEN", "value": "new"}]
    statefulset = world.get("StatefulSet", "one")
    assert statefulset is not None
    assert statefulset["metadata"]["generation"] == 3, "created, paused, resumed: one change each"


def test_a_deleted_session_takes_its_adopted_secret_along_and_nothing_else(world: World) -> None:
    world.secret("door", auth="authproxy: {token: t}")
    world.secret("mine", key="value")
    world.run("one", TOKEN)
    world.delete("AmaltheaSession", "one")
    world.wait_until_gone("AmaltheaSession", "one")
    world.wait_until_gone("Secret", "door")
    for kind in ("StatefulSet", "Service", "Ingress", "Pod"):
        world.wait_until_gone(kind, "one-0" if kind == "Pod" else "one")
    assert world.get("Secret", "mine") is not None


def test_metrics_of_a_deleted_session_go_with_it(world: World, operator: OperatorProcess) -> None:
    world.run("one", PLAIN)
    row = f'amalthea_session_state{{name="one",namespace="{world.namespace}",state="Running"}} 1.0'
    assert row in operator.metrics()
    world.delete("AmaltheaSession", "one")
    world.wait_until_gone("AmaltheaSession", "one")
    assert 'name="one"' not in operator.metrics()

"""Specs that the CRD lets through and that cannot be: a clear word, no child, no crash, no storm."""

import re
from functools import partial

import pytest

from tests.api.operator.specs import CONTAINER, PLAIN
from tests.support.processes import OperatorProcess
from tests.support.world import Object, World, as_written, condition

BAD: dict[str, tuple[Object, str]] = {
    "duration": ({**PLAIN, "culling": {"maxAge": "2 days"}}, "spec.culling.maxAge"),
    "path": ({**PLAIN, "session": {**CONTAINER, "urlPath": "https://elsewhere"}}, "spec.session.urlPath"),
    "key": (
        {**PLAIN, "authentication": {"enabled": True, "type": "token", "secretRef": {"name": "door"}}},
        "spec.authentication.secretRef.key",
    ),
    "data-source": ({**PLAIN, "dataSources": [{"mountPath": "/data"}]}, "spec.dataSources[0].secretRef"),
    "quantity": (
        {**PLAIN, "session": {**CONTAINER, "shmSize": "-1Gi"}},
        "spec.session.shmSize",
    ),
}


def refusals(operator: OperatorProcess) -> float:
    """Return how often the API server refused what the operator asked for."""
    attempts = re.findall(r'amalthea_api_requests_total\{code="422".*\} (\S+)', operator.metrics())
    return sum(map(float, attempts))


def was_looked_at(look: str, ingress: Object) -> bool:
    annotations: dict[str, str] = ingress["metadata"].get("annotations", {})
    return annotations.get("look") == look


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("case", BAD)
def test_a_bad_field_is_named_before_any_child_is_made(case: str, world: World) -> None:
    spec, field = BAD[case]
    world.session("one", spec)
    session = world.wait_for_state("one", "Failed")
    told = condition(session, "Accepted")
    assert told is not None
    assert (told["status"], told["reason"]) == ("False", "InvalidSpec")
    assert field in told["message"]
    assert field in session["status"]["error"]
    for kind in ("StatefulSet", "Service", "Ingress", "PersistentVolumeClaim"):
        assert world.get(kind, "one") is None


ODD: Object = {
    "urlPath": "tree/My Notebook.ipynb?path=a b",
    "storage": {"mountPath": "work"},
    "readinessProbe": {"type": "http"},
}


@pytest.mark.usefixtures("operator")
def test_what_is_odd_and_ran_under_the_go_operator_runs(world: World) -> None:
    world.run("one", {**PLAIN, "session": {**CONTAINER, **ODD}})
    world.patch_spec("one", hibernated=True)
    world.wait_for_state("one", "Hibernated")
    world.patch_spec("one", hibernated=False)
    pod = world.make_pod_ready("one")
    session = world.wait_for_state("one", "Running")
    container = pod["spec"]["containers"][0]
    assert condition(session, "Accepted") is None
    assert session["status"]["url"] == "http://lab.localhost/tree/My%20Notebook.ipynb/?path=a%20b"
    assert container["readinessProbe"]["httpGet"]["path"] == "/tree/My%20Notebook.ipynb?path=a%20b"
    assert container["volumeMounts"][0]["mountPath"] == "work"


@pytest.mark.usefixtures("operator")
def test_a_name_too_long_for_a_pod_is_told(world: World) -> None:
    name = "a" * 53
    world.session(name, PLAIN)
    session = world.wait_for_state(name, "Failed")
    assert "at most 52" in session["status"]["error"]


@pytest.mark.usefixtures("operator")
def test_a_corrected_spec_runs(world: World) -> None:
    world.session("one", BAD["duration"][0])
    world.wait_for_state("one", "Failed")
    world.patch_spec("one", culling={"maxAge": "8h"})
    world.make_pod_ready("one")
    session = world.wait_for_state("one", "Running")
    assert condition(session, "Accepted") is None
    assert "error" not in session["status"]


@pytest.mark.usefixtures("operator")
def test_on_a_running_session_a_bad_field_changes_nothing_but_the_condition(world: World) -> None:
    world.run("one", PLAIN)
    before = as_written(world.get("StatefulSet", "one"))
    world.patch_spec("one", culling={"maxAge": "1d"})
    session = world.wait_for("AmaltheaSession", "one", lambda session: condition(session, "Accepted"))
    assert session["status"]["state"] == "Running"
    assert as_written(world.get("StatefulSet", "one")) == before
    world.patch_spec("one", hibernated=True)
    world.wait_for_state("one", "Hibernated")


def test_a_resume_that_is_refused_keeps_its_run_and_is_not_asked_for_again_and_again(
    world: World, operator: OperatorProcess
) -> None:
    first = world.run("one", PLAIN)["status"]["runID"]
    world.patch_spec("one", hibernated=True)
    world.wait_for_state("one", "Hibernated")
    world.patch_spec("one", hibernated=False, extraVolumes=[{"name": "x"}, {"name": "x"}])
    run = world.wait_for_state("one", "Failed")["status"]["runID"]
    assert run > first
    for look in ("one", "two", "three", "four"):
        world.patch_spec("one", ingress={"annotations": {"look": look}})
        world.wait_for("Ingress", "one", partial(was_looked_at, look))
        session = world.get("AmaltheaSession", "one")
        assert session is not None
        assert session["status"]["runID"] == run
    assert refusals(operator) <= 3
    world.patch_spec("one", extraVolumes=None)
    assert world.make_pod_ready("one")["metadata"]["annotations"]["renku.io/run_id"] == run
    assert world.wait_for_state("one", "Running")["status"]["runID"] == run


def test_what_the_api_server_refuses_is_told_and_not_asked_again_and_again(
    world: World, operator: OperatorProcess
) -> None:
    world.session("one", {**PLAIN, "extraVolumes": [{"name": "x"}, {"name": "x"}]})
    session = world.wait_for_state("one", "Failed")
    told = condition(session, "ChildrenInPlace")
    assert told is not None
    assert told["reason"] == "Refused"
    assert "Duplicate value" in session["status"]["error"]
    assert refusals(operator) <= 3


@pytest.mark.usefixtures("operator")
def test_a_quota_that_leaves_no_room_is_told(world: World) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q"},
        "spec": {"hard": {"services": "0"}},
    }
    world.create(quota)
    world.wait_for("ResourceQuota", "q", lambda quota: quota.get("status", {}).get("hard"))
    world.session("one", PLAIN)
    session = world.wait_for_state("one", "Failed")
    told = condition(session, "ChildrenInPlace")
    assert told is not None
    assert told["reason"] == "QuotaExceeded"
    assert "exceeded quota" in told["message"]
    world.delete("ResourceQuota", "q")
    world.wait_for("Service", "one", bool, within=45)
    world.make_pod_ready("one")
    assert condition(world.wait_for_state("one", "Running"), "ChildrenInPlace") is None

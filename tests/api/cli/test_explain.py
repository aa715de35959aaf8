"""A user sees all that they may see; what they may not is named, and never ends the explanation or shows a trace."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.control_plane.control_plane import ControlPlane
from tests.api.cli.conftest import EVERYTHING, Told, explain
from tests.support.world import World

SPEC: dict[str, Any] = {
    "session": {"image": "example.org/lab:1"},
    "ingress": {"host": "lab.example.org"},
    "culling": {"maxAge": "24h"},
}
READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Running",
    "message": "The session is running.",
    "lastTransitionTime": "2026-11-22T13:00:40Z",
}
RUNNING: dict[str, Any] = {
    "state": "Running",
    "url": "http://lab.example.org/",
    "runID": "01M81NF4400000000000000000",
    "conditions": [READY],
}
CONTAINERS = [{"name": "amalthea-session", "image": "example.org/lab:1"}]


def a_session(world: World, name: str = "demo") -> dict[str, Any]:
    """Create a running session with its workload, pod, volume and Events, as an operator and controllers leave it."""
    made = world.session(name, SPEC)
    session = world.api.patch(world.path("AmaltheaSession", name) + "/status", {"status": RUNNING})
    owner = {"apiVersion": "amalthea.dev/v1alpha1", "kind": "AmaltheaSession", "name": name, "controller": True}
    owned = {"ownerReferences": [{**owner, "uid": made["metadata"]["uid"]}]}
    labels = {
        "app.kubernetes.io/name": "AmaltheaSession",
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/part-of": "amaltheasession-operator",
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": CONTAINERS}}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    world.create({"kind": "PersistentVolumeClaim", "metadata": {"name": name, **owned}, "spec": claim})
    spec = {"serviceName": "", "selector": {"matchLabels": labels}, "template": template}
    workload = world.create({"kind": "StatefulSet", "metadata": {"name": name, **owned}, "spec": spec})
    a_pod(world, name, labels, workload["metadata"]["uid"], made["metadata"]["uid"])
    return session


def a_pod(world: World, name: str, labels: dict[str, str], owner: str, session: str) -> None:
    """Create a running pod of a workload and a session, by their UIDs, and an Event on it."""
    reference = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name, "uid": owner, "controller": True}
    noted = {"renku.io/session_uid": session}
    metadata = {"name": f"{name}-0", "labels": labels, "annotations": noted, "ownerReferences": [reference]}
    spec = {"containers": CONTAINERS, "automountServiceAccountToken": False}
    pod = world.create({"kind": "Pod", "metadata": metadata, "spec": spec})
    world.make_pod_ready(name)
    about = {"kind": "Pod", "name": f"{name}-0", "namespace": world.namespace, "uid": pod["metadata"]["uid"]}
    world.create(
        {
            "kind": "Event",
            "metadata": {"name": f"{name}-0.1"},
            "involvedObject": about,
            "type": "Warning",
            "reason": "Unhealthy",
            "message": "Readiness probe failed",
            "lastTimestamp": "2026-11-22T13:00:20Z",
        }
    )


def test_who_may_read_the_namespace_is_told_everything(world: World, user: Callable[..., Path]) -> None:
    a_session(world)

    told = explain(user(["get", "list"], EVERYTHING), "demo", "-n", world.namespace)

    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("demo has been running since ")
    assert "Open it at http://lab.example.org/" in told.out
    assert re.search(r"^  amalthea-session  running, for ", told.out, re.MULTILINE)
    assert "13:00:20 ! Readiness probe failed" in told.out
    assert "(maxAge)" in told.out
    assert f"-n {world.namespace} patch ams demo" in told.out
    assert "could not be read" not in told.out
    assert "\x1b" not in told.out


def test_who_may_get_sessions_only_is_told_the_rest_is_hidden(world: World, user: Callable[..., Path]) -> None:
    a_session(world)

    told = explain(user(["get"], ["amaltheasessions"]), "demo", "-n", world.namespace, "-o", "json")

    story = json.loads(told.out)
    assert (told.code, story["headline"], story["url"]) == (0, "is running", "http://lab.example.org/")
    assert story["containers"] == []
    assert sorted(story["unread"]) == [
        "You may not get persistentvolumeclaims here, so the state of its volume is not shown.",
        "You may not get statefulsets here, so the object that runs its pod is not shown.",
        "You may not list events here, so what Kubernetes reported is not shown.",
        "You may not list pods here, so the state of its containers is not shown.",
    ]


def test_the_pod_is_found_by_who_may_not_see_what_runs_it(world: World, user: Callable[..., Path]) -> None:
    a_session(world)
    rights = user(["get", "list"], ["amaltheasessions", "pods"])

    story = json.loads(explain(rights, "demo", "-n", world.namespace, "-o", "json").out)

    assert [each["says"] for each in story["containers"]] == ["running"]


def test_no_secret_is_asked_for_and_nothing_is_written(world: World, user: Callable[..., Path]) -> None:
    before = a_session(world)
    rights = user(["get", "list"], EVERYTHING)  # neither secrets nor any verb that writes

    assert explain(rights, "demo", "-n", world.namespace).code == 0
    assert world.get("AmaltheaSession", "demo") == before


def test_without_a_name_the_sessions_of_the_namespace_are_listed(world: World, user: Callable[..., Path]) -> None:
    rights = user(["list"], ["amaltheasessions"])
    assert "There are no sessions" in explain(rights, "-n", world.namespace).out
    for name in ("two", "one"):
        a_session(world, name)

    told = explain(rights, "-n", world.namespace, COLUMNS="200")

    assert told.code == 0
    head, one, two = told.out.splitlines()
    assert head.split() == ["NAME", "STATE", "FOR", "NEXT"]
    assert one.startswith("one   running  ")
    assert two.startswith("two   running  ")
    assert [
        each["name"] for each in json.loads(explain(rights, "-n", world.namespace, "-o", "json").out)["sessions"]
    ] == [
        "one",
        "two",
    ]


def failed(told: Told) -> str:
    """Return what a command said that could not explain anything: one sentence or two on one line."""
    assert (told.code, told.out) == (1, "")
    assert told.err.count("\n") == 1
    return told.err


def test_a_name_that_is_misspelt_finds_the_similar_ones(world: World, user: Callable[..., Path]) -> None:
    world.session("jupyterlab", SPEC)
    rights = user(["get", "list"], ["amaltheasessions"])

    assert "Did you mean jupyterlab?" in failed(explain(rights, "jupiterlab", "-n", world.namespace))
    assert f"`amalthea explain -n {world.namespace}` lists" in failed(explain(rights, "else", "-n", world.namespace))


def test_a_session_of_another_namespace_is_found_by_who_may_look_there(
    control_plane: ControlPlane, world: World
) -> None:
    name = f"far-{world.namespace}"
    world.session(name, SPEC)

    said = failed(explain(control_plane.kubeconfig, name, "-n", "default"))

    there = f"There is one in {world.namespace}: add -n {world.namespace}."
    assert said == f"There is no session {name} in the namespace default. {there}\n"


@pytest.mark.usefixtures("world")
def test_a_namespace_that_is_not_there_is_told(control_plane: ControlPlane) -> None:
    said = failed(explain(control_plane.kubeconfig, "demo", "-n", "nowhere"))
    assert said == "There is no namespace nowhere in this cluster. Name another with -n.\n"


def test_who_may_read_no_session_is_told_which_right_is_missing(world: World, user: Callable[..., Path]) -> None:
    rights = user(["get"], ["pods"])
    for arguments in (["demo"], []):
        said = failed(explain(rights, *arguments, "-n", world.namespace))
        assert "the right to get and list amaltheasessions.amalthea.dev" in said


def test_a_cluster_without_amalthea_is_told_from_one_without_this_session(tmp_path: Path) -> None:
    with ControlPlane(tmp_path / "bare") as bare:
        for arguments in (["demo"], []):
            assert "Amalthea is not installed in it" in failed(explain(bare.kubeconfig, *arguments))


def test_a_cluster_that_does_not_answer_is_told(control_plane: ControlPlane, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(re.sub(r"https://127.0.0.1:\d+", "https://127.0.0.1:1", control_plane.kubeconfig.read_text()))

    said = failed(explain(config, "demo"))

    assert said.startswith("The cluster at https://127.0.0.1:1 does not answer (")


def test_a_kubeconfig_or_a_context_that_is_not_there_is_told(control_plane: ControlPlane, tmp_path: Path) -> None:
    assert "cannot read the kubeconfig" in failed(explain(tmp_path / "none", "demo"))
    assert "there is no entry 'moon'" in failed(explain(control_plane.kubeconfig, "demo", "--context=moon"))

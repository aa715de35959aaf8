"""make install, uninstall, deploy, undeploy and run: no session is lost by any but the one that asks."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from lab.control_plane import kubeconfig
from lab.control_plane.api import ApiError
from lab.control_plane.control_plane import ControlPlane
from tests.chart.helm import ROOT, Object, documents, find, manager_of
from tests.chart.make import MakeError, environment, make
from tests.chart.test_manifests import CONFIG, kustomize
from tests.support.world import World

CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/amaltheasessions.amalthea.dev"
SYSTEM = "amalthea-system"
NAME = "amalthea-controller-manager"
LABELS = {"control-plane": "controller-manager", "app.kubernetes.io/name": "amalthea"}
WITHIN = 30.0
SPEC: Object = {"session": {"image": "probe"}}


def wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN
    while not true():
        assert time.monotonic() < deadline, f"not {what} within {WITHIN} s"
        time.sleep(0.05)


def is_there(cluster: ControlPlane, path: str) -> bool:
    try:
        cluster.api.get(path)
    except ApiError as error:
        if error.status != 404:
            raise
        return False
    return True


def namespace(cluster: ControlPlane, name: str) -> World:
    cluster.api.post("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return World(cluster.api, name)


def uid(world: World, name: str) -> str:
    found = world.get("AmaltheaSession", name)
    assert found is not None
    told: str = found["metadata"]["uid"]
    return told


def go_operators_install() -> list[Object]:
    """Return what counts of the Go operator's kustomize files, by their names: what cannot be changed afterwards."""
    container = {
        "name": "manager",
        "image": "renku/amalthea:0.31.0",
        "command": ["/manager"],
        "args": ["--metrics-bind-address=:8443", "--leader-elect", "--health-probe-bind-address=:8081"],
    }
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": SYSTEM}
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1"}

    def bound(scope: str, part: str) -> Object:
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": f"{scope}Role", "name": f"amalthea-{part}-role"}
        place = {} if scope else {"namespace": SYSTEM}
        about = {"name": f"amalthea-{part}-rolebinding", **place}
        return {**rbac, "kind": f"{scope}RoleBinding", "metadata": about, "roleRef": reference, "subjects": [subject]}

    pod = {"metadata": {"labels": LABELS}, "spec": {"serviceAccountName": NAME, "containers": [container]}}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM, "labels": LABELS}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": SYSTEM}},
        bound("Cluster", "manager"),
        bound("Cluster", "metrics-auth"),
        bound("", "leader-election"),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": f"{NAME}-metrics-service", "namespace": SYSTEM},
            "spec": {"ports": [{"name": "https", "port": 8443}], "selector": LABELS},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": NAME, "namespace": SYSTEM, "labels": LABELS},
            "spec": {"replicas": 1, "selector": {"matchLabels": LABELS}, "template": pod},
        },
    ]


@pytest.mark.timeout(120)
def test_an_install_over_an_older_crd_loses_no_session(cluster: ControlPlane) -> None:
    cluster.kubectl("apply", "--filename", str(ROOT / "tests/data/amaltheasessions.crd.yaml"))
    wait_until(lambda: cluster.api.healthy("/apis/amalthea.dev/v1alpha1/amaltheasessions"), "served")
    world = namespace(cluster, "users")
    session = world.session("one", SPEC)

    for _ in range(2):
        assert "Sessions can be created." in make("install", cluster=cluster)

    assert uid(world, "one") == session["metadata"]["uid"]
    described = cluster.api.get(CRD)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"]
    assert "A session" in described


@pytest.mark.timeout(120)
def test_another_context_is_used_where_the_command_line_names_it(cluster: ControlPlane) -> None:
    with pytest.raises(MakeError, match=r'make install: no cluster answers .*context "no-such" does not exist'):
        make("install", "CONTEXT=no-such", cluster=cluster)
    assert "Sessions can be created." in make("install", f"CONTEXT={kubeconfig.NAME}", cluster=cluster)


@pytest.mark.timeout(120)
def test_an_uninstall_says_what_it_would_delete_and_asks(cluster: ControlPlane) -> None:
    make("install", cluster=cluster)
    for place in ("users", "others"):
        namespace(cluster, place).session("one", SPEC)

    for typed, force in (("", ""), ("\n", "0"), ("yes\n", "no"), ("1\n", "")):
        with pytest.raises(MakeError, match=r"2 session\(s\) in 2 namespace\(s\)[\s\S]*nothing was deleted. FORCE=1"):
            make("uninstall", f"FORCE={force}", "ignore-not-found=true", cluster=cluster, typed=typed)
    assert is_there(cluster, CRD)

    make("uninstall", cluster=cluster, typed="2\n")
    assert not is_there(cluster, CRD)
    with pytest.raises(MakeError, match="not found"):
        make("uninstall", cluster=cluster)
    make("uninstall", "ignore-not-found=true", cluster=cluster)

    make("install", cluster=cluster)
    World(cluster.api, "users").session("one", SPEC)
    make("uninstall", "FORCE=1", cluster=cluster)
    assert not is_there(cluster, CRD)


@pytest.mark.timeout(180)
def test_a_deployment_takes_the_place_of_the_go_operators_and_goes_without_a_session(cluster: ControlPlane) -> None:
    cluster.kubectl("apply", "--filename=-", stdin=yaml.dump_all(go_operators_install()))
    path = f"/apis/apps/v1/namespaces/{SYSTEM}/deployments/{NAME}"
    before = cluster.api.get(path)["metadata"]["uid"]

    make("deploy", "IMG=localhost:5001/a/b:v0", "SIDECARS_IMG=localhost:5001/a/s:v0", "WAIT=", cluster=cluster)
    deployment = cluster.api.get(path)
    assert deployment["metadata"]["uid"] == before
    manager, wanted = manager_of([deployment]), manager_of(kustomize(CONFIG / "default"))
    assert manager["image"] == "localhost:5001/a/b:v0"
    assert manager["args"] == wanted["args"]
    assert {"name": "SIDECARS_IMAGE", "value": "localhost:5001/a/s:v0"} in manager["env"]

    world = World(cluster.api, SYSTEM)
    session = world.session("one", SPEC)
    said = make("undeploy", cluster=cluster)
    assert f"The namespace {SYSTEM} stays: 1 session(s) live in it." in said
    assert not is_there(cluster, path)
    assert uid(world, "one") == session["metadata"]["uid"]

    with pytest.raises(MakeError, match="not found"):
        make("undeploy", cluster=cluster)
    world.api.delete(world.path("AmaltheaSession", "one"))
    make("undeploy", "ignore-not-found=true", cluster=cluster)
    wait_until(lambda: not is_there(cluster, f"/api/v1/namespaces/{SYSTEM}"), "the namespace gone")
    assert is_there(cluster, CRD)


@pytest.mark.timeout(120)
def test_an_overlay_comes_and_goes_with_the_operator(cluster: ControlPlane) -> None:
    policies = f"/apis/networking.k8s.io/v1/namespaces/{SYSTEM}/networkpolicies"
    make("deploy", "OVERLAY=overlays/network-policy", "WAIT=", cluster=cluster)
    assert len(cluster.api.get(policies)["items"]) == 1
    make("undeploy", "OVERLAY=overlays/network-policy", cluster=cluster)
    wait_until(lambda: not is_there(cluster, f"/api/v1/namespaces/{SYSTEM}"), "the namespace gone")


@pytest.mark.timeout(120)
def test_the_installer_is_one_file_that_a_fresh_cluster_takes(cluster: ControlPlane, tmp_path: Path) -> None:
    make("build-installer", "IMG=registry.example.org/a@sha256:" + "0" * 64, f"DIST={tmp_path}/with blanks")
    file = tmp_path / "with blanks/install.yaml"
    assert manager_of(documents(file.read_text()))["image"] == "registry.example.org/a@sha256:" + "0" * 64

    cluster.kubectl("apply", "--server-side", "--validate=strict", "--filename", str(file))
    assert is_there(cluster, CRD)


@pytest.mark.parametrize(
    ("overlay", "kinds"),
    [
        ("prometheus", {"ServiceMonitor"}),
        ("network-policy", {"NetworkPolicy"}),
        ("certmanager", {"Certificate", "Issuer"}),
    ],
)
def test_an_overlay_adds_what_it_is_named_after(overlay: str, kinds: set[str]) -> None:
    plain, more = kustomize(CONFIG / "default"), kustomize(CONFIG / "overlays" / overlay)
    assert {each["kind"] for each in more} - {each["kind"] for each in plain} == kinds
    labels = find(more, "Deployment")["spec"]["template"]["metadata"]["labels"]
    for each in more:
        if each["kind"] in kinds | {"Service"} and "selector" in each.get("spec", {}):
            selector = each["spec"]["selector"]
            assert selector.get("matchLabels", selector).items() <= labels.items()
        if each["kind"] == "NetworkPolicy":
            assert each["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
        if each["kind"] == "Certificate":
            service = find(more, "Service")["metadata"]
            assert f"{service['name']}.{service['namespace']}.svc" in each["spec"]["dnsNames"]


@pytest.mark.timeout(120)
def test_an_operator_from_the_source_tree_acts_only_if_no_other_one_does(cluster: ControlPlane) -> None:
    make("install", cluster=cluster)
    world = namespace(cluster, "elsewhere")
    body = {"holderIdentity": "pod-1", "leaseDurationSeconds": 3600, "renewTime": f"{datetime.now(UTC):%FT%T.%fZ}"}
    about = {"name": "d2dc1fe0.amalthea.dev"}
    world.create({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": about, "spec": body})

    with pytest.raises(MakeError, match="an operator leads in this cluster: elsewhere/pod-1"):
        make("run", cluster=cluster)

    world.api.delete(world.path("Lease", about["name"]))
    argv = ["make", "run", "NAMESPACE=elsewhere"]
    with subprocess.Popen(argv, cwd=ROOT, env=environment(cluster), start_new_session=True) as process:
        try:
            wait_until(lambda: bool(_holder(world, about["name"])), "leading")
            session = world.session("one", SPEC)
            wait_until(lambda: world.get("StatefulSet", session["metadata"]["name"]) is not None, "at work")
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(timeout=20)


def _holder(world: World, lease: str) -> str:
    found = world.get("Lease", lease) or {}
    holder: str = found.get("spec", {}).get("holderIdentity", "")
    return holder

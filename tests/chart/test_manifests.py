"""The kustomize files: they build, and say the same as the chart where both speak of the same thing."""

import subprocess
import time
from pathlib import Path

import pytest

from lab.control_plane.control_plane import ControlPlane
from lab.programs import binaries
from tests.chart.helm import CHART, ROOT, Object, bound, documents, find, manager_of, render, rights
from tests.chart.installation import SERVED_WITHIN

CONFIG = ROOT / "config"
CHARTS_OWN = {
    "KUBERNETES_CLUSTER_DOMAIN",
    "RCLONE_STORAGE_CLASS",
    "USE_NONE_SAME_SITE_SESSION_COOKIE",
    "HTTPS_SESSION_INGRESS",
    "OAUTH2_PROXY_IMAGE",
    "AMALTHEA_WORKERS",
    "AMALTHEA_USAGE_INTERVAL",
    "AMALTHEA_STOPPING_LEAD",
    "AMALTHEA_ASK_DOORS",
    "LOG_LEVEL",
}
"""Settings that the chart writes out, and the kustomize files leave to the operator's own defaults."""


def kustomize(folder: Path) -> list[Object]:
    """Return what a folder builds."""
    argv = [str(binaries.path("kubectl")), "kustomize", str(folder)]
    return documents(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)


@pytest.fixture(scope="module")
def default() -> list[Object]:
    return kustomize(CONFIG / "default")


def test_the_chart_brings_the_committed_crd_and_never_takes_it_away() -> None:
    committed = (CONFIG / "crd/bases/amalthea.dev_amaltheasessions.yaml").read_text()
    assert (CHART / "files" / "amaltheasessions.yaml").read_text() == committed, "write both anew: make crd"
    (crd,) = documents(committed)
    rendered = find(render(), "CustomResourceDefinition")
    assert rendered["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert rendered == crd
    assert not [each for each in render({"deployCrd": False}) if each["kind"] == "CustomResourceDefinition"]


def test_everything_stands_in_the_operators_own_namespace(default: list[Object]) -> None:
    cluster_wide = {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}
    assert find(default, "Namespace")["metadata"]["name"] == "amalthea-system"
    for each in default:
        if each["kind"] not in cluster_wide:
            assert each["metadata"]["namespace"] == "amalthea-system", each["kind"]
        for subject in each.get("subjects", ()):
            account = find(default, "ServiceAccount")["metadata"]
            assert (subject["name"], subject["namespace"]) == (account["name"], account["namespace"])


def test_the_rights_are_those_of_the_chart(default: list[Object]) -> None:
    secure = {"controllerManager": {"manager": {"args": ["--metrics-bind-address=:8443"]}}}
    chart = render({"clusterScoped": True, **secure})
    for kind, name in (("Role", "-leader-election-role"), ("ClusterRole", "-manager-role")):
        assert find(default, kind, name)["rules"] == find(chart, kind, name)["rules"]
    for scoped in (False, True):
        assert rights(*bound(render({"clusterScoped": scoped, **secure}))) == rights(*bound(default))


def test_users_may_do_as_much_as_by_the_chart(default: list[Object]) -> None:
    chart = render({"clusterScoped": True})
    view, edit = (rights(find(chart, "ClusterRole", name)) for name in ("-view", "-edit"))
    status = {("amalthea.dev", "amaltheasessions/status", "get")}
    assert rights(find(default, "ClusterRole", "-amaltheasession-viewer-role")) == view | status
    assert rights(find(default, "ClusterRole", "-amaltheasession-editor-role")) == view | edit | status


def test_the_operator_runs_as_in_the_chart(default: list[Object]) -> None:
    chart = render({"clusterScoped": True})
    ours, theirs = (find(objects, "Deployment")["spec"]["template"] for objects in (default, chart))
    for part in ("securityContext", "automountServiceAccountToken", "terminationGracePeriodSeconds"):
        assert ours["spec"][part] == theirs["spec"][part]
    mine, charts = manager_of(default), manager_of(chart)
    for part in ("command", "livenessProbe", "readinessProbe", "resources", "securityContext"):
        assert mine[part] == charts[part]
    metrics = {"--metrics-bind-address=:8080", "--metrics-bind-address=:8443", "--metrics-secure=false"}
    assert set(mine["args"]) ^ set(charts["args"]) == metrics
    assert {each["name"] for each in charts["env"]} == {each["name"] for each in mine["env"]} | CHARTS_OWN


def test_the_go_operators_files_have_these_names_and_this_selector(default: list[Object]) -> None:
    """A Deployment's selector and a binding's role cannot be changed: else these files would not go over those."""
    deployment = find(default, "Deployment")
    labels = {"control-plane": "controller-manager", "app.kubernetes.io/name": "amalthea"}
    assert deployment["metadata"]["name"] == "amalthea-controller-manager"
    assert deployment["spec"]["selector"] == {"matchLabels": labels}
    assert deployment["spec"]["template"]["metadata"]["labels"] == labels
    service = find(default, "Service", "-metrics-service")
    assert service["metadata"]["name"] == "amalthea-controller-manager-metrics-service"
    assert (service["spec"]["selector"], service["spec"]["ports"][0]["port"]) == (labels, 8443)
    bindings = {each["metadata"]["name"]: each["roleRef"]["name"] for each in default if "roleRef" in each}
    assert bindings == {
        f"amalthea-{part}-rolebinding": f"amalthea-{part}-role"
        for part in ("leader-election", "manager", "metrics-auth")
    }


def test_a_fresh_cluster_takes_it_all_and_then_the_samples(cluster: ControlPlane) -> None:
    """As one would type it; strictly, so that a misspelt field is an error."""
    cluster.kubectl("apply", "--server-side", "--kustomize", str(CONFIG / "default"))
    deadline = time.monotonic() + SERVED_WITHIN
    while not cluster.api.healthy("/apis/amalthea.dev/v1alpha1/amaltheasessions"):
        assert time.monotonic() < deadline, f"sessions are not served after {SERVED_WITHIN} s"
        time.sleep(0.05)
    said = cluster.kubectl("create", "--validate=strict", "--kustomize", str(CONFIG / "samples"))
    assert len(said.splitlines()) == len(kustomize(CONFIG / "samples"))
    told = cluster.kubectl("get", "amaltheasessions", "--output", "jsonpath={.items[*].status.state}")
    assert set(told.split()) == {"NotReady"}, "a state is told at once"

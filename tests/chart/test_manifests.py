"""The kustomize files: they build, and say the same as the chart where both speak of the same thing."""

import subprocess
from pathlib import Path

import pytest

from lab import binaries
from lab.control_plane import ControlPlane
from tests.chart.helm import CHART, ROOT, Object, bound, documents, environment_of, find, manager_of, render, rights

CONFIG = ROOT / "config"
CHARTS_OWN = {
    "KUBERNETES_CLUSTER_DOMAIN",
    "RCLONE_STORAGE_CLASS",
    "SIDECARS_IMAGE",
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
    committed = (CONFIG / "crd" / "amaltheasessions.yaml").read_text()
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
    chart = render({"clusterScoped": True})
    roles = (("Role", ""), ("ClusterRole", "-manager-role"), ("ClusterRole", "-view"), ("ClusterRole", "-edit"))
    for kind, name in roles:
        assert find(default, kind, name)["rules"] == find(chart, kind, name)["rules"]
    for scoped in (False, True):
        assert rights(*bound(render({"clusterScoped": scoped}))) == rights(*bound(default))


def test_the_operator_runs_as_in_the_chart(default: list[Object]) -> None:
    chart = render({"clusterScoped": True})
    ours, theirs = (find(objects, "Deployment")["spec"]["template"] for objects in (default, chart))
    for part in ("securityContext", "automountServiceAccountToken", "terminationGracePeriodSeconds"):
        assert ours["spec"][part] == theirs["spec"][part]
    mine, charts = manager_of(default), manager_of(chart)
    for part in ("image", "command", "livenessProbe", "readinessProbe", "resources", "securityContext"):
        assert mine[part] == charts[part]
    assert [*mine["args"], "--metrics-secure=false"] == charts["args"]
    assert {each["name"] for each in charts["env"]} == {each["name"] for each in mine["env"]} | CHARTS_OWN
    assert environment_of(mine) == {"CLUSTER_SCOPED": "true"}
    assert ours["metadata"]["labels"]["app.kubernetes.io/name"] == "amalthea-sessions", "clients look for this label"


def test_a_fresh_cluster_takes_it_all_and_then_the_samples(cluster: ControlPlane) -> None:
    """As one would type it; strictly, so that a misspelt field is an error."""
    cluster.kubectl("apply", "--kustomize", str(CONFIG / "default"))
    crd = "customresourcedefinition/amaltheasessions.amalthea.dev"
    cluster.kubectl("wait", "--for", "condition=Established", "--timeout", "30s", crd)
    said = cluster.kubectl("create", "--validate=strict", "--kustomize", str(CONFIG / "samples"))
    assert len(said.splitlines()) == len(kustomize(CONFIG / "samples"))
    told = cluster.kubectl("get", "amaltheasessions", "--output", "jsonpath={.items[*].status.state}")
    assert set(told.split()) == {"NotReady"}, "a state is told at once"

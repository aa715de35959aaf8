"""From the Go operator's chart to ours: what differs, each with its reason, and the upgrade itself with Helm."""

import shutil
from pathlib import Path

import pytest
import yaml

from lab.control_plane.api import ApiError
from lab.control_plane.control_plane import ControlPlane
from tests.chart.helm import (
    CHART,
    NAMESPACE,
    RECORDED,
    RELEASE,
    Object,
    documents,
    environment_of,
    find,
    helm,
    manager_of,
    render,
    rights,
)
from tests.chart.installation import ACCOUNT, Installation, old_chart
from tests.support.world import World

OLD = documents((RECORDED / "chart.yaml").read_text())
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/amaltheasessions.amalthea.dev"
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{ACCOUNT}"
VERSIONS = ("helm.sh/chart", "app.kubernetes.io/version")
"""Labels that tell the version: they differ at every upgrade."""

GONE_OR_NEW = {
    ("PodDisruptionBudget", "user-sessions"): "the same name in every release: two in one namespace collided",
    ("PodDisruptionBudget", "amalthea-amalthea-sessions-user-sessions"): "takes its place",
    ("ClusterRole", "renku-amalthea-amalthea-sessions-view"): "new: users see their sessions",
    ("ClusterRole", "renku-amalthea-amalthea-sessions-edit"): "new: users change their sessions",
    ("CustomResourceDefinition", "amaltheasessions.amalthea.dev"): "left out of the recording",
}
DIFFERENCES = {
    "Service amalthea-amalthea-sessions-metrics metadata": "its labels stood among the annotations",
    "ServiceAccount amalthea-amalthea-sessions-controller-manager automountServiceAccountToken": "hardened",
    "ServiceAccount amalthea-amalthea-sessions-controller-manager metadata": "no empty annotations",
    "Role amalthea-amalthea-sessions-manager-role rules": "exactly what is used",
    "Role amalthea-amalthea-sessions-leader-election-role rules": "exactly what is used: no config maps",
    "Deployment amalthea-amalthea-sessions-controller-manager spec": "see what must be the same within it, below",
}


def key(each: Object) -> tuple[str, str]:
    return each["kind"], each["metadata"]["name"]


def without_versions(each: Object) -> Object:
    labels = each["metadata"].get("labels", {})
    kept = {name: value for name, value in labels.items() if name not in VERSIONS}
    return {**each, "metadata": {**each["metadata"], "labels": kept}}


def test_every_difference_to_the_old_chart_has_a_reason() -> None:
    old, new = ({key(each): without_versions(each) for each in chart} for chart in (OLD, render()))
    assert old.keys() ^ new.keys() == GONE_OR_NEW.keys()
    differing = {
        f"{kind} {name} {part}"
        for kind, name in old.keys() & new.keys()
        for part in old[kind, name].keys() | new[kind, name].keys()
        if old[kind, name].get(part) != new[kind, name].get(part)
    }
    assert differing == DIFFERENCES.keys()


def test_the_operator_is_selected_named_and_told_as_before() -> None:
    old, new = (find(chart, "Deployment")["spec"] for chart in (OLD, render()))
    assert new["selector"] == old["selector"]
    assert new["template"]["metadata"] == old["template"]["metadata"]
    assert new["template"]["spec"]["serviceAccountName"] == old["template"]["spec"]["serviceAccountName"]
    was, now = manager_of(OLD), manager_of(render())
    for part in ("command", "args", "resources"):
        assert now[part] == was[part]
    told = environment_of(was)
    assert told.pop("SIDECARS_IMAGE") == "renku/sidecars:latest", "ours is another program"
    assert environment_of(now).items() >= told.items()
    for probe in ("livenessProbe", "readinessProbe"):
        assert now[probe].items() >= was[probe].items()
    assert now["securityContext"].items() >= was["securityContext"].items()


@pytest.mark.parametrize("release", ["amalthea", "amalthea-sessions", "renku", "r" * 53])
def test_bindings_keep_their_roles_whatever_the_release_is_called(release: str) -> None:
    """A binding's role cannot be changed: under the same name for another role, every upgrade would fail."""
    for scoped in (False, True):
        objects = documents(helm("template", release, str(CHART), "--set", f"clusterScoped={str(scoped).lower()}"))
        full = release if "amalthea-sessions" in release else f"{release}-amalthea-sessions"[:63].rstrip("-")
        scope = "Cluster" if scoped else ""
        binding = find(objects, f"{scope}RoleBinding", "manager-rolebinding")
        assert binding["metadata"]["name"] == f"{full}-manager-rolebinding"
        assert binding["roleRef"]["kind"] == f"{scope}Role"
        assert binding["roleRef"]["name"] == f"{full}-manager-role"


def test_only_what_the_go_operator_could_not_do_needs_a_verb_that_the_old_role_lacks() -> None:
    """With our image in the old chart all works but that: to run a job again, and to clear away old data sources."""
    old, new = (rights(*(each for each in chart if each["kind"] == "Role")) for chart in (OLD, render()))
    assert new - old == {("batch", "jobs", "delete"), ("", "persistentvolumeclaims", "delete")}


def test_values_of_the_old_chart_that_helm_reuses_still_render(tmp_path: Path) -> None:
    """With --reuse-values Helm puts the old chart's defaults in the place of ours: ours are not there at all."""
    reused = tmp_path / "amalthea-sessions"
    shutil.copytree(CHART, reused)
    shutil.copy(RECORDED / "values.yaml", reused / "values.yaml")
    objects = render({"csiRclone": {"storageClassName": "csi-rclone"}}, chart=reused)
    assert {key(each) for each in objects} == {key(each) for each in render()}
    assert manager_of(objects)["image"] == "renku/amalthea-sessions:latest"


@pytest.mark.timeout(180)
def test_sessions_outlive_the_upgrade_the_way_back_and_the_uninstall(cluster: ControlPlane, tmp_path: Path) -> None:
    installation, world = Installation(cluster, tmp_path), World(cluster.api, NAMESPACE)
    installation.install(old_chart(tmp_path))
    session = world.session("one", {"session": {"image": "probe"}})
    crd, deployment = (_uid(cluster, path) for path in (CRD, DEPLOYMENT))

    notes = installation.helm("upgrade", RELEASE, str(CHART))
    assert f"--namespace {NAMESPACE} rollout status deployment/{ACCOUNT}" in notes
    assert (_uid(cluster, CRD), _uid(cluster, DEPLOYMENT)) == (crd, deployment)
    definition = cluster.api.get(CRD)
    assert definition["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert "A session" in definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"]

    installation.helm("rollback", RELEASE, "1")
    installation.helm("upgrade", RELEASE, str(CHART), "--reset-then-reuse-values")
    installation.helm("upgrade", RELEASE, str(CHART), "--set", "deployCrd=false")
    installation.helm("upgrade", RELEASE, str(CHART))
    installation.helm("uninstall", RELEASE)
    with pytest.raises(ApiError, match="404"):
        cluster.api.get(DEPLOYMENT)
    left = world.get("AmaltheaSession", "one")
    assert left is not None
    assert left["metadata"]["uid"] == session["metadata"]["uid"]

    installation.helm("install", RELEASE, str(CHART))
    assert _uid(cluster, CRD) == crd
    installation.helm("install", "another", str(CHART), "--set", "deployCrd=false")
    releases = yaml.safe_load(installation.helm("list", "--output", "yaml"))
    assert {each["name"] for each in releases} == {RELEASE, "another"}, "two releases collide in one namespace"


def _uid(cluster: ControlPlane, path: str) -> str:
    uid: str = cluster.api.get(path)["metadata"]["uid"]
    return uid

"""The chart as a user gets it: from a repository over HTTP, under any name, without rights to the cluster, twice."""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from lab.control_plane.api import ApiError
from lab.control_plane.control_plane import ControlPlane
from lab.programs import binaries
from tests.chart.helm import CHART, ROOT, documents, helm, manager_of
from tests.chart.make import make
from tests.chart.test_make_targets import is_there, namespace, wait_until
from tests.support.processes import OperatorProcess
from tests.support.world import World
from tools.cluster import CRD

DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"
ABOUT = yaml.safe_load((CHART / "Chart.yaml").read_text())
PACKAGE = f"amalthea-sessions-{ABOUT['version']}.tgz"
SPEC = {"session": {"image": "probe"}}


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and logs nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
        pass


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    """Serve what `make chart-package` wrote; return the address."""
    handler = partial(Quiet, directory=str(tmp_path / "charts"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        make("chart-package", f"DIST={tmp_path}", f"CHART_URL={url}", f"HELM={binaries.path('helm')}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield url
        server.shutdown()


def test_the_index_names_the_version_and_keeps_the_older_ones(tmp_path: Path) -> None:
    old = {
        "version": "0.31.0",
        "name": "amalthea-sessions",
        "urls": ["https://example.org/old.tgz"],
        "apiVersion": "v2",
    }
    index = {"apiVersion": "v1", "entries": {"amalthea-sessions": [old]}}
    (tmp_path / "old.yaml").write_text(yaml.dump(index))
    variables = (
        f"DIST={tmp_path}/with blanks",
        f"CHART_INDEX={tmp_path / 'old.yaml'}",
        f"HELM={binaries.path('helm')}",
    )
    said = make("chart-package", "CHART_URL=https://example.org/charts", *variables)
    assert f"{tmp_path}/with blanks/charts/{PACKAGE}" in said
    entries = yaml.safe_load((tmp_path / "with blanks/charts/index.yaml").read_text())["entries"]["amalthea-sessions"]
    assert [each["version"] for each in entries] == [ABOUT["version"], "0.31.0"]
    assert entries[0]["urls"] == [f"https://example.org/charts/{PACKAGE}"]
    page = helm("show", "readme", f"{tmp_path}/with blanks/charts/{PACKAGE}", home=tmp_path / "helm")
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert links
    assert not [link for link in links if not link.startswith(("https://", "#"))], "in a package, they lead nowhere"


@pytest.mark.timeout(180)
def test_a_chart_from_a_repository_is_installed_under_any_name(
    cluster: ControlPlane, repository: str, tmp_path: Path
) -> None:
    def run(*arguments: str) -> str:
        return helm(*arguments, "--kubeconfig", str(cluster.kubeconfig), home=tmp_path / "helm")

    run("repo", "add", "renku", repository)
    run("repo", "update")
    run("install", "amalthea-sessions", "renku/amalthea-sessions", "--namespace", "one", "--create-namespace")
    place = ("--namespace", "two", "--create-namespace", "--set", "deployCrd=false")
    said = run("install", "--generate-name", "renku/amalthea-sessions", *place)
    assert re.search(r"NAME: amalthea-sessions-\d+", said)
    for each in ("one", "two"):
        (deployment,) = cluster.api.get(DEPLOYMENTS.format(each))["items"]
        deployment.update(kind="Deployment")
        assert manager_of([deployment])["image"] == f"docker.io/amalthea/operator:{ABOUT['appVersion']}"


@pytest.fixture
def owner(cluster: ControlPlane) -> Path:
    """Return the kubeconfig of somebody who may do everything in the namespaces one and two, and nothing elsewhere."""
    cluster.kubectl("apply", "--server-side", "--filename", str(CRD))
    rules = [
        {"apiGroups": ["amalthea.dev", "metrics.k8s.io"], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
    ]
    for each in ("one", "two"):
        namespace(cluster, each)
        rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{each}"
        cluster.api.post(f"{rbac}/roles", {"metadata": {"name": "sessions"}, "rules": rules})
        for kind, name in (("ClusterRole", "admin"), ("Role", "sessions")):
            subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "owner"}
            role = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
            cluster.api.post(
                f"{rbac}/rolebindings", {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]}
            )
    user = cluster.user("owner")  # the controller manager fills the role `admin` in its own time
    wait_until(lambda: user.healthy("/apis/policy/v1/namespaces/two/poddisruptionbudgets"), "admin of the namespaces")
    return cluster.user_kubeconfig("owner")


@pytest.mark.timeout(240)
def test_two_namespaced_releases_without_rights_to_the_cluster_never_touch_each_others_sessions(
    cluster: ControlPlane, owner: Path, tmp_path: Path
) -> None:
    with pytest.raises(ApiError, match="403"):
        cluster.user("owner").get("/api/v1/nodes")
    for release in ("one", "two"):
        place = ("--namespace", release, "--kubeconfig", str(owner), "--set", "deployCrd=false")
        helm("install", release, str(CHART), *place, home=tmp_path / "helm")

    worlds = {each: World(cluster.api, each) for each in ("one", "two")}
    operators = {each: OperatorProcess(_account(cluster, tmp_path, each), tmp_path, each) for each in worlds}
    try:
        for world in worlds.values():
            world.session("session", SPEC)
        operators["one"].start()
        worlds["one"].wait_for("StatefulSet", "session", bool)
        assert worlds["two"].get("StatefulSet", "session") is None
        operators["two"].start()
        worlds["two"].wait_for("StatefulSet", "session", bool)
        operators["one"].kill()
        before = worlds["one"].get("AmaltheaSession", "session")
        worlds["two"].patch_spec("session", hibernated=True)
        worlds["two"].wait_for_state("session", "Hibernated")
        assert worlds["one"].get("AmaltheaSession", "session") == before
    finally:
        for process in operators.values():
            process.kill()

    helm("uninstall", "two", "--namespace", "two", "--kubeconfig", str(owner), home=tmp_path / "helm")
    wait_until(lambda: not cluster.api.get(DEPLOYMENTS.format("two"))["items"], "uninstalled")
    assert cluster.api.get(DEPLOYMENTS.format("one"))["items"]
    assert is_there(cluster, worlds["two"].path("AmaltheaSession", "session"))


def _account(cluster: ControlPlane, folder: Path, release: str) -> Path:
    """Write a kubeconfig with a token of a release's operator; return its path."""
    account = f"{release}-amalthea-sessions-controller-manager"
    accounts = f"/api/v1/namespaces/{release}/serviceaccounts"
    token = cluster.api.post(f"{accounts}/{account}/token", {})["status"]["token"]
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    path = folder / f"{release}.kubeconfig"
    path.write_text(yaml.dump(config))
    path.chmod(0o600)
    return path


def test_helms_test_runs_a_session_and_leaves_nothing() -> None:
    hooks = documents(helm("template", "amalthea", str(CHART), "--show-only", "templates/tests/session.yaml"))
    for each in hooks:
        annotations = each["metadata"]["annotations"]
        assert annotations["helm.sh/hook"] == "test"
        assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"
    pod, role = hooks[3], hooks[1]
    assert (pod["kind"], role["kind"]) == ("Pod", "Role")
    (container,) = pod["spec"]["containers"]
    operator = f"docker.io/amalthea/operator:{ABOUT['appVersion']}"
    assert (container["image"], container["args"]) == (operator, ["trial", f"--image={operator}"])
    assert [each["verbs"] for each in role["rules"]] == [["get", "create", "delete"]]
    assert not helm("template", "amalthea", str(CHART), "--set", "createRoles=false").count("helm.sh/hook")
    assert (ROOT / "charts/amalthea-sessions/templates/tests/session.yaml").exists()

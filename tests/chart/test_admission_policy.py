"""The chart's ValidatingAdmissionPolicy on a real API server: it stops sessions from reaching beyond their pod, lets
through those that do not, and never stands in the way of a session that is older than itself.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.control_plane.api import ApiError
from lab.control_plane.control_plane import ControlPlane
from lab.control_plane.flags import Settings
from tests import recorded
from tests.chart.forbidden import BAD_VOLUME, IMAGE, NEW_IN_OLD, NGINX, OLD, REFUSED, VALUES, container
from tests.chart.helm import CHART, NAMESPACE, RELEASE, HelmError, Object, find, render
from tests.chart.installation import ACCOUNT, Installation
from tests.chart.test_samples import FILES, load
from tests.support.world import World


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A namespace whose policy came after the session `old`."""
    folder = tmp_path_factory.mktemp("guarded")
    with ControlPlane(folder / "cluster", Settings(controller_manager=True)) as cluster:
        installation = Installation(cluster, folder)
        installation.install(CHART)
        world = World(cluster.api, NAMESPACE)
        world.session("old", OLD)
        values = folder / "values.yaml"
        values.write_text(yaml.dump(VALUES))
        installation.helm("upgrade", RELEASE, str(CHART), "--values", str(values))
        _wait_until_it_counts(world)
        yield world


def _wait_until_it_counts(world: World, within: float = 20.0) -> None:
    deadline = time.monotonic() + within
    while not _refusal(world, {"extraVolumes": [BAD_VOLUME]}):
        assert time.monotonic() < deadline, f"the policy has no effect after {within} s"
        time.sleep(0.05)


def _refusal(world: World, spec: Object, name: str = "new") -> str:
    """Return what the API server says against a session; nothing if it would take it. Nothing is kept."""
    session = {
        "apiVersion": "amalthea.dev/v1alpha1",
        "kind": "AmaltheaSession",
        "metadata": {"name": name},
        "spec": {"hibernated": False, "session": IMAGE, **spec},
    }
    try:
        world.api.post(world.path("AmaltheaSession") + "?dryRun=All&fieldValidation=Strict", session)
    except ApiError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("spec", "said"), REFUSED.values(), ids=REFUSED)
def test_what_reaches_beyond_the_pod_is_refused_with_the_field_and_a_remedy(
    guarded: World, spec: Object, said: str
) -> None:
    assert said in _refusal(guarded, spec)


@pytest.mark.parametrize("name", recorded.NAMES)
def test_sessions_of_web_back_ends_are_let_through(guarded: World, name: str) -> None:
    spec = recorded.load(name).given["spec"]
    assert _refusal(guarded, spec) == ""


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_samples_are_let_through(guarded: World, file: Path) -> None:
    assert _refusal(guarded, load(file)["spec"]) == ""


ALLOWED_VOLUMES = [
    {"name": "map", "configMap": {"name": "map"}},
    {"name": "csi", "csi": {"driver": "example.org"}},
    {"name": "fields", "downwardAPI": {"items": []}},
    {"name": "empty", "emptyDir": {}},
    {"name": "claim", "ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}}},
    {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
    {"name": "all", "projected": {"sources": []}},
    {"name": "secret", "secret": {"secretName": "secret"}},
]
CONFINED: Object = {
    "windowsOptions": {"hostProcess": False},
    "procMount": "Default",
    "seccompProfile": {"type": "RuntimeDefault"},
    "appArmorProfile": {"type": "RuntimeDefault"},
    "seLinuxOptions": {"type": "container_t", "level": "s0:c1"},
    "privileged": False,
}


@pytest.mark.parametrize(
    "spec",
    [
        {"serviceAccountName": "trusted"},
        {"serviceAccountName": "default"},
        {"serviceAccountName": ""},
        {"ingress": {"host": "one.example.com", "annotations": {"example.org/snippet-size": "1"}}},
        {"extraContainers": [container(securityContext={"capabilities": {"add": ["NET_BIND_SERVICE"]}})]},
        {"extraVolumes": ALLOWED_VOLUMES},
        {"extraContainers": [container(securityContext=CONFINED)]},
        {"template": {"metadata": {"annotations": {"renku.io/ingress": "a", "prometheus.io/scrape": "true"}}}},
        {"template": {"metadata": {"annotations": {NGINX + "proxy-read-timeout": "60", "example.org/ingress": "a"}}}},
    ],
    ids=str,
)
def test_what_an_admin_allows_is_let_through(guarded: World, spec: Object) -> None:
    assert _refusal(guarded, spec) == ""


def test_an_older_session_can_still_be_paused_resumed_and_cleaned_up(guarded: World) -> None:
    """These are the operator's writes: if they were refused, the session would run on, and its secrets stay."""
    guarded.patch_spec("old", hibernated=True)
    guarded.patch_spec("old", hibernated=False, session={"image": "docker.io/amalthea/probe:2"})
    guarded.patch("AmaltheaSession", "old", metadata={"finalizers": ["amalthea.dev/secrets-finalizer"]})
    guarded.patch("AmaltheaSession", "old", metadata={"labels": {"team": "one"}})
    guarded.api.patch(guarded.path("AmaltheaSession", "old") + "/status", {"status": {"state": "Running"}})
    guarded.patch("AmaltheaSession", "old", metadata={"finalizers": []})
    stored = guarded.get("AmaltheaSession", "old")
    assert stored is not None
    assert stored["status"]["state"] == "Running"
    assert stored["spec"]["serviceAccountName"] == "mighty"


@pytest.mark.parametrize(("spec", "said"), NEW_IN_OLD.values(), ids=NEW_IN_OLD)
def test_an_older_session_gets_nothing_new_that_is_forbidden(guarded: World, spec: Object, said: str) -> None:
    path = guarded.path("AmaltheaSession", "old") + "?dryRun=All"
    with pytest.raises(ApiError, match=said):
        guarded.api.patch(path, {"spec": spec})


def test_sessions_of_other_namespaces_are_not_judged(guarded: World) -> None:
    guarded.api.post("/api/v1/namespaces", {"metadata": {"name": "elsewhere"}})
    assert _refusal(World(guarded.api, "elsewhere"), {"serviceAccountName": "mighty"}) == ""


def test_the_api_server_finds_no_mistyped_field_in_the_policy(guarded: World) -> None:
    """A misspelt field in an expression is a rule that never fires."""
    path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    deadline = time.monotonic() + 20
    while "typeChecking" not in (policy := guarded.api.get(path)["items"][0]).get("status", {}):
        assert time.monotonic() < deadline, "the controller manager has not checked the policy"
        time.sleep(0.05)
    assert policy["status"]["typeChecking"] == {}


@pytest.mark.parametrize(("scoped", "namespaces"), [(False, NAMESPACE), (True, None)])
def test_the_policy_is_for_the_sessions_that_the_operator_serves(scoped: bool, namespaces: str | None) -> None:
    binding = find(render({**VALUES, "clusterScoped": scoped}), "ValidatingAdmissionPolicyBinding")
    rule: dict[str, Any] = binding["spec"].get("matchResources", {}).get("namespaceSelector", {})
    assert rule.get("matchLabels", {}).get("kubernetes.io/metadata.name") == namespaces
    assert binding["spec"]["validationActions"] == ["Deny"]


def test_a_cluster_that_does_not_know_such_policies_is_named() -> None:
    render({}, "--kube-version", "1.29.14")
    with pytest.raises(HelmError, match=r"admissionPolicy\.enabled: needs Kubernetes 1\.30 or newer, and this is v1"):
        render(VALUES, "--kube-version", "1.29.14")


def test_the_operators_own_account_cannot_be_listed() -> None:
    with pytest.raises(HelmError, match="contains the operator's own service account"):
        render({"admissionPolicy": {"enabled": True, "serviceAccounts": [ACCOUNT]}})


def test_no_session_is_too_large_to_be_judged_and_then_paused(guarded: World) -> None:
    """A session beyond the budget of an expression is refused: one that only its updates exceed would never end."""
    helper = {"image": "i", "ports": [{"containerPort": 1}], "securityContext": {"capabilities": {"drop": ["ALL"]}}}
    guarded.session(
        "large",
        {
            "session": IMAGE,
            "extraContainers": [{**helper, "name": f"c{number}"} for number in range(2000)],
            "extraVolumes": [{"name": f"v{number}", "secret": {"secretName": "s"}} for number in range(2000)],
            "template": {"metadata": {"annotations": {f"example.org/ingress-{n}": "" for n in range(2000)}}},
            "ingress": {"host": "a.localhost", "annotations": {f"example.org/{n}": "" for n in range(500)}},
        },
    )
    assert guarded.patch_spec("large", hibernated=True)["spec"]["hibernated"]

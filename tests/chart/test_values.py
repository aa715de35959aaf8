"""Values: each is known, described and checked, means what it meant in older releases, and reaches the operator."""

import argparse
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

import amalthea
from amalthea import main
from amalthea.settings import BuildSettings, ContainerSettings, RewriteRule, Settings, from_environment
from lab.control_plane.control_plane import ControlPlane
from tests.chart import readme
from tests.chart.helm import (
    CHART,
    NAMESPACE,
    RECORDED,
    HelmError,
    Values,
    environment_of,
    find,
    helm,
    manager_of,
    render,
)

OURS = {
    "controllerManager.manager.image.repository": "another program",
    "controllerManager.manager.image.tag": "another program",
    "sidecars.image.repository": "other programs",
    "sidecars.image.tag": "other programs",
    "cloner.image.repository": "another program",
    "cloner.image.tag": "another program",
}
"""Defaults of older releases that are not kept, with the reason."""


def test_the_chart_has_no_fault_that_helm_knows_of() -> None:
    helm("lint", "--strict", str(CHART))


def test_every_value_is_described_and_every_description_has_a_value() -> None:
    handed_in = {("global",), ("csiRclone",)}
    for path, schema in readme.all_leaves().items():
        assert schema["description"].endswith((".", "above.")), path
        if path not in handed_in:
            readme.default_of(path)


def test_the_readme_tells_todays_values() -> None:
    assert readme.README.read_text() == readme.readme(), "write it anew: python -m tests.chart.readme"


def test_the_chart_belongs_to_this_version_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["name"] == "amalthea-sessions"
    assert chart["appVersion"] == amalthea.__version__


def test_defaults_of_older_releases_are_kept() -> None:
    old = _flat(yaml.safe_load((RECORDED / "values.yaml").read_text()))
    new = _flat(readme.defaults())
    assert {path for path, value in old.items() if new[path] != value} == OURS.keys()


def test_what_is_not_set_is_as_the_operator_has_it_by_itself() -> None:
    container = manager_of(render())
    environment = {**environment_of(container), "POD_NAME": "pod"}
    image = environment.pop("SIDECARS_IMAGE")
    assert image.startswith("docker.io/amalthea/sidecars:"), "by itself it is the older default"
    assert from_environment(environment) == Settings(namespace=NAMESPACE, lease_namespace=NAMESPACE, identity="pod")


def test_every_setting_reaches_the_operator() -> None:
    values = {
        "clusterScoped": True,
        "rcloneStorageClass": "fast",
        "sidecars": {
            "image": {"repository": "mirror/sidecars", "tag": "2"},
            "oauth2Proxy": {"extraArgs": ["--skip-auth-preflight=true", '--banner="-"']},
        },
        "oauth2Proxy": {"image": {"repository": "mirror/proxy", "tag": "3"}},
        "useNoneSameSiteSessionCookie": True,
        "httpsSessionIngress": True,
        "imageRewriteRules": [{"source_prefix": "docker.io/", "target_prefix": "mirror/hub/"}],
        "controllerManager": {"workers": 3},
        "culling": {"usageInterval": "1m", "stoppingLead": "5m", "askDoors": False},
        "nativeSidecars": False,
        "sessionPods": {
            "containers": {"authproxy": {"resources": {"limits": {"cpu": "1"}}, "securityContext": {"runAsUser": 7}}},
            "podSecurity": "restricted",
        },
        "cloner": {"allowHttpHosts": ["git.lab.internal", "10.0.0.7:8080"]},
        "logLevel": "debug",
    }
    environment = environment_of(manager_of(render(values)))
    assert from_environment({**environment, "POD_NAME": "pod"}) == Settings(
        namespace=None,
        lease_namespace=NAMESPACE,
        identity="pod",
        workers=3,
        usage_interval=timedelta(minutes=1),
        stopping_lead=timedelta(minutes=5),
        ask_doors=False,
        native_sidecars=False,
        build=BuildSettings(
            sidecars_image="mirror/sidecars:2",
            oauth2_proxy_image="mirror/proxy:3",
            oauth2_proxy_extra_args=("--skip-auth-preflight=true", '--banner="-"'),
            rclone_storage_class="fast",
            none_same_site_cookie=True,
            https_ingress=True,
            clone_http_hosts="git.lab.internal,10.0.0.7:8080",
            containers={"authproxy": ContainerSettings({"limits": {"cpu": "1"}}, {"runAsUser": 7})},
            restricted_pods=True,
            rewrite_rules=(RewriteRule("docker.io/", "mirror/hub/"),),
        ),
    )
    assert environment["LOG_LEVEL"] == "debug"


def test_sentrys_values_become_flags_that_the_operator_knows() -> None:
    sentry = {"enabled": True, "dsn": "https://key@sentry.example.org/1", "environment": "test"}
    arguments = manager_of(render({"controllerManager": {"manager": {"sentry": sentry}}}))["args"]
    parser = argparse.ArgumentParser()
    main._operator_flags(parser)
    flags = parser.parse_args(arguments)
    assert flags.sentry_dsn == "https://key@sentry.example.org/1"
    assert flags.sentry_environment == "test"
    assert flags.sentry_release == amalthea.__version__
    assert flags.sentry_traces_sample_rate == 0.1
    assert flags.leader_elect
    assert not flags.metrics_secure


def test_images_are_named_by_the_version_and_it_is_a_plain_one() -> None:
    """A version range never takes a pre-release, so nobody would be offered one."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert re.fullmatch(r"\d+\.\d+\.\d+", chart["version"])
    assert tuple(map(int, chart["version"].split("."))) > (0, 31), "newer than the Go operator's last release"
    assert chart["annotations"]["artifacthub.io/license"] == "Apache-2.0"
    container = manager_of(render())
    assert container["image"] == f"docker.io/amalthea/operator:{amalthea.__version__}"
    assert environment_of(container)["SIDECARS_IMAGE"] == f"docker.io/amalthea/sidecars:{amalthea.__version__}"


def test_an_unknown_value_at_the_top_is_warned_of_and_stops_nobody(cluster: ControlPlane, tmp_path: Path) -> None:
    """In a parent chart's values there may be keys of others, and a stray one must not block an upgrade."""
    values = {"clusterscoped": True, "global": {"a": 1}, "csiRclone": {"a": 1}}
    (tmp_path / "values.yaml").write_text(yaml.dump(values))
    where = ("--kubeconfig", str(cluster.kubeconfig), "--dry-run=client", "--values", str(tmp_path / "values.yaml"))
    notes = helm("install", "amalthea", str(CHART), *where, home=tmp_path).partition("\nNOTES:\n")[2]
    warnings = [line for line in notes.splitlines() if line.startswith("WARNING")]
    assert warnings == ["WARNING: this chart does not know the value clusterscoped, and ignores it."]


def test_the_notes_know_every_value_of_the_schema() -> None:
    known = (CHART / "templates" / "_helpers.tpl").read_text().partition('"amalthea-sessions.knownValues" -}}')[2]
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert known.partition("{{-")[0].split() == list(schema["properties"])


def test_what_only_branches_of_the_go_operator_know_is_accepted() -> None:
    values: Values = {
        "deploy": {"priorityClass": True, "remoteServiceAccount": True},
        "controllerManager": {"remoteServiceAccount": {"annotations": {"example.org/a": "b"}}},
    }
    new = [each for each in render(values) if each not in render()]
    assert {(each["kind"], each["metadata"]["name"]) for each in new} == {
        ("PriorityClass", "renku-user-sessions-priority"),
        ("ServiceAccount", "renku-remote-session-manager"),
        ("Role", "renku-remote-session-manager"),
        ("RoleBinding", "renku-remote-session-manager"),
    }
    priority, account = find(new, "PriorityClass"), find(new, "ServiceAccount")
    assert (priority["value"], priority["preemptionPolicy"]) == (100, "Never")
    assert account["metadata"]["annotations"] == {"example.org/a": "b"}
    assert find(new, "RoleBinding")["subjects"][0]["name"] == account["metadata"]["name"]


@pytest.mark.parametrize("scoped", [False, True])
def test_without_roles_nothing_of_rbac_is_made(*, scoped: bool) -> None:
    values = {"createRoles": False, "clusterScoped": scoped, "deploy": {"remoteServiceAccount": True}}
    assert not [each for each in render(values) if each["apiVersion"].startswith("rbac.authorization.k8s.io")]


def test_a_namespaced_release_makes_nothing_of_the_whole_cluster_where_the_crd_is_there() -> None:
    kinds = {each["kind"] for each in render({"deployCrd": False})}
    assert kinds == {
        "Deployment",
        "PodDisruptionBudget",
        "Role",
        "RoleBinding",
        "Service",
        "ServiceAccount",
    }


def test_the_operators_network_policy_allows_what_it_needs_and_nothing_else() -> None:
    def policy(**values: object) -> Values:
        network = {"operator": {"enabled": True, **values}}
        rendered = render({"networkPolicy": network, "clusterScoped": bool(values)})
        return find(rendered, "NetworkPolicy", "-operator")["spec"]  # type: ignore[no-any-return]

    plain = policy()
    labels = find(render(), "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert plain["podSelector"]["matchLabels"] == labels
    ports = [[port["port"] for port in rule["ports"]] for rule in plain["egress"]]
    assert ports == [[53, 53, 5353, 5353], [443, 6443], [65534]]
    assert "namespaceSelector" not in plain["egress"][2]["to"][0]
    assert plain["ingress"] == [{"ports": [{"port": 8080}], "from": [{"namespaceSelector": {}}]}]

    peers = [{"ipBlock": {"cidr": "10.0.0.1/32"}}]
    chosen = policy(apiServerTo=peers, apiServerPorts=[6443], metricsFrom=peers, sentry=True)
    assert chosen["egress"][1] == {"ports": [{"port": 6443}], "to": peers}
    assert chosen["egress"][2]["to"][0]["namespaceSelector"] == {}
    assert chosen["egress"][3] == {"ports": [{"port": 443}]}
    assert chosen["ingress"][0]["from"] == peers


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"controllerManager": {"workres": 3}}, "at '/controllerManager': additional properties 'workres' not allowed"),
        ({"deploy": {"priorityclass": True}}, "at '/deploy': additional properties 'priorityclass' not allowed"),
        ({"clusterScoped": "yes"}, "at '/clusterScoped': got string, want boolean"),
        ({"logLevel": "loud"}, "at '/logLevel': value must be one of 'debug', 'info', 'warning', 'error'"),
        ({"controllerManager": {"workers": 0}}, "at '/controllerManager/workers': minimum: got 0, want 1"),
        ({"culling": {"usageInterval": "often"}}, "at '/culling/usageInterval': 'often' does not match pattern"),
        ({"controllerManager": {"nodeSelector": {"gpu": True}}}, "at '/controllerManager/nodeSelector/gpu'"),
        (
            {"controllerManager": {"manager": {"resources": {"limits": {"cpu": "bogus"}}}}},
            "at '/controllerManager/manager/resources/limits/cpu': 'bogus' does not match pattern",
        ),
        ({"imageRewriteRules": [{"source": "x"}]}, "missing properties 'source_prefix', 'target_prefix'"),
        ({"podDisruptionBudget": {"minAvailable": "all"}}, "does not match pattern"),
        ({"admissionPolicy": {"ingressAnnotations": ["a*/size"]}}, "'a*/size' does not match pattern"),
        (
            {"sessionPods": {"containers": {"authproxy": {"resources": {"limits": {"cpu": "bogus"}}}}}},
            "at '/sessionPods/containers/authproxy/resources/limits/cpu': 'bogus' does not match pattern",
        ),
        (
            {"sessionPods": {"containers": {"clone": {"resources": {"nosuch": {}}}}}},
            "at '/sessionPods/containers/clone/resources': additional properties 'nosuch' not allowed",
        ),
        ({"deploy": {"csiRclone": True}}, "deploy.csiRclone: this chart does not bring csi-rclone along. Install its"),
        (
            {"controllerManager": {"replicas": 2, "manager": {"args": []}}},
            "controllerManager.replicas: more than one operator needs --leader-elect",
        ),
        (
            {"controllerManager": {"manager": {"sentry": {"enabled": True}}}},
            "controllerManager.manager.sentry.dsn: is needed",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_name(values: Values, complaint: str) -> None:
    with pytest.raises(HelmError) as refused:
        render(values)
    assert complaint in str(refused.value)


def test_a_parent_chart_may_hand_in_its_globals() -> None:
    assert render({"global": {"anything": True}}) == render()


METRICS = "--metrics-bind-address=:8080"


@pytest.mark.parametrize(
    ("args", "guarded"),
    [
        ([METRICS, "--metrics-secure=false"], False),
        ([METRICS, "--metrics-secure=false", "--metrics-secure"], True),
        ([METRICS, "--metrics-secure=false", "-metrics-secure=1"], True),
        ([METRICS, "--metrics-secure=true"], True),
        ([METRICS], True),
        (["--metrics-bind-address=0"], False),
        (["--leader-elect"], False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_operator_may_ask_who_reads_its_metrics_where_it_does_ask(args: list[str], *, guarded: bool) -> None:
    rendered = render({"controllerManager": {"manager": {"args": args}}})
    assert any(each["metadata"]["name"].endswith("-metrics-auth") for each in rendered) == guarded
    if guarded:
        role, binding = find(rendered, "ClusterRole", "-metrics-auth"), find(rendered, "ClusterRoleBinding")
        assert binding["roleRef"]["name"] == role["metadata"]["name"]
        assert manager_of(rendered)["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]
    else:
        assert "volumes" not in find(rendered, "Deployment")["spec"]["template"]["spec"]


def _flat(values: Values, path: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in values.items():
        here = f"{path}.{name}".lstrip(".")
        flat.update(_flat(value, here) if isinstance(value, dict) and value else {here: value})
    return flat

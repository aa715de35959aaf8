"""Values: each is known, described and checked, means what it meant in older releases, and reaches the operator."""

import argparse
from datetime import timedelta

import pytest
import yaml

import amalthea
from amalthea import main
from amalthea.api.settings import BuildSettings, ContainerSettings, RewriteRule, Settings, from_environment
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
    assert environment.pop("SIDECARS_IMAGE") == "docker.io/amalthea/sidecars:dev", "by itself it is the older default"
    assert from_environment(environment) == Settings(namespace=NAMESPACE, lease_namespace=NAMESPACE, identity="pod")


def test_every_setting_reaches_the_operator() -> None:
    values = {
        "clusterScoped": True,
        "rcloneStorageClass": "fast",
        "sidecars": {"image": {"repository": "mirror/sidecars", "tag": "2"}},
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
    assert flags.sentry_traces_sample_rate == 0.1
    assert flags.leader_elect
    assert not flags.metrics_secure


def test_an_empty_tag_is_the_version_of_the_chart() -> None:
    container = manager_of(render({"controllerManager": {"manager": {"image": {"tag": ""}}}}))
    assert container["image"] == f"docker.io/amalthea/operator:{amalthea.__version__}"


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"controllerManager": {"workres": 3}}, "at '/controllerManager': additional properties 'workres' not allowed"),
        ({"clusterscoped": True}, "additional properties 'clusterscoped' not allowed"),
        ({"clusterScoped": "yes"}, "at '/clusterScoped': got string, want boolean"),
        ({"logLevel": "loud"}, "at '/logLevel': value must be one of 'debug', 'info', 'warning', 'error'"),
        ({"controllerManager": {"workers": 0}}, "at '/controllerManager/workers': minimum: got 0, want 1"),
        ({"culling": {"usageInterval": "often"}}, "at '/culling/usageInterval': 'often' does not match pattern"),
        ({"controllerManager": {"nodeSelector": {"gpu": True}}}, "at '/controllerManager/nodeSelector/gpu'"),
        ({"imageRewriteRules": [{"source": "x"}]}, "missing properties 'source_prefix', 'target_prefix'"),
        ({"podDisruptionBudget": {"minAvailable": "all"}}, "does not match pattern"),
        ({"admissionPolicy": {"ingressAnnotations": ["a*/size"]}}, "'a*/size' does not match pattern"),
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


def test_metrics_are_guarded_only_where_the_operator_may_ask_who_reads_them() -> None:
    plain = render()
    assert not [each for each in plain if each["metadata"]["name"].endswith("-metrics-auth")]
    assert "volumes" not in find(plain, "Deployment")["spec"]["template"]["spec"]
    for flag in ("--metrics-secure", "--metrics-secure=true", "-metrics-secure=1"):
        secure = render({"controllerManager": {"manager": {"args": ["--metrics-secure=false", flag]}}})
        role, binding = find(secure, "ClusterRole", "-metrics-auth"), find(secure, "ClusterRoleBinding")
        assert binding["roleRef"]["name"] == role["metadata"]["name"]
        assert manager_of(secure)["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]


def _flat(values: Values, path: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in values.items():
        here = f"{path}.{name}".lstrip(".")
        flat.update(_flat(value, here) if isinstance(value, dict) and value else {here: value})
    return flat

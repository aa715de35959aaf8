"""A setting that is misread is found out on the day it hurts: what cannot be understood stops the operator at once."""

import dataclasses
import json
from datetime import timedelta

import pytest

from amalthea.settings import BuildSettings, ContainerSettings, RewriteRule, Settings, SettingsError, from_environment
from tests.unit import old_chart


def test_an_empty_environment_gives_the_contracts_defaults() -> None:
    settings = from_environment({})

    assert settings == Settings(identity="amalthea")
    assert (settings.namespace, settings.lease_namespace) == ("default", "default")
    assert settings.build.sidecars_image == "renku/sidecars:latest"
    assert settings.build.rclone_storage_class == "csi-rclone-secret-annotation"
    assert not settings.build.https_ingress
    assert not settings.build.none_same_site_cookie


def test_everything_can_be_set() -> None:
    settings = from_environment(
        {
            "CLUSTER_SCOPED": "true",
            "RELEASE_NAMESPACE": "renku",
            "POD_NAME": "amalthea-0",
            "AMALTHEA_WORKERS": "4",
            "AMALTHEA_USAGE_INTERVAL": "1m",
            "AMALTHEA_STOPPING_LEAD": "0",
            "AMALTHEA_ASK_DOORS": "false",
            "AMALTHEA_NATIVE_SIDECARS": "false",
            "SIDECARS_IMAGE": "renku/sidecars:1",
            "OAUTH2_PROXY_IMAGE": "mirror/oauth2-proxy:1",
            "AMALTHEA_OAUTH2_PROXY_EXTRA_ARGS": '["--skip-auth-preflight=true"]',
            "RCLONE_STORAGE_CLASS": "rclone",
            "USE_NONE_SAME_SITE_SESSION_COOKIE": "true",
            "HTTPS_SESSION_INGRESS": "True",
            "AMALTHEA_CLONE_HTTP_HOSTS": "git.lab.internal",
            "AMALTHEA_IMAGE_REWRITE_RULES": '[{"source_prefix": "docker.io", "target_prefix": "mirror/hub"}]',
        }
    )

    assert settings == Settings(
        namespace=None,
        lease_namespace="renku",
        identity="amalthea-0",
        workers=4,
        usage_interval=timedelta(minutes=1),
        stopping_lead=timedelta(0),
        ask_doors=False,
        native_sidecars=False,
        build=BuildSettings(
            sidecars_image="renku/sidecars:1",
            oauth2_proxy_image="mirror/oauth2-proxy:1",
            oauth2_proxy_extra_args=("--skip-auth-preflight=true",),
            rclone_storage_class="rclone",
            none_same_site_cookie=True,
            https_ingress=True,
            clone_http_hosts="git.lab.internal",
            rewrite_rules=(RewriteRule("docker.io", "mirror/hub"),),
        ),
    )


def test_without_cluster_scope_only_the_releases_namespace_is_served() -> None:
    settings = from_environment({"CLUSTER_SCOPED": "false", "RELEASE_NAMESPACE": "renku"})

    assert (settings.namespace, settings.lease_namespace) == ("renku", "renku")


@pytest.mark.parametrize(
    ("env", "identity"),
    [
        ({"POD_NAME": "amalthea-0", "HOSTNAME": "node"}, "amalthea-0"),
        ({"HOSTNAME": "amalthea-5d4f-x2x"}, "amalthea-5d4f-x2x"),
        ({"POD_NAME": "", "HOSTNAME": ""}, "amalthea"),
    ],
    ids=["our chart", "the old chart", "neither"],
)
def test_a_restarted_container_is_known_by_its_pods_name(env: dict[str, str], identity: str) -> None:
    assert from_environment(env).identity == identity


@pytest.mark.parametrize(("text", "on"), [("", False), ("0", False), ("FALSE", False), (" true ", True), ("1", True)])
@pytest.mark.parametrize("name", ["HTTPS_SESSION_INGRESS", "USE_NONE_SAME_SITE_SESSION_COOKIE"])
def test_flags_are_read_in_every_usual_form(name: str, text: str, on: bool) -> None:
    build = from_environment({name: text}).build

    assert (build.https_ingress or build.none_same_site_cookie) is on


@pytest.mark.parametrize("text", ["", " ", "[]"])
def test_empty_rewrite_rules_rewrite_nothing(text: str) -> None:
    assert from_environment({"AMALTHEA_IMAGE_REWRITE_RULES": text}).build.rewrite_rules == ()


BAD = {
    "arguments that are not a list": (
        "AMALTHEA_OAUTH2_PROXY_EXTRA_ARGS",
        "--skip-auth-preflight=true",
        "AMALTHEA_OAUTH2_PROXY_EXTRA_ARGS cannot be read (JSON is malformed",
    ),
    "a flag that is neither": ("CLUSTER_SCOPED", "maybe", "CLUSTER_SCOPED is 'maybe'; write true or false."),
    "no workers": ("AMALTHEA_WORKERS", "0", "AMALTHEA_WORKERS is '0'; write a whole number of at least 1."),
    "half a worker": ("AMALTHEA_WORKERS", "1.5", "AMALTHEA_WORKERS is '1.5'; write a whole number of at least 1."),
    "no duration": ("AMALTHEA_STOPPING_LEAD", "soon", "AMALTHEA_STOPPING_LEAD: 'soon' is not a duration"),
    "a poll without pause": (
        "AMALTHEA_USAGE_INTERVAL",
        "10ms",
        "AMALTHEA_USAGE_INTERVAL is '10ms'; write at least 1s.",
    ),
    "rules that are no JSON": (
        "AMALTHEA_IMAGE_REWRITE_RULES",
        "docker.io=mirror",
        "AMALTHEA_IMAGE_REWRITE_RULES cannot",
    ),
    "rules that are null": ("AMALTHEA_IMAGE_REWRITE_RULES", "null", "AMALTHEA_IMAGE_REWRITE_RULES cannot be read"),
    "one rule without a list": (
        "AMALTHEA_IMAGE_REWRITE_RULES",
        '{"source_prefix": "a", "target_prefix": "b"}',
        "AMALTHEA_IMAGE_REWRITE_RULES cannot be read",
    ),
    "a rule without a target": (
        "AMALTHEA_IMAGE_REWRITE_RULES",
        '[{"source_prefix": "a"}]',
        "AMALTHEA_IMAGE_REWRITE_RULES cannot be read (Object missing required field `target_prefix`",
    ),
    "a rule with a misspelt field": (
        "AMALTHEA_IMAGE_REWRITE_RULES",
        '[{"source_prefix": "a", "target_prefix": "b", "targetPrefix": "c"}]',
        "AMALTHEA_IMAGE_REWRITE_RULES cannot be read",
    ),
}


@pytest.mark.parametrize(("name", "text", "beginning"), BAD.values(), ids=BAD)
def test_an_unreadable_setting_is_refused_with_name_and_remedy(name: str, text: str, beginning: str) -> None:
    with pytest.raises(SettingsError) as refused:
        from_environment({name: text})

    assert str(refused.value).startswith(beginning)
    assert "write" in str(refused.value)


def test_the_environment_of_the_go_operators_chart_is_understood() -> None:
    settings = from_environment(old_chart.environment())

    assert (settings.namespace, settings.lease_namespace) == ("renku", "renku")


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        from_environment({}).workers = 1  # type: ignore[misc]


def test_settings_of_our_containers_are_read_and_a_typo_is_named() -> None:
    text = '{"authproxy": {"resources": {"limits": {"cpu": "1"}}, "securityContext": {"runAsUser": 7}}, "clone": {}}'
    read = from_environment({"AMALTHEA_SESSION_CONTAINERS": text, "AMALTHEA_SESSION_POD_SECURITY": "restricted"}).build
    assert read.containers["authproxy"] == ContainerSettings({"limits": {"cpu": "1"}}, {"runAsUser": 7})
    assert read.restricted_pods
    for wrong, message in (
        ({"AMALTHEA_SESSION_CONTAINERS": '{"proxy": {}}'}, "names 'proxy'; write one of authproxy"),
        ({"AMALTHEA_SESSION_CONTAINERS": '{"clone": {"limits": {}}}'}, "AMALTHEA_SESSION_CONTAINERS cannot be read"),
        ({"AMALTHEA_SESSION_POD_SECURITY": "baseline"}, "write restricted, or leave it empty"),
    ):
        with pytest.raises(SettingsError, match=message):
            from_environment(wrong)


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ('{"limits": {"cpu": "bogus"}}', "authproxy.resources.limits.cpu: 'bogus' is not a quantity: write a number"),
        ('{"requests": {"memory": ""}}', "authproxy.resources.requests.memory: '' is not a quantity: write"),
        ('{"limits": {"cpu": -1}}', "authproxy.resources.limits.cpu: -1 is negative; write 0 or more"),
        ('{"limits": {"ram": "1Gi"}}', "authproxy.resources.limits.ram: is not a resource; write cpu, memory"),
        (
            '{"requests": {"memory": "1Gi"}, "limits": {"memory": "1000Mi"}}',
            "authproxy.resources.requests.memory: '1Gi' is above the limit; write at most the limit",
        ),
        ('{"nosuch": {}}', "cannot be read (Invalid enum value 'nosuch'"),
    ],
)
def test_resources_that_no_pod_can_have_stop_the_operator_and_not_every_session(resources: str, message: str) -> None:
    with pytest.raises(SettingsError, match=r"^AMALTHEA_SESSION_CONTAINERS") as refused:
        from_environment({"AMALTHEA_SESSION_CONTAINERS": f'{{"authproxy": {{"resources": {resources}}}}}'})
    assert message in str(refused.value)


def test_resources_are_read_as_kubernetes_reads_them() -> None:
    resources = {
        "limits": {"cpu": 1, "memory": "64Mi", "ephemeral-storage": "1e9", "nvidia.com/gpu": 0, "hugepages-2Mi": "2Mi"},
        "requests": {"cpu": 0.5},
    }
    text = json.dumps({"clone": {"resources": resources}, "tunnel": {"resources": {}}})
    read = from_environment({"AMALTHEA_SESSION_CONTAINERS": text}).build.containers
    assert (read["clone"].resources, read["tunnel"].resources) == (resources, {})

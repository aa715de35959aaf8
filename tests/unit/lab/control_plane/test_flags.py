"""Each profile's programs get the flags that they were started for, and a caller's own flags have the last word."""

import json
from pathlib import Path

import pytest

from lab.base.pki import KeyPair
from lab.control_plane import flags
from lab.control_plane.flags import Credentials, Ports, Settings

PORTS = Ports(api_server=1, etcd=2, etcd_peer=3, controller_manager=4, scheduler=5)
PAIR = KeyPair(Path("/pki/x.crt"), Path("/pki/x.key"))
CREDENTIALS = Credentials(Path("/pki/ca.crt"), PAIR, PAIR, PAIR, PAIR, PAIR)
KUBECONFIG = Path("/k")


def api_server(settings: Settings) -> flags.Flags:
    return flags.api_server(settings, PORTS, CREDENTIALS)


def test_the_admission_plugin_of_owner_references_is_always_on() -> None:
    for settings in (Settings(), Settings(controller_manager=True, scale=True)):
        assert api_server(settings)["enable-admission-plugins"] == "OwnerReferencesPermissionEnforcement"
        assert api_server(settings)["authorization-mode"] == "Node,RBAC"


@pytest.mark.parametrize("there", [True, False])
def test_pods_are_not_refused_where_nobody_makes_service_accounts(there: bool) -> None:
    chosen = api_server(Settings(controller_manager=there))
    assert ("disable-admission-plugins" in chosen) != there


def test_a_callers_flags_replace_the_labs_own() -> None:
    own = {"v": "4", "authorization-mode": "AlwaysAllow"}
    chosen = api_server(Settings(api_server_flags=own))
    assert chosen.items() >= own.items()
    settings = Settings(controller_manager_flags={"leader-elect": "true"}, scheduler_flags={"v": "9"})
    assert flags.controller_manager(settings, PORTS, CREDENTIALS, KUBECONFIG)["leader-elect"] == "true"
    assert flags.scheduler(settings, PORTS, CREDENTIALS, KUBECONFIG)["v"] == "9"


def test_only_a_scale_run_lifts_the_limits() -> None:
    for scale in (True, False):
        settings = Settings(scale=scale)
        manager = flags.controller_manager(settings, PORTS, CREDENTIALS, KUBECONFIG)
        scheduler = flags.scheduler(settings, PORTS, CREDENTIALS, KUBECONFIG)
        assert (manager.get("kube-api-qps"), scheduler.get("kube-api-qps")) == ("2000" if scale else None,) * 2
        assert manager.get("concurrent-statefulset-syncs") == ("50" if scale else None)


def test_two_control_planes_never_meet_on_a_default_port() -> None:
    """Every program listens only at its configured address."""
    settings = Settings()
    assert api_server(settings)["secure-port"] == "1"
    assert flags.controller_manager(settings, PORTS, CREDENTIALS, KUBECONFIG)["secure-port"] == "4"
    assert flags.scheduler(settings, PORTS, CREDENTIALS, KUBECONFIG)["secure-port"] == "5"
    etcd = flags.etcd(Path("/data"), PORTS, CREDENTIALS, durable=False)
    assert etcd["listen-client-urls"] == "https://127.0.0.1:2"
    assert etcd["listen-peer-urls"] == "https://127.0.0.1:3"


def test_etcd_talks_to_holders_of_a_certificate_only() -> None:
    etcd = flags.etcd(Path("/data"), PORTS, CREDENTIALS, durable=False)
    assert (etcd["client-cert-auth"], etcd["peer-client-cert-auth"]) == ("true", "true")


def test_what_is_to_be_durable_is_flushed_to_disk() -> None:
    assert "unsafe-no-fsync" not in flags.etcd(Path("/data"), PORTS, CREDENTIALS, durable=True)
    assert flags.etcd(Path("/data"), PORTS, CREDENTIALS, durable=False)["unsafe-no-fsync"] == "true"


def test_pods_find_the_api_server_by_name_and_by_the_first_service_address() -> None:
    names = Settings(address="198.18.128.1", service_range="198.19.0.0/16").api_server_names
    assert {"localhost", "kubernetes.default.svc", "127.0.0.1", "198.18.128.1", "198.19.0.1"} <= set(names)


def test_the_audit_policy_counts_one_user_and_nobody_else() -> None:
    policy = json.loads(flags.audit_policy("operator"))
    assert policy["rules"] == [{"level": "Metadata", "users": ["operator"]}, {"level": "None"}]
    assert policy["omitStages"] == ["RequestReceived"]

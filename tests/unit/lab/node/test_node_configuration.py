"""The settings of the node's programs: their loss would show as pods that do not start, or as leftovers."""

import base64
import json
import tomllib
from pathlib import Path

import pytest
from cryptography import x509

from lab.base.pki import KeyPair
from lab.node import addons, containerd, kubelet, layout, node
from lab.node.layout import Layout

LAYOUT = Layout(state=Path("/state"), run=Path("/run/lab"), images=Path("/cache/containerd"))
PAIR = KeyPair(Path("/pki/kubelet.crt"), Path("/pki/kubelet.key"))


@pytest.fixture
def resolv_conf(tmp_path: Path) -> Path:
    path = tmp_path / "resolv.conf"
    path.write_text("search example.org\nnameserver 127.0.0.53\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\n")
    return path


def test_everything_of_containerd_lies_in_the_labs_own_folders() -> None:
    parsed = tomllib.loads(containerd.configuration(LAYOUT, "docker.io/amalthea/pause:dev"))
    cri = parsed["plugins"]["io.containerd.grpc.v1.cri"]
    assert parsed["root"] == "/cache/containerd"
    assert parsed["state"] == "/run/lab/containerd"
    assert parsed["grpc"]["address"] == "/run/lab/containerd/containerd.sock"
    assert cri["cni"]["conf_dir"] == "/state/configuration/cni"
    assert cri["netns_mounts_under_state_dir"] is True
    assert cri["containerd"]["runtimes"]["runc"]["options"]["Root"] == "/run/lab/runc"


def test_pods_start_where_little_is_allowed() -> None:
    cri = tomllib.loads(containerd.configuration(LAYOUT, "pause"))["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["disable_apparmor"] is True
    assert cri["restrict_oom_score_adj"] is True
    assert cri["sandbox_image"] == "pause"


def test_the_pods_network_leaves_no_bridge_and_no_rules() -> None:
    network = json.loads(containerd.network(LAYOUT))
    (plugin,) = network["plugins"]
    assert plugin["type"] == "ptp"
    assert plugin["ipMasq"] is False
    assert plugin["ipam"]["ranges"] == [[{"subnet": "198.18.0.0/17"}]]
    assert plugin["ipam"]["dataDir"] == "/run/lab/addresses"


def test_images_of_another_boot_are_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boot = tmp_path / "boot_id"
    monkeypatch.setattr(containerd, "BOOT_ID", boot)
    own = Layout(state=tmp_path / "state", run=tmp_path / "run", images=tmp_path / "images")
    boot.write_text("one\n")
    containerd.daemon(own, "pause")
    (own.images / "content").touch()
    containerd.daemon(own, "pause")
    assert (own.images / "content").exists()
    boot.write_text("two\n")
    containerd.daemon(own, "pause")
    assert not (own.images / "content").exists()


def test_local_images_are_not_collected_and_a_full_disk_evicts_nobody(resolv_conf: Path) -> None:
    told = kubelet.configuration(LAYOUT, Path("/pki/ca.crt"), PAIR, resolv_conf)
    assert told["imageGCHighThresholdPercent"] == 100
    assert set(told["evictionHard"].values()) == {"0%"}


def test_a_changed_secret_and_a_full_disk_are_seen_in_seconds_for_tests_wait_for_them(resolv_conf: Path) -> None:
    told = kubelet.configuration(LAYOUT, Path("/pki/ca.crt"), PAIR, resolv_conf)
    assert told["syncFrequency"] == told["volumeStatsAggPeriod"] == "10s"


def test_the_kubelet_serves_nobody_outside_this_machine_and_nobody_without_a_certificate(resolv_conf: Path) -> None:
    told = kubelet.configuration(LAYOUT, Path("/pki/ca.crt"), PAIR, resolv_conf)
    assert told["address"] == layout.NODE_ADDRESS
    assert told["authentication"]["anonymous"] == {"enabled": False}
    assert told["authentication"]["x509"] == {"clientCAFile": "/pki/ca.crt"}
    assert told["authorization"] == {"mode": "Webhook"}


def test_pods_get_name_servers_that_they_can_reach(resolv_conf: Path) -> None:
    assert kubelet.name_servers(resolv_conf.read_text()) == ["192.0.2.53", "fe80::1"]


def test_a_machine_without_name_servers_still_gets_a_node(tmp_path: Path) -> None:
    empty = tmp_path / "resolv.conf"
    empty.write_text("nameserver 127.0.0.1\nnameserver\n")
    told = kubelet.configuration(LAYOUT, Path("/pki/ca.crt"), PAIR, empty)
    assert told["clusterDNS"] == [layout.NODE_ADDRESS]


def test_where_systemd_resolves_its_list_of_real_servers_is_taken(tmp_path: Path) -> None:
    systemd, usual = tmp_path / "systemd", tmp_path / "usual"
    usual.touch()
    assert kubelet.resolver((systemd, usual)) == usual
    systemd.touch()
    assert kubelet.resolver((systemd, usual)) == systemd


def test_the_proxy_leaves_the_machines_connection_limits_alone() -> None:
    flags = kubelet.proxy_flags(Path("/kubeconfig"))
    assert flags["conntrack-max-per-core"] == "0"
    assert flags["conntrack-tcp-timeout-established"] == "0s"
    assert flags["iptables-localhost-nodeports"] == "false"


def test_pods_are_reached_from_this_machine_only() -> None:
    assert kubelet.proxy_flags(Path("/kubeconfig"))["nodeport-addresses"] == "primary"


def test_sessions_can_be_opened_from_this_machine_only() -> None:
    daemon = addons.traefik(Path("/bin/traefik"), Path("/kubeconfig"), 8080)
    assert "--entrypoints.web.address=127.0.0.1:8080" in daemon.argv
    secure = addons.entry_over_tls(8443, Path("/certificate"))
    assert secure["entrypoints.websecure.address"] == "127.0.0.1:8443"
    assert daemon.environment == {"KUBECONFIG": "/kubeconfig"}


def test_the_entry_over_tls_has_an_authority_that_vouches_for_nothing_else(tmp_path: Path) -> None:
    made = Layout(state=tmp_path)
    made.configuration.mkdir()
    told = json.loads(addons.certificate(made).read_text())["tls"]["stores"]["default"]["defaultCertificate"]
    authority = x509.load_pem_x509_certificate((made.entry / "ca.crt").read_bytes())
    shown = x509.load_pem_x509_certificate(Path(told["certFile"]).read_bytes())
    shown.verify_directly_issued_by(authority)
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "*.localhost"]
    assert Path(told["keyFile"]).stat().st_mode & 0o077 == 0


def test_there_is_one_default_storage_class_and_the_one_of_data_sources() -> None:
    default, data_sources = addons.storage_classes()
    annotation = "storageclass.kubernetes.io/is-default-class"
    assert (default["metadata"]["name"], default["metadata"]["annotations"][annotation]) == ("hostpath", "true")
    assert data_sources["metadata"] == {"name": "csi-rclone-secret-annotation", "annotations": {}}
    assert default["allowVolumeExpansion"]
    assert data_sources["allowVolumeExpansion"]


def test_the_api_server_checks_the_metrics_servers_certificate(tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_bytes(b"certificate")
    service, slice_, api_service = addons.metrics_objects(authority)
    assert base64.b64decode(api_service["spec"]["caBundle"]) == b"certificate"
    assert "insecureSkipTLSVerify" not in api_service["spec"]
    assert "selector" not in service["spec"]
    assert slice_["metadata"]["labels"] == {"kubernetes.io/service-name": service["metadata"]["name"]}
    assert slice_["endpoints"][0]["addresses"] == [layout.NODE_ADDRESS]


def test_a_node_that_was_ready_before_a_crash_does_not_count_as_ready() -> None:
    condition = {"type": "Ready", "status": "True", "lastHeartbeatTime": "1970-01-01T00:01:40Z"}
    reported = {"status": {"conditions": [{"type": "DiskPressure", "status": "False"}, condition]}}
    assert node.is_ready(reported, since=100.9)
    assert not node.is_ready(reported, since=101.0)
    assert not node.is_ready({"status": {"conditions": [{**condition, "status": "Unknown"}]}}, since=0)
    assert not node.is_ready({"status": {}}, since=0)


def test_the_metrics_api_counts_only_when_it_is_reached() -> None:
    assert node.is_available({"status": {"conditions": [{"type": "Available", "status": "True"}]}})
    assert not node.is_available({"status": {"conditions": [{"type": "Available", "status": "False"}]}})
    assert not node.is_available({})


def test_another_port_for_sessions_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(layout.HTTP_PORT_VARIABLE, raising=False)
    assert layout.http_port() == 80
    monkeypatch.setenv(layout.HTTP_PORT_VARIABLE, "8080")
    assert layout.http_port() == 8080
    monkeypatch.setenv(layout.HTTPS_PORT_VARIABLE, "")
    assert layout.https_port() == 8443

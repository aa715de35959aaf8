"""The node's own Kubernetes programs: kubelet, which runs the pods, and kube-proxy, which leads to Services.

Their configuration is decided here from the layout and the machine; `lab.node.node` starts them.
"""

import ipaddress
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.base.pki import KeyPair
from lab.control_plane.flags import Flags
from lab.node.layout import (
    KUBELET_HEALTH_PORT,
    NODE,
    NODE_ADDRESS,
    POD_RANGE,
    PROXY_HEALTH_PORT,
    PROXY_METRICS_PORT,
    Layout,
)

RESOLVERS = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))
"""The first that exists is what pods get: where systemd-resolved runs, the second names only the host's loopback."""


def configuration(layout: Layout, authority: Path, pair: KeyPair, resolver: Path) -> dict[str, Any]:
    """Return the kubelet's configuration. `pair` is its server certificate, `resolver` a resolv.conf."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "healthzPort": KUBELET_HEALTH_PORT,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(authority)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pair.certificate),
        "tlsPrivateKeyFile": str(pair.key),
        "containerRuntimeEndpoint": f"unix://{layout.socket}",
        "podLogsDir": str(layout.pod_logs),
        "volumePluginDir": str(layout.kubelet / "volume-plugins"),
        "resolvConf": str(resolver),
        # There is no DNS of the cluster's own; with none named, each pod would get a warning event.
        "clusterDNS": name_servers(resolver.read_text()) or [NODE_ADDRESS],
        "clusterDomain": "cluster.local",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "maxPods": 250,
        "serializeImagePulls": False,
        # Images come from no registry, so none may be collected; and a full disk is the user's own business.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
        # A minute each otherwise: so soon what a pod lacked or has changed is seen, and how much of the disk it uses.
        "syncFrequency": "10s",
        "volumeStatsAggPeriod": "10s",
        # kube-proxy makes the chains it needs itself; those of the kubelet would be left behind.
        "makeIPTablesUtilChains": False,
    }


def name_servers(resolv_conf: str) -> list[str]:
    """Return the name servers that a pod can reach: all but those of the host's loopback."""
    lines = [line.split() for line in resolv_conf.splitlines()]
    named = [words[1].partition("%")[0] for words in lines if words[:1] == ["nameserver"] and len(words) > 1]
    return [address for address in named if not ipaddress.ip_address(address).is_loopback][:3]


def resolver(candidates: Sequence[Path] = RESOLVERS) -> Path:
    """Return the first resolv.conf that exists."""
    return next((path for path in candidates if path.exists()), candidates[-1])


def kubelet_flags(layout: Layout, config: Path, kubeconfig: Path) -> Flags:
    """Return the kubelet's flags: what its configuration file cannot hold."""
    return {
        "config": str(config),
        "kubeconfig": str(kubeconfig),
        "hostname-override": NODE,
        "node-ip": NODE_ADDRESS,
        "root-dir": str(layout.kubelet),
    }


def proxy_flags(kubeconfig: Path) -> Flags:
    """Return the flags of kube-proxy; zeros leave the machine's own limits for connections as they are."""
    return {
        "kubeconfig": str(kubeconfig),
        "hostname-override": NODE,
        "cluster-cidr": POD_RANGE,
        "proxy-mode": "iptables",
        # A second otherwise, in which a new Service refuses connections.
        "iptables-min-sync-period": "100ms",
        "healthz-bind-address": f"127.0.0.1:{PROXY_HEALTH_PORT}",
        "metrics-bind-address": f"127.0.0.1:{PROXY_METRICS_PORT}",
        "conntrack-max-per-core": "0",
        "conntrack-tcp-timeout-established": "0s",
        "conntrack-tcp-timeout-close-wait": "0s",
        "iptables-localhost-nodeports": "false",
        # Nobody outside of this machine reaches a pod.
        "nodeport-addresses": "primary",
    }


def write_configuration(layout: Layout, authority: Path, pair: KeyPair) -> Path:
    """Write the kubelet's configuration and return its path; JSON is YAML."""
    path = layout.configuration / "kubelet.json"
    path.write_text(json.dumps(configuration(layout, authority, pair, resolver()), indent=2) + "\n")
    return path

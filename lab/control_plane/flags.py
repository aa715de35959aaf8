"""The command lines of the control plane's programs, as plain dictionaries: flag name to value.

`control_plane.py` merges a caller's own flags over these, so that a profile adds or replaces single flags.
"""

import ipaddress
import json
from dataclasses import dataclass, field
from pathlib import Path

from lab.base.pki import KeyPair

Flags = dict[str, str]

FRONT_PROXY_USER = "front-proxy-client"


@dataclass(frozen=True)
class Ports:
    """The TCP ports of one control plane."""

    api_server: int
    etcd: int
    etcd_peer: int
    controller_manager: int
    scheduler: int


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one control plane."""

    controller_manager: bool = False
    """Needed for garbage collection, StatefulSets, Jobs and the deletion of namespaces."""
    scheduler: bool = False
    audit_user: str | None = None
    """Log each request of this user, by metadata, and nobody else's, to `ControlPlane.audit_log`."""
    scale: bool = False
    """Lift the client limits that would slow hundreds of sessions down."""
    outlive: bool = False
    """Let the programs run on when this process ends."""
    durable: bool = False
    """Flush each write to disk: slower, and only of use if data is to survive a crash of the machine."""
    address: str = "127.0.0.1"
    """The address that the API server listens on and that pods get."""
    service_range: str = "198.19.0.0/16"
    pod_range: str = ""
    """The range to give nodes their pod addresses from; empty if nodes need none."""
    ports: Ports | None = None
    """Free ports are looked for where none are given."""
    api_server_flags: Flags = field(default_factory=dict)
    controller_manager_flags: Flags = field(default_factory=dict)
    scheduler_flags: Flags = field(default_factory=dict)

    @property
    def api_server_names(self) -> list[str]:
        """Return every name and address under which clients reach the API server."""
        first_service = str(ipaddress.ip_network(self.service_range)[1])
        inside = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        return ["localhost", *inside, *dict.fromkeys(["127.0.0.1", self.address, first_service])]


@dataclass(frozen=True)
class Credentials:
    """The certificates and keys that the control plane's programs show each other."""

    authority: Path
    etcd: KeyPair
    api_server: KeyPair
    kubelet_client: KeyPair
    front_proxy: KeyPair
    service_accounts: KeyPair


def etcd(data: Path, ports: Ports, credentials: Credentials, *, durable: bool) -> Flags:
    """Return the flags of a single etcd that talks only to holders of the lab's certificates."""
    client, peer = (f"https://127.0.0.1:{port}" for port in (ports.etcd, ports.etcd_peer))
    flags = {
        "name": "lab",
        "data-dir": str(data),
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"lab={peer}",
        "log-level": "warn",
    }
    for side in ("", "peer-"):
        flags |= {
            f"{side}client-cert-auth": "true",
            f"{side}trusted-ca-file": str(credentials.authority),
            f"{side}cert-file": str(credentials.etcd.certificate),
            f"{side}key-file": str(credentials.etcd.key),
        }
    return flags if durable else {**flags, "unsafe-no-fsync": "true"}


def api_server(settings: Settings, ports: Ports, credentials: Credentials) -> Flags:
    """Return the flags of an API server with the admission and authorization of a production cluster."""
    flags = {
        "bind-address": settings.address,
        "advertise-address": settings.address,
        "secure-port": str(ports.api_server),
        "service-cluster-ip-range": settings.service_range,
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "OwnerReferencesPermissionEnforcement",
        "allow-privileged": "true",
        **_trust(ports, credentials),
    }
    if not settings.controller_manager:
        # Nothing would make the service account without which this plugin refuses every pod.
        flags["disable-admission-plugins"] = "ServiceAccount"
    if ipaddress.ip_address(settings.address).is_loopback:
        # A loopback address is not allowed in the endpoints of the Service `kubernetes`.
        flags["endpoint-reconciler-type"] = "none"
    return flags | settings.api_server_flags


def _trust(ports: Ports, credentials: Credentials) -> Flags:
    authority = str(credentials.authority)
    return {
        "client-ca-file": authority,
        "tls-cert-file": str(credentials.api_server.certificate),
        "tls-private-key-file": str(credentials.api_server.key),
        "etcd-servers": f"https://127.0.0.1:{ports.etcd}",
        "etcd-cafile": authority,
        "etcd-certfile": str(credentials.etcd.certificate),
        "etcd-keyfile": str(credentials.etcd.key),
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": str(credentials.service_accounts.certificate),
        "service-account-signing-key-file": str(credentials.service_accounts.key),
        # By name, `kubectl logs` would ask a name server for the node.
        "kubelet-preferred-address-types": "InternalIP",
        "kubelet-certificate-authority": authority,
        "kubelet-client-certificate": str(credentials.kubelet_client.certificate),
        "kubelet-client-key": str(credentials.kubelet_client.key),
        "enable-aggregator-routing": "true",
        "requestheader-client-ca-file": authority,
        "requestheader-allowed-names": FRONT_PROXY_USER,
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "proxy-client-cert-file": str(credentials.front_proxy.certificate),
        "proxy-client-key-file": str(credentials.front_proxy.key),
    }


def audit(policy: Path, log: Path) -> Flags:
    """Return the flags for an audit log at `log` that follows the file `policy`."""
    return {"audit-policy-file": str(policy), "audit-log-path": str(log), "audit-log-format": "json"}


def audit_policy(user: str) -> str:
    """Return an audit policy: one line for each answered request of `user`, nothing for anybody else."""
    rules = [{"level": "Metadata", "users": [user]}, {"level": "None"}]
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": rules,
    }
    return json.dumps(policy, indent=2) + "\n"


def controller_manager(settings: Settings, ports: Ports, credentials: Credentials, kubeconfig: Path) -> Flags:
    """Return the flags of a controller manager that also provisions volumes from the machine's own disk."""
    flags = _client(ports.controller_manager, credentials, kubeconfig) | {
        "use-service-account-credentials": "true",
        "service-account-private-key-file": str(credentials.service_accounts.key),
        "root-ca-file": str(credentials.authority),
        "enable-hostpath-provisioner": "true",
        "flex-volume-plugin-dir": str(credentials.authority.parent / "flex-volume-plugins"),
    }
    if settings.pod_range:
        flags |= {"allocate-node-cidrs": "true", "cluster-cidr": settings.pod_range}
    if settings.scale:
        flags |= _unlimited() | {"concurrent-statefulset-syncs": "50", "concurrent-gc-syncs": "50"}
    return flags | settings.controller_manager_flags


def scheduler(settings: Settings, ports: Ports, credentials: Credentials, kubeconfig: Path) -> Flags:
    """Return the flags of a scheduler."""
    flags = _client(ports.scheduler, credentials, kubeconfig)
    return flags | (_unlimited() if settings.scale else {}) | settings.scheduler_flags


def _client(port: int, credentials: Credentials, kubeconfig: Path) -> Flags:
    return {
        "kubeconfig": str(kubeconfig),
        "authentication-kubeconfig": str(kubeconfig),
        "authorization-kubeconfig": str(kubeconfig),
        "leader-elect": "false",
        "bind-address": "127.0.0.1",
        "secure-port": str(port),
        "tls-cert-file": str(credentials.api_server.certificate),
        "tls-private-key-file": str(credentials.api_server.key),
    }


def _unlimited() -> Flags:
    return {"kube-api-qps": "2000", "kube-api-burst": "4000"}


def argv(program: Path, flags: Flags) -> list[str]:
    """Return the command line for `program`."""
    return [str(program), *(f"--{name}={value}" for name, value in flags.items())]

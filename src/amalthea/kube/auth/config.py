"""The API server to talk to, and the credentials: from the pod's service account, or from a kubeconfig.

The order of the places is that of other controllers: the file that is named, `KUBECONFIG`, the service account,
`~/.kube/config`. `client.py` uses the result.
"""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from amalthea.engine.ports import Clock
from amalthea.kube.auth import identity, tls
from amalthea.kube.auth.credentials import ConfigError, Credentials, GivenToken, TokenFile
from amalthea.kube.auth.kubeconfig import Cluster, Entry, Kubeconfig

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Config:
    """The address, credentials and TLS settings for one API server.

    `server` is its URL without a trailing slash; `namespace` the one that is meant when none is named; `tls` None
    for plain HTTP; `server_name` the name to expect in its certificate, where it is not the host's; `proxy` the
    URL of an HTTP proxy.
    """

    server: str
    namespace: str = "default"
    credentials: Credentials = field(default_factory=GivenToken)
    tls: ssl.SSLContext | None = None
    server_name: str = ""
    proxy: str = ""


def load(
    environ: Mapping[str, str], clock: Clock, kubeconfig: Path | None = None, context: str | None = None
) -> Config:
    """Return the configuration to use.

    Raises:
        ConfigError: it cannot be used; the message names the place that is at fault.
    """
    if kubeconfig is not None:
        return from_kubeconfig([kubeconfig], environ, clock, context)
    if listed := environ.get("KUBECONFIG"):
        named = [Path(part) for part in listed.split(os.pathsep) if part]
        present = [path for path in named if path.exists()]
        if not present:
            raise ConfigError(f"KUBECONFIG: no such file: {listed}; set KUBECONFIG, or ask your admin for one.")
        return from_kubeconfig(present, environ, clock, context)
    if context is None and "KUBERNETES_SERVICE_HOST" in environ and (SERVICE_ACCOUNT / "token").exists():
        return from_service_account(environ, clock, SERVICE_ACCOUNT)
    return from_kubeconfig([Path(environ.get("HOME", "/")) / ".kube" / "config"], environ, clock, context)


def from_service_account(environ: Mapping[str, str], clock: Clock, root: Path) -> Config:
    """Return the configuration that every pod is given, below `root`."""
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    return Config(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        namespace=_read_mounted(root / "namespace").decode().strip(),
        credentials=TokenFile(root / "token", clock),
        tls=_trust(_read_mounted(root / "ca.crt"), str(root / "ca.crt")),
    )


def from_kubeconfig(paths: list[Path], environ: Mapping[str, str], clock: Clock, context: str | None = None) -> Config:
    """Return what `context` (None: the current one) of the merged files says."""
    merged = Kubeconfig(paths)
    chosen = merged.context(context)
    cluster, user = merged.cluster_of(chosen), merged.user_of(chosen)
    encryption = _encryption(cluster)
    if encryption is not None:
        identity.present_certificate(user, encryption)
    return Config(
        server=_server(cluster),
        namespace=chosen.value.namespace or "default",
        credentials=identity.credentials(user, cluster, encryption, clock),
        tls=encryption,
        server_name=cluster.value.tls_server_name,
        proxy=_proxy(cluster, environ),
    )


def _server(cluster: Entry[Cluster]) -> str:
    server = cluster.value.server.rstrip("/")
    if urlsplit(server).scheme not in {"http", "https"}:
        raise ConfigError(f"{cluster.where}: server: {server!r} is not an http or https URL")
    return server


def _encryption(cluster: Entry[Cluster]) -> ssl.SSLContext | None:
    said = cluster.value
    if not said.server.startswith("https:"):
        return None
    authorities = said.certificate_authority_data or None
    name = "certificate-authority-data"
    if authorities is None and said.certificate_authority:
        name = "certificate-authority"
        authorities = cluster.read(name, said.certificate_authority)
    return _trust(authorities, f"{cluster.where}: {name}", verify=not said.insecure_skip_tls_verify)


def _trust(authorities: bytes | None, where: str, *, verify: bool = True) -> ssl.SSLContext:
    try:
        return tls.context(authorities, verify=verify)
    except ssl.SSLError as error:
        raise ConfigError(f"{where}: holds no certificates: {error.reason}") from None


def _proxy(cluster: Entry[Cluster], environ: Mapping[str, str]) -> str:
    """Return the proxy of the cluster, else that of the environment, which is never meant for this machine."""
    if proxy := cluster.value.proxy_url:
        if urlsplit(proxy).scheme not in {"http", "https"}:
            raise ConfigError(f"{cluster.where}: proxy-url: only http and https proxies are supported")
        return proxy
    target = urlsplit(cluster.value.server)
    exempt = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if _is_exempt(target.hostname or "", exempt):
        return ""
    variable = f"{target.scheme}_proxy"
    return environ.get(variable.upper()) or environ.get(variable) or ""


def _is_exempt(host: str, listed: str) -> bool:
    """Return whether a host is this machine, or in a NO_PROXY list (itself, or the end of its name)."""
    names = [name.strip().lstrip(".") for name in listed.split(",")]
    own = host in {"localhost", "127.0.0.1", "::1"}
    return own or any(name in {"*", host} or (name != "" and host.endswith(f".{name}")) for name in names)


def _read_mounted(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot read it: {error.strerror}") from None

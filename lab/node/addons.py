"""The add-ons of a usable cluster: storage classes, an ingress controller and the metrics API.

The ingress controller and the metrics server are plain programs on the host; the objects here lead to them.
`lab.node.node` starts them; `lab.node.provisioner` stands behind the storage classes.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

from lab.base.pki import Authority, KeyPair
from lab.base.process import Daemon
from lab.base.project import PROJECT
from lab.control_plane.flags import Flags
from lab.node.layout import METRICS_SERVER_PORT, NODE_ADDRESS, TRAEFIK_PING_PORT, Layout
from lab.node.provisioner import NAME as PROVISIONER

INGRESS_CLASS = "traefik"
METRICS_SERVER = "metrics-server"
METRICS_SERVER_NAME = f"{METRICS_SERVER}.kube-system.svc"
METRICS_API = "v1beta1.metrics.k8s.io"
ENTRY_NAMES = ("localhost", "*.localhost", "127.0.0.1")
"""The names in the certificate of the entry over TLS. OpenSSL takes no wildcard right below the root; browsers do."""

Manifest = dict[str, Any]


def storage_class(name: str, provisioner: str, *, default: bool = False) -> Manifest:
    """Return a StorageClass whose volumes can grow."""
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": annotations},
        "provisioner": provisioner,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
        "allowVolumeExpansion": True,
    }


def storage_classes(provisioner: str = PROVISIONER) -> list[Manifest]:
    """Return the default class, and one with the name of the class that data sources ask for."""
    return [
        storage_class("hostpath", provisioner, default=True),
        storage_class("csi-rclone-secret-annotation", provisioner),
    ]


def ingress_class() -> Manifest:
    """Return the class that Traefik serves, which is also that of an Ingress that names none."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {
            "name": INGRESS_CLASS,
            "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"},
        },
        "spec": {"controller": "traefik.io/ingress-controller"},
    }


def node_reads() -> list[Manifest]:
    """Return the right of nodes to read what pods mount, in addition to the node authorizer's.

    That one learns of a pod through a watch of its own. On a small machine the kubelet is sometimes faster: it is
    refused the pod's claim ("no relationship found"), and tries again ten seconds later.
    """
    name = {"name": "lab:node-reads"}
    group = "rbac.authorization.k8s.io"
    kinds = ["configmaps", "persistentvolumeclaims", "persistentvolumes", "secrets"]
    rules = [{"apiGroups": [""], "resources": kinds, "verbs": ["get", "list", "watch"]}]
    return [
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": name, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": name,
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", **name},
            "subjects": [{"apiGroup": group, "kind": "Group", "name": "system:nodes"}],
        },
    ]


def metrics_objects(authority: Path) -> list[Manifest]:
    """Return the objects that lead the API server to a metrics server on the host, certified by `authority`."""
    labels = {"kubernetes.io/service-name": METRICS_SERVER}
    place = {"name": METRICS_SERVER, "namespace": "kube-system"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": place,
            "spec": {"ports": [{"name": "https", "port": 443, "targetPort": METRICS_SERVER_PORT}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**place, "labels": labels},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [NODE_ADDRESS], "conditions": {"ready": True}}],
            "ports": [{"name": "https", "port": METRICS_SERVER_PORT, "protocol": "TCP"}],
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": METRICS_API},
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "service": {**place, "port": 443},
                "caBundle": base64.b64encode(authority.read_bytes()).decode(),
            },
        },
    ]


def as_list(objects: list[Manifest]) -> str:
    """Return one JSON document that kubectl applies."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def certificate(layout: Layout) -> Path:
    """Issue the certificate of the entry over TLS, and return the file that names it to Traefik."""
    pair = Authority(layout.entry).server("entry", ENTRY_NAMES)
    shown = {"certFile": str(pair.certificate), "keyFile": str(pair.key)}
    file = layout.configuration / "certificate.yaml"
    file.write_text(json.dumps({"tls": {"stores": {"default": {"defaultCertificate": shown}}}}))  # JSON is YAML
    return file


def entry_over_tls(port: int, certificate_file: Path) -> Flags:
    """Return Traefik's flags for a port at which each session is opened over TLS, by the file of `certificate`."""
    return {
        "providers.file.filename": str(certificate_file),
        "entrypoints.websecure.address": f"127.0.0.1:{port}",
        "entrypoints.websecure.http.tls": "true",
        "entrypoints.websecure.transport.respondingtimeouts.readtimeout": "0",
    }


def traefik(
    program: Path,
    kubeconfig: Path,
    http_port: int,
    throttle: str = "100ms",
    ping_port: int = TRAEFIK_PING_PORT,
    more: Flags | None = None,
) -> Daemon:
    """Return the ingress controller, which listens on 127.0.0.1 only.

    `throttle` is how long it waits between two changes of its routes: two seconds by itself, in which a new session is
    not found. `more` are flags besides its own.
    """
    flags = {
        **(more or {}),
        "providers.kubernetesingress": "true",
        "providers.kubernetesingress.ingressclass": INGRESS_CLASS,
        "providers.kubernetesingress.ingressendpoint.ip": "127.0.0.1",
        "providers.providersthrottleduration": throttle,
        "entrypoints.web.address": f"127.0.0.1:{http_port}",
        # An upload into a notebook may take longer than the minute that is allowed otherwise.
        "entrypoints.web.transport.respondingtimeouts.readtimeout": "0",
        "entrypoints.ping.address": f"127.0.0.1:{ping_port}",
        "ping.entrypoint": "ping",
        "log.nocolor": "true",
        "global.checknewversion": "false",
        "global.sendanonymoususage": "false",
    }
    return Daemon("traefik", _argv(program, flags), {"KUBECONFIG": str(kubeconfig)})


def metrics_server(program: Path, kubeconfig: Path, pair: KeyPair, authority: Path) -> Daemon:
    """Return the metrics server; `pair` is its certificate for METRICS_SERVER_NAME."""
    flags = {
        "kubeconfig": str(kubeconfig),
        "authentication-kubeconfig": str(kubeconfig),
        "authorization-kubeconfig": str(kubeconfig),
        "bind-address": NODE_ADDRESS,
        "secure-port": str(METRICS_SERVER_PORT),
        "tls-cert-file": str(pair.certificate),
        "tls-private-key-file": str(pair.key),
        "kubelet-certificate-authority": str(authority),
        "kubelet-preferred-address-types": "InternalIP",
        # The time limit of a request must be the smaller of the two.
        "metric-resolution": "10s",
        "kubelet-request-timeout": "5s",
    }
    return Daemon("metrics-server", _argv(program, flags))


def provisioner(url: str, authority: Path, pair: KeyPair, folders: Path) -> Daemon:
    """Return the program that makes volumes: this project's own."""
    files = (str(path) for path in (authority, pair.certificate, pair.key, folders))
    argv = (sys.executable, "-m", "lab.node.provisioner", url, *files)
    return Daemon("provisioner", argv, {"PYTHONPATH": str(PROJECT)})


def _argv(program: Path, flags: Flags) -> list[str]:
    return [str(program), *(f"--{name}={value}" for name, value in flags.items())]

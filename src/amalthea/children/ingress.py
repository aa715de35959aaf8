"""The Ingress of an interactive session, while it is not hibernated."""

from collections.abc import Iterable

import msgspec

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.api.types import Ingress
from amalthea.children.shared import meta
from amalthea.children.shared.snippets import compact
from amalthea.children.shared.subject import Subject
from amalthea.children.shared.url import path_prefix

_TUNNEL_PATH = "__amalthea__/tunnel"


def ingress(subject: Subject, wanted: Ingress) -> Manifest:
    """Return the Ingress that `spec.ingress` asks for."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": meta.child(subject, subject.name, wanted.annotations),
        "spec": compact(
            {
                "ingressClassName": wanted.ingress_class_name,
                "rules": [{"host": wanted.host, "http": {"paths": _paths(subject, wanted)}}],
                "tls": _tls(wanted),
            }
        ),
    }


def with_challenges(manifest: Manifest, found: Iterable[tuple[str, bytes]]) -> Manifest:
    """Return an Ingress with the paths that cert-manager has added to the one that is there, below their hosts.

    It does so where the annotation `acme.cert-manager.io/http01-edit-in-place` asks for it, and takes them away again.
    """
    rules: list[Manifest] = manifest["spec"]["rules"]
    for host, path in found:
        for index, rule in enumerate(rules):
            if rule["host"] == host:
                paths = [*rule["http"]["paths"], msgspec.json.decode(path)]
                rules = [*rules[:index], {**rule, "http": {"paths": paths}}, *rules[index + 1 :]]
    return {**manifest, "spec": {**manifest["spec"], "rules": rules}}


def _paths(subject: Subject, wanted: Ingress) -> list[Manifest]:
    prefix = path_prefix(wanted)
    paths = [_path(subject, prefix, names.PORT_NAME_HTTP)]
    if subject.remote:
        paths.append(_path(subject, prefix + _TUNNEL_PATH, names.PORT_NAME_TUNNEL))
    return paths


def _path(subject: Subject, path: str, port_name: str) -> Manifest:
    backend = {"service": {"name": subject.name, "port": {"name": port_name}}}
    return {"path": path, "pathType": "Prefix", "backend": backend}


def _tls(wanted: Ingress) -> list[Manifest]:
    if wanted.tls_secret is not None:
        return [{"hosts": [wanted.host], "secretName": wanted.tls_secret.name}]
    # One empty entry makes the Ingress controller serve HTTPS with its own certificate.
    return [{}] if wanted.use_default_cluster_tls_cert else []

"""Writes kubeconfig files, with all certificates inside, so that one file can be handed to anybody.

A kubeconfig is YAML, and JSON is YAML: it is written as JSON, which Python knows without a library.
"""

import base64
import json
from pathlib import Path

from lab.base.pki import KeyPair, write_secret

NAME = "amalthea-lab"


def render(url: str, authority: bytes, certificate: bytes, key: bytes) -> str:
    """Return a kubeconfig for one user of one cluster; `authority`, `certificate` and `key` are PEM."""
    cluster = {"server": url, "certificate-authority-data": _encoded(authority)}
    user = {"client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": NAME,
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{"name": NAME, "user": user}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
    }
    return json.dumps(config, indent=2) + "\n"


def write(path: Path, url: str, authority: Path, pair: KeyPair) -> Path:
    """Write a kubeconfig that only its owner can read to `path`, and return that."""
    text = render(url, authority.read_bytes(), pair.certificate.read_bytes(), pair.key.read_bytes())
    write_secret(path, text.encode())
    return path


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()

"""A metrics API (metrics.k8s.io) without a metrics server: the usage of pods is what a test writes.

A custom resource of its name simulates it, so that lists and selectors are real. Where a real metrics server is
registered, as on the full node, it has no place.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lab.control_plane.api import Api

NAME = "pods.metrics.k8s.io"
ENDLESS = datetime(2099, 1, 1, tzinfo=UTC)
"""The time of a measurement that never grows old."""
SERVED_WITHIN = 30.0

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_ROOT = "/apis/metrics.k8s.io/v1beta1"


def path(namespace: str) -> str:
    """Return the path of a namespace's measurements."""
    return f"{_ROOT}/namespaces/{namespace}/pods"


def install(api: Api) -> None:
    """Serve it, with no measurement yet; raise TimeoutError."""
    metadata = {"name": NAME, "annotations": {"api-approved.kubernetes.io": "unapproved, for tests only"}}
    names = {"plural": "pods", "singular": "pod", "kind": "PodMetrics"}
    spec = {"group": "metrics.k8s.io", "names": names, "scope": "Namespaced", "versions": [_version(served=True)]}
    api.post(_CRDS, {"metadata": metadata, "spec": spec})
    _await(api, served=True)


def set_served(api: Api, *, served: bool) -> None:
    """Take it away, as if its server were down, or bring it back with all measurements; raise TimeoutError."""
    api.patch(f"{_CRDS}/{NAME}", {"spec": {"versions": [_version(served=served)]}})
    _await(api, served=served)


def measurement(pod: str, labels: Mapping[str, str], cpu: Mapping[str, str], at: datetime = ENDLESS) -> dict[str, Any]:
    """Return what the containers of a pod use: CPU by the container's name."""
    return {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "PodMetrics",
        "metadata": {"name": pod, "labels": dict(labels)},
        "timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "containers": [{"name": name, "usage": {"cpu": cores, "memory": "1Mi"}} for name, cores in cpu.items()],
    }


def _version(*, served: bool) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {"name": "v1beta1", "served": served, "storage": True, "schema": schema}


def _await(api: Api, *, served: bool) -> None:
    deadline = time.monotonic() + SERVED_WITHIN
    while api.healthy(f"{_ROOT}/pods") != served:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the metrics API is {'not ' if served else 'still '}served after {SERVED_WITHIN:g} s")
        time.sleep(0.05)

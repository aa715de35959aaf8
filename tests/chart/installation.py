"""Charts on a real API server, as an admin installs them with Helm."""

import json
import shutil
import time
from pathlib import Path

import yaml

from lab.base.pki import write_secret
from lab.control_plane.control_plane import ControlPlane
from tests.chart.helm import NAMESPACE, RECORDED, RELEASE, ROOT, documents, find, helm

ACCOUNT = f"{RELEASE}-amalthea-sessions-controller-manager"
OPERATOR = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
"""The user that the operator is in the cluster."""

SERVED_WITHIN = 30.0
"""Seconds from the creation of a CRD until the API server answers for its objects; one is usual."""


class Installation:
    """The release `amalthea` on one cluster. What Helm writes for itself goes below `folder`."""

    def __init__(self, cluster: ControlPlane, folder: Path) -> None:
        self._cluster = cluster
        self._folder = folder

    def helm(self, *arguments: str) -> str:
        """Run Helm as the cluster's administrator, in the release's namespace."""
        where = ("--kubeconfig", str(self._cluster.kubeconfig), "--namespace", NAMESPACE)
        return helm(*arguments, *where, home=self._folder / "helm")

    def install(self, chart: Path, *flags: str) -> None:
        """Install a chart that brings the CRD, and return when sessions can be created."""
        self.helm("install", RELEASE, str(chart), "--create-namespace", *flags)
        deadline = time.monotonic() + SERVED_WITHIN
        while not self._cluster.api.healthy("/apis/amalthea.dev/v1alpha1/amaltheasessions"):
            assert time.monotonic() < deadline, f"sessions are not served after {SERVED_WITHIN} s"
            time.sleep(0.05)

    def kubeconfig(self) -> Path:
        """Write a kubeconfig with a token of the operator's service account; return its path."""
        token = self._cluster.api.post(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token", {})
        cluster = {"server": self._cluster.url, "certificate-authority": str(self._cluster.authority.pair.certificate)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "it", "user": {"token": token["status"]["token"]}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "current-context": "it",
        }
        path = self._folder / "operator.kubeconfig"
        write_secret(path, json.dumps(config).encode())
        return path


def old_chart(folder: Path) -> Path:
    """Write the Go operator's chart, its rendered objects and its CRD, below `folder`; return its path."""
    chart = folder / "old-chart"
    templates = chart / "templates"
    templates.mkdir(parents=True)
    text = (RECORDED / "chart.yaml").read_text()
    labels = find(documents(text), "Deployment")["metadata"]["labels"]
    about = {
        "apiVersion": "v2",
        "name": "amalthea-sessions",
        "version": labels["helm.sh/chart"].removeprefix("amalthea-sessions-"),
        "appVersion": labels["app.kubernetes.io/version"],
    }
    (chart / "Chart.yaml").write_text(yaml.dump(about))
    (templates / "objects.yaml").write_text(text)
    shutil.copy(RECORDED / "values.yaml", chart / "values.yaml")
    shutil.copy(ROOT / "tests" / "data" / "amaltheasessions.crd.yaml", templates / "crd.yaml")
    return chart

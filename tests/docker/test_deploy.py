"""From source to sessions by kustomize: built, pushed, deployed from there, every sample run, and all away again."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from lab.base import state
from lab.base.progress import Progress
from lab.cluster import admin, image_loaders
from lab.cluster.admin import Admin
from lab.docker.engine import Engine
from lab.images import images
from tests.docker.conftest import ROOT

pytestmark = pytest.mark.timeout(1200)
SYSTEM = "amalthea-system"
SAMPLES = {"jupyterlab": "Running", "pi": "Succeeded", "paused": "Hibernated", "front-end": "Running", "lab": "Running"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Admin]:
    """The lab's own node with the sessions' images; down again afterwards, unless it was up."""
    was_up = state.folder("full").exists()
    subprocess.run((sys.executable, "-m", "lab", "up"), cwd=ROOT, check=True)
    image_loaders.load(images.SESSION_IMAGES, Progress())
    yield admin.up(Progress())
    if not was_up:
        subprocess.run((sys.executable, "-m", "lab", "down"), cwd=ROOT, check=True)


def test_what_is_pushed_runs_in_a_cluster_with_every_sample(
    engine: Engine, make: Callable[..., str], cluster: Admin
) -> None:
    image = f"{engine.registry}/amalthea/operator:deploy"
    there = {"KUBECONFIG": str(cluster.kubeconfig), "KUBECTL": str(cluster.kubectl_path)}
    make("docker-build", "docker-push", f"IMG={image}")
    make("deploy", f"IMG={image}", **there)
    try:
        pods = json.loads(cluster.kubectl("get", "pods", f"--namespace={SYSTEM}", "--output=json"))["items"]
        (status,) = pods[0]["status"]["containerStatuses"]
        assert status["imageID"].startswith(f"{engine.registry}/amalthea/operator@sha256:"), "it was pulled from there"
        _run_the_samples(cluster)
    finally:
        make("undeploy", "ignore-not-found=true", **there)
        make("uninstall", "ignore-not-found=true", "FORCE=1", **there)
    assert cluster.get("namespace", SYSTEM, "default") is None


def test_another_cluster_is_tested_if_it_is_named(engine: Engine, make: Callable[..., str], cluster: Admin) -> None:
    """With images that it pulls: here the lab's own node plays that cluster."""
    names = {name: f"{engine.registry}/amalthea/{name}:elsewhere" for name in ("operator", "sidecars")}
    make("docker-build", "docker-push", f"IMG={names['operator']}")
    make("docker-build-sidecars", f"SIDECARS_IMG={names['sidecars']}")
    make("docker-push", f"IMG={names['sidecars']}")
    there = {"KUBECONFIG": str(cluster.kubeconfig), "KUBECTL": str(cluster.kubectl_path)}
    context = cluster.kubectl("config", "current-context").strip()
    chosen = (f"IMG={names['operator']}", f"SIDECARS_IMG={names['sidecars']}", f"HELM={cluster.helm_path}")
    assert "2 passed" in make("test-e2e", f"CONTEXT={context}", *chosen, **there)


def _run_the_samples(cluster: Admin) -> None:
    place = "--namespace=samples"
    cluster.kubectl("create", "namespace", "samples")
    try:
        cluster.kubectl("create", "secret", "generic", "lab", place, "--from-literal=auth=token: 'a-key-of-the-test'")
        cluster.kubectl("apply", place, "--kustomize", str(ROOT / "config/samples"))
        for name, wanted in SAMPLES.items():
            reached = f"--for=jsonpath={{.status.state}}={wanted}"
            cluster.kubectl("wait", place, reached, "--timeout=180s", f"amaltheasession/{name}")
        cluster.kubectl("delete", place, "--kustomize", str(ROOT / "config/samples"), "--timeout=120s")
        assert cluster.kubectl("get", "amaltheasessions", place, "--output=name") == ""
    finally:
        cluster.kubectl("delete", "namespace", "samples", "--timeout=120s")

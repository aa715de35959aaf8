"""Tests for any cluster that is named on the command line: `make test-e2e CONTEXT=name IMG=… SIDECARS_IMG=…`.

The chart is installed into a namespace of its own, with images that the cluster can pull; all of it goes again.
"""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from amalthea.cli.trial import manifest
from lab.base.progress import Progress
from lab.programs import binaries
from tools.chart import CHART
from tools.kubectl import SESSIONS, Kubectl, ToolError
from tools.manifests import image_entry

pytestmark = pytest.mark.timeout(600)
WITHIN = "180s"


@pytest.fixture(scope="module")
def context() -> str:
    """Return the context that was named: never the current one by itself."""
    named = os.environ.get("CONTEXT", "")
    assert named, "name a cluster: make test-e2e CONTEXT=name"
    return named


@pytest.fixture(scope="module")
def kubectl(context: str) -> Kubectl:
    cluster = Kubectl(context=context)
    try:
        cluster.run("version")
    except ToolError as error:
        pytest.exit(f"CONTEXT={context} cannot be used: {error}", returncode=1)
    return cluster


def helm(context: str, *arguments: str) -> str:
    """Run the Helm that is installed, else the lab's own."""
    program = os.environ.get("HELM") or shutil.which("helm") or str(binaries.path("helm", Progress()))
    done = subprocess.run([program, "--kube-context", context, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def images() -> list[str]:
    """Return the chart's values for the images that were named; its own where none was."""
    values = {
        "controllerManager.manager.image": os.environ.get("IMG"),
        "sidecars.image": os.environ.get("SIDECARS_IMG"),
    }
    named = {key: name_and_tag(image) for key, image in values.items() if image}
    return [f"--set={key}.repository={name},{key}.tag={tag}" for key, (name, tag) in named.items()]


def name_and_tag(image: str) -> tuple[str, str]:
    """Return what the chart puts a colon between; a digest is a tag there."""
    entry = image_entry(image)
    name, _, digest = image.rpartition(":")
    return (entry["newName"], entry["newTag"]) if "newTag" in entry else (name, digest)


@pytest.fixture(scope="module")
def namespace(context: str, kubectl: Kubectl) -> Iterator[str]:
    """Return a namespace with a release of the chart that serves it."""
    name, had_crd = f"amalthea-e2e-{secrets.token_hex(3)}", kubectl.serves(SESSIONS)
    place = ("--namespace", name)
    crd = f"--set=deployCrd={str(not had_crd).lower()}"
    try:
        helm(context, "install", "amalthea", str(CHART), *place, "--create-namespace", "--wait", crd, *images())
        yield name
    finally:
        helm(context, "uninstall", "amalthea", *place, "--wait", "--ignore-not-found")
        kubectl.run("delete", "namespace", name, "--ignore-not-found", f"--timeout={WITHIN}")
        if not had_crd:
            kubectl.run("delete", f"crd/{SESSIONS}", "--ignore-not-found")


def test_helms_own_test_passes(context: str, namespace: str) -> None:
    assert "Phase:          Succeeded" in helm(context, "test", "amalthea", "--namespace", namespace)


def test_a_session_is_paused_resumed_and_deleted_with_all_that_belongs_to_it(kubectl: Kubectl, namespace: str) -> None:
    place, session = f"--namespace={namespace}", "amaltheasession/life"
    deployment = f"deployment/{_deployment(kubectl, namespace)}"
    path = "--output=jsonpath={.spec.template.spec.containers[0].image}"
    image = kubectl.run("get", deployment, place, path)
    kubectl.run("create", place, "--filename=-", stdin=json.dumps(manifest("life", image)))

    def reaches(state: str) -> None:
        kubectl.run("wait", place, f"--for=jsonpath={{.status.state}}={state}", f"--timeout={WITHIN}", session)

    def becomes(hibernated: str) -> None:
        kubectl.run("patch", place, session, "--type=merge", f'--patch={{"spec": {{"hibernated": {hibernated}}}}}')

    reaches("Running")
    kubectl.run("exec", place, "life-0", "--", "sh", "-c", "echo kept > /work/file")
    becomes("true")
    reaches("Hibernated")
    becomes("false")
    reaches("Running")
    assert kubectl.run("exec", place, "life-0", "--", "cat", "/work/file") == "kept\n"
    kubectl.run("delete", place, session, f"--timeout={WITHIN}")
    kubectl.run("wait", place, "--for=delete", "pod/life-0", "pvc/life", f"--timeout={WITHIN}")


def _deployment(kubectl: Kubectl, namespace: str) -> str:
    found = json.loads(kubectl.run("get", "deployments", f"--namespace={namespace}", "--output=json"))["items"]
    (name,) = (each["metadata"]["name"] for each in found)
    assert isinstance(name, str)
    return name

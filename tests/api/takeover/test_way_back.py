"""Under the CRD of the Go operator all works as well: so an admin can go back to it, and forth, at any time."""

import re
import time
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from amalthea.api import names
from amalthea.api.schema import Manifest
from lab.control_plane import ControlPlane
from lab.flags import Settings
from tests.api.operator.conftest import install_crd
from tests.api.operator.specs import JOB, PLAIN, TOKEN
from tests.api.operator.test_jobs import end
from tests.api.takeover import left_behind
from tests.support.processes import OperatorProcess
from tests.support.world import World, condition

pytestmark = pytest.mark.timeout(180)
CRD: Manifest = yaml.safe_load((Path(__file__).parents[2] / "data" / "amaltheasessions.crd.yaml").read_text())
NEWER_FIELDS = ("location", "sessionType")
"""Fields that older releases did not have."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ControlPlane]:
    """An API server whose CRD the test chooses."""
    with ControlPlane(tmp_path / "control-plane", Settings(controller_manager=True)) as started:
        body = {"metadata": {"name": "low"}, "value": 1}
        started.api.post("/apis/scheduling.k8s.io/v1/priorityclasses", body)
        yield started


@pytest.fixture
def world(cluster: ControlPlane) -> World:
    """A namespace there."""
    return World(cluster.api, "default")


@pytest.fixture
def operator(cluster: ControlPlane, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator that is not started yet."""
    process = OperatorProcess(cluster.kubeconfig, tmp_path, "default", SIDECARS_IMAGE=left_behind.SIDECARS)
    yield process
    process.kill()


def test_under_the_old_crd_no_write_is_refused_and_no_spec_is_touched(
    cluster: ControlPlane, world: World, operator: OperatorProcess
) -> None:
    serve(cluster, CRD)
    operator.start()
    world.secret("door", auth="authproxy: {token: t}")
    world.session("job", JOB)
    end(world, world.job_pod("job"), 3)
    world.session("refused", {**PLAIN, "session": {**PLAIN["session"], "urlPath": "//no-path"}})
    world.run("one", TOKEN)
    world.wait_for_state("job", "Failed")
    world.wait_for_state("refused", "Failed")
    world.patch_spec("one", hibernated=True)
    world.wait_for_state("one", "Hibernated")
    world.patch_spec("one", hibernated=False)
    world.make_pod_ready("one")
    running = world.wait_for_state("one", "Running")
    assert running["metadata"]["generation"] == 3, "created, paused, resumed: all by the user"
    assert condition(running, "ChildrenInPlace") is None, "a write that was wrong would be told"
    assert '"level": "error"' not in operator.log
    assert refused_writes(operator) == 0


def test_sessions_of_before_a_field_was_known_mean_what_they_meant(
    cluster: ControlPlane, world: World, operator: OperatorProcess
) -> None:
    """Once a missing location was read as remote, and a missing sessionType as a job."""
    serve(cluster, without_newer_fields(CRD))
    (left,) = left_behind.load(world, left_behind.of_older_releases, ["minimal"])
    assert not set(NEWER_FIELDS) & left.session["spec"].keys()
    operator.start()
    world.wait_for(names.KIND, "minimal", lambda session: condition(session, "UpdatePending"))
    install_crd(cluster)
    session = world.wait_for(names.KIND, "minimal", lambda session: session["spec"].get("location") == "local")
    assert session["status"]["state"] == "Running"
    for (kind, name), child in left.children.items():
        found = world.get(kind, name)
        assert found is not None
        assert found["metadata"]["uid"] == child["metadata"]["uid"]
        assert found["spec"].get("template") == child["spec"].get("template")


def test_a_session_that_cannot_be_read_takes_its_adopted_secrets_along_all_the_same(
    cluster: ControlPlane, world: World, operator: OperatorProcess
) -> None:
    """A foreign CRD lets through what ours refuses."""
    serve(cluster, without_a_schema(CRD))
    operator.start()
    for secret in ("door", "source", "kept"):
        world.secret(secret, key="value")
    adopting = {"dataSources": [{"secretRef": {"name": "source", "adopt": True}}], "session": {"port": "no number"}}
    world.session("one", {**TOKEN, **adopting})
    refused = world.wait_for_state("one", "Failed")
    assert "cannot be read" in refused["status"]["error"]
    assert refused["metadata"]["finalizers"] == [names.FINALIZER]
    world.delete(names.KIND, "one")
    world.wait_until_gone(names.KIND, "one")
    assert {found["metadata"]["name"] for found in world.all("Secret")} == {"kept"}


def serve(cluster: ControlPlane, crd: Manifest) -> None:
    """Install a CRD, and wait until the API server serves it."""
    cluster.kubectl("apply", "--server-side", "--filename", "-", stdin=yaml.safe_dump(crd))
    deadline = time.monotonic() + 30
    while not cluster.api.healthy("/apis/amalthea.dev/v1alpha1/amaltheasessions"):
        assert time.monotonic() < deadline, "the CRD was not established"
        time.sleep(0.05)


def without_newer_fields(crd: Manifest) -> Manifest:
    """Return the CRD as an older release brought it."""
    older = deepcopy(crd)
    spec = older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for field in NEWER_FIELDS:
        del spec["properties"][field]
    return older


def without_a_schema(crd: Manifest) -> Manifest:
    """Return the CRD of somebody who lets through any spec."""
    foreign = deepcopy(crd)
    schema = foreign["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return foreign


def refused_writes(operator: OperatorProcess) -> int:
    """Return how many writes the API server refused for good: not those (422) that came too late for the version."""
    return len(re.findall(r'^amalthea_api_requests_total\{code="(?:400|403)"', operator.metrics(), re.MULTILINE))

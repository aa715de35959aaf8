"""Under the CRD of the Go operator all works as well: so an admin can go back to it, and forth, at any time."""

import json
import re
import time
from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from pathlib import Path

import pytest
import yaml

from amalthea.api import names
from amalthea.api.schema import Manifest
from lab.control_plane.control_plane import ControlPlane
from lab.control_plane.flags import Settings
from tests.api.operator.conftest import install_crd
from tests.api.operator.specs import JOB, PLAIN, TOKEN
from tests.api.operator.test_jobs import end
from tests.api.takeover import left_behind
from tests.api.takeover.left_behind import RELEASES
from tests.support.processes import OperatorProcess
from tests.support.world import Object, World, condition

pytestmark = pytest.mark.timeout(180)
CRD: Manifest = yaml.safe_load((Path(__file__).parents[2] / "data" / "amaltheasessions.crd.yaml").read_text())
NEWER_FIELDS = ("location", "sessionType")
"""Fields of the spec that older releases did not have."""
NEWER_FIELDS_OF_THE_SESSION = ("imagePullPolicy", "readinessProbe")
"""Fields of its session container that they did not have, and that reach the pod."""


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
    (left,) = left_behind.load(world, RELEASES["older, under always"], ["token"])
    assert not set(NEWER_FIELDS) & left.session["spec"].keys()
    assert not set(NEWER_FIELDS_OF_THE_SESSION) & left.session["spec"]["session"].keys()
    operator.start()
    world.wait_for(names.KIND, "token", lambda session: condition(session, "UpdatePending"))
    install_crd(cluster)
    session = world.wait_for(names.KIND, "token", lambda session: session["spec"].get("location") == "local")
    assert session["status"]["state"] == "Running"
    assert session["spec"]["session"]["readinessProbe"] == {"type": "tcp"}
    operator.terminate()
    operator.start()  # its former watch might still be served by the former CRD
    wait_until_looked_at(world, "token")
    for (kind, name), child in left.children.items():
        found = world.get(kind, name)
        assert found is not None
        assert found["metadata"]["uid"] == child["metadata"]["uid"]
        assert found["spec"].get("template") == child["spec"].get("template")


def test_what_the_go_operator_rolled_out_in_between_is_not_rolled_out_again(
    cluster: ControlPlane, world: World, operator: OperatorProcess
) -> None:
    serve(cluster, CRD)
    operator.start()
    world.secret("door", auth="authproxy: {token: t}")
    world.run("one", TOKEN)
    assert written_last(world, "one")
    world.patch_spec("one", hibernated=True)
    world.wait_for_state("one", "Hibernated")
    assert written_last(world, "one")
    world.patch_spec("one", hibernated=False)
    world.make_pod_ready("one")
    world.wait_for_state("one", "Running")
    assert written_last(world, "one")
    operator.terminate()
    world.patch_spec("one", session={"image": "docker.io/amalthea/probe:2"})
    theirs = rolled_out(world, "one", "docker.io/amalthea/probe:2")
    world.make_pod_ready("one")
    operator.start()
    wait_until_looked_at(world, "one")
    found = world.wait_for("StatefulSet", "one", bool)
    assert found["spec"]["template"] == theirs["spec"]["template"]
    assert found["metadata"]["generation"] == theirs["metadata"]["generation"]
    assert written_last(world, "one")
    world.patch_spec("one", session={"image": "docker.io/amalthea/probe:3"})
    world.wait_for("StatefulSet", "one", lambda found: image(found).endswith("probe:3"))


def test_a_remote_session_runs_on_under_either_operator_and_comes_back_with_what_is_right_today(
    cluster: ControlPlane, world: World, operator: OperatorProcess
) -> None:
    """An earlier release told enroot's form of the image; the Go operator knows none of our variables."""
    serve(cluster, CRD)
    operator.start()
    world.secret("door", auth="authproxy: {token: t}")
    probed = {**TOKEN["session"], "readinessProbe": {"type": "tcp"}}
    world.run("one", {**TOKEN, "location": "remote", "session": probed})
    operator.terminate()
    theirs = with_another_environment(world, "one")
    former = world.wait_for("Pod", "one-0", bool)["metadata"]["uid"]
    operator.start()
    wait_until_looked_at(world, "one")
    found = world.wait_for("StatefulSet", "one", bool)
    assert found["spec"]["template"] == theirs["spec"]["template"]
    assert found["metadata"]["generation"] == theirs["metadata"]["generation"]
    assert world.wait_for("Pod", "one-0", bool)["metadata"]["uid"] == former
    world.patch_spec("one", hibernated=True)
    world.wait_for_state("one", "Hibernated")
    world.patch_spec("one", hibernated=False)
    world.make_pod_ready("one")
    again = environment(world.wait_for("StatefulSet", "one", bool))
    assert again["REMOTE_SESSION_IMAGE"] == TOKEN["session"]["image"]
    assert "RSC_SESSION_MAX_AGE_SECONDS" in again


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


def with_another_environment(world: World, name: str) -> Object:
    """Do as another operator: give the controller an image in another form, and none of the variables of our own."""
    found = world.wait_for("StatefulSet", name, bool)
    pod = found["spec"]["template"]["spec"]
    container = next(each for each in pod["containers"] if each["name"] == names.CONTAINER_SESSION)
    theirs = [each for each in container["env"] if "optional" not in str(each)]
    changed = [
        {**each, "value": "enroot#form:1"} if each["name"] == "REMOTE_SESSION_IMAGE" else each for each in theirs
    ]
    containers = [
        {**each, "env": changed} if each["name"] == names.CONTAINER_SESSION else each for each in pod["containers"]
    ]
    former = world.wait_for("Pod", f"{name}-0", bool)["metadata"]["uid"]
    written = world.patch("StatefulSet", name, spec={"template": {"spec": {"containers": containers}}})
    world.wait_for("Pod", f"{name}-0", lambda pod: pod["metadata"]["uid"] != former)
    world.make_pod_ready(name)
    return written


def environment(workload: Object) -> dict[str, object]:
    """Return the variables of a remote session's controller."""
    containers = workload["spec"]["template"]["spec"]["containers"]
    session = next(each for each in containers if each["name"] == names.CONTAINER_SESSION)
    return {each["name"]: each.get("value") for each in session["env"]}


def written_last(world: World, name: str) -> bool:
    """Return whether our record on the workload says that nobody else has changed it since."""
    metadata = world.wait_for("StatefulSet", name, bool)["metadata"]
    record = json.loads(metadata["annotations"][names.ANNOTATION_APPLIED])
    return bool(record["generation"] == metadata["generation"])


def rolled_out(world: World, name: str, image: str) -> Object:
    """Do as the Go operator: write a template with another image, of its own rendering, whose door is a container."""
    pod = world.wait_for("StatefulSet", name, bool)["spec"]["template"]["spec"]
    (session,), (door,) = pod["containers"], pod["initContainers"]
    ours_alone = ("restartPolicy", "startupProbe", "securityContext")
    theirs_too = {key: value for key, value in door.items() if key not in ours_alone}
    containers = [{**session, "image": image}, theirs_too]
    former = world.wait_for("Pod", f"{name}-0", bool)["metadata"]["uid"]
    theirs = world.patch(
        "StatefulSet", name, spec={"template": {"spec": {"initContainers": None, "containers": containers}}}
    )
    world.wait_for("Pod", f"{name}-0", lambda pod: pod["metadata"]["uid"] != former)
    return theirs


def image(workload: Object) -> str:
    found: str = workload["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def wait_until_looked_at(world: World, name: str) -> None:
    """Return when the operator knows a session's present spec, and has looked at all of it."""
    for mark in ("once", "twice"):  # a pass makes all of its writes before the next one begins
        world.patch_spec(name, ingress={"annotations": {"mark": mark}})
        world.wait_for("Ingress", name, partial(marked, mark))


def marked(mark: str, found: Object) -> bool:
    return bool(found["metadata"].get("annotations", {}).get("mark") == mark)


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
    for field in NEWER_FIELDS_OF_THE_SESSION:
        del spec["properties"]["session"]["properties"][field]
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

"""One object that is as nobody would write it must hide no other: neither at the start, nor in a watch."""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from amalthea.api import names
from lab.control_plane.api import ApiError
from lab.control_plane.control_plane import ControlPlane
from tests.api.operator.conftest import Operators, install_crd
from tests.api.operator.specs import PLAIN
from tests.support.processes import OperatorProcess
from tests.support.world import POLL_INTERVAL, WITHIN, Object, World, condition

LEVELS = 9_000
"""The API server takes 10,000 levels; that is more than Python follows."""
DEEP = '{"f:a":' * LEVELS + "{}" + "}" * LEVELS
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/amaltheasessions.amalthea.dev"
ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def nested(control_plane: ControlPlane, world: World, body: Object) -> None:
    """Create an object whose managed fields are nested deeply."""
    managed = f'"managedFields":[{{"manager":"a","operation":"Update","fieldsType":"FieldsV1","fieldsV1":{DEEP},'
    managed += f'"apiVersion":"{body["apiVersion"]}"}}],"name"'
    text = json.dumps(body).replace('"name"', managed, 1)
    control_plane.kubectl("create", "--raw", world.path(body["kind"]), "-f", "-", stdin=text)


def service(name: str, **annotations: str) -> Object:
    metadata = {"name": name, "labels": names.selector_labels("one"), "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 80}]}}


def session(name: str) -> Object:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name},
        "spec": {"hibernated": False, **PLAIN},
    }


def works(operator: OperatorProcess, world: World, name: str) -> None:
    """Check that the operator sees sessions, Services and pods, as ever."""
    world.run(name, {**PLAIN, "ingress": {"host": "lab.localhost", "pathPrefix": f"/s/{name}"}})
    world.delete("Service", name)
    world.wait_for("Service", name, lambda found: found)
    assert "watch failed" not in operator.log


def test_objects_that_are_nested_without_end_hide_no_other_at_the_start(
    full_control_plane: ControlPlane, operators: Operators, world: World
) -> None:
    nested(full_control_plane, world, session("deep"))
    nested(full_control_plane, world, service("deep-too"))
    works(operators().start(), world, "one")
    world.make_pod_ready("deep")
    eventually(partial(runs, full_control_plane, world, "deep"))


def test_objects_that_are_nested_without_end_hide_no_other_in_a_watch(
    full_control_plane: ControlPlane, operator: OperatorProcess, world: World
) -> None:
    nested(full_control_plane, world, session("deep"))
    nested(full_control_plane, world, service("deep-too"))
    world.create(service("record", **{names.ANNOTATION_APPLIED: '{"a":' * 20_000}))
    works(operator, world, "one")
    world.make_pod_ready("deep")
    eventually(partial(runs, full_control_plane, world, "deep"))


def runs(control_plane: ControlPlane, world: World, name: str) -> None:
    """Check that a session is reported to run; Python cannot read the rest of it."""
    path = "--output=jsonpath={.status.state}"
    told = control_plane.kubectl("get", "amaltheasessions", name, "--namespace", world.namespace, path)
    assert told == "Running"


ODD: dict[str, Object] = {
    "spec-session": {"spec": {"session": "a text"}},
    "spec-empty": {"spec": {}},
    "spec-numbers": {"spec": {"hibernated": "perhaps", "session": {"image": 7}}},
    "status-time": {"spec": PLAIN, "status": {"state": "Running", "idle": True, "idleSince": 7}},
    "status-words": {"spec": PLAIN, "status": {"state": "Teleported", "conditions": "many"}},
    "status-year": {"spec": PLAIN, "status": {"state": "Running", "idle": True, "idleSince": "0000-01-01T00:00:00Z"}},
}


@pytest.fixture
def stored(full_control_plane: ControlPlane, world: World) -> Iterator[None]:
    """Store sessions that our CRD refuses, as a release without its schema might have left them behind."""
    found = full_control_plane.api.get(CRD)
    version = found["spec"]["versions"][0]
    schema = {"type": "object", "properties": {"spec": ANYTHING, "status": ANYTHING}}
    lax = [{**version, "schema": {"openAPIV3Schema": schema}}]
    try:
        full_control_plane.api.patch(CRD, {"spec": {"versions": lax}})
        for name, body in ODD.items():
            eventually(partial(store, world, name, body))
        yield
    finally:
        full_control_plane.kubectl("replace", "--filename", "config/crd/bases/amalthea.dev_amaltheasessions.yaml")
        install_crd(full_control_plane)


def store(world: World, name: str, body: Object) -> None:
    if world.get(names.KIND, name) is None:
        world.create({**session(name), **body})
    path = f"{world.path(names.KIND, name)}/status"
    told = world.api.patch(path, {"status": body.get("status", {})})
    assert told["spec"] == body["spec"]
    assert told.get("status", {}) == body.get("status", {})


def eventually(act: Callable[[], object]) -> None:
    """Try until it succeeds: the API server takes a moment to follow a change of the CRD."""
    deadline = time.monotonic() + WITHIN
    while True:
        try:
            act()
        except (AssertionError, ApiError):
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_INTERVAL)
        else:
            return


@pytest.mark.usefixtures("stored")
def test_sessions_that_a_release_before_the_schema_left_behind_hide_no_other(
    operators: Operators, world: World
) -> None:
    operator = operators().start()
    works(operator, world, "one")
    for name, body in ODD.items():
        if body["spec"] is not PLAIN:
            told = condition(world.wait_for_state(name, "Failed"), "Accepted")
            assert told is not None
            assert "cannot be read" in told["message"]
        assert f'name="{name}"' in operator.metrics()

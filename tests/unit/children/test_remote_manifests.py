"""The settings of a remote session's controller: another value asks for another job, or restarts a session."""

import base64
import json

import pytest

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.children.pod import pod, remote
from amalthea.children.secret import Material, internal_secret
from amalthea.remote.job import controller
from amalthea.testing.builders import SessionBuilder, session
from tests.unit.children.world import World, pending, running, touches_template

FAR = session().remote()


def variables(builder: SessionBuilder) -> dict[str, str]:
    """Return the controller's variables in the manifest."""
    return {each["name"]: each["value"] for each in remote.container(builder.subject())["env"] if "value" in each}


def secret(builder: SessionBuilder) -> dict[str, str]:
    """Return what the internal secret holds."""
    data = internal_secret(builder.subject(), Material("tunnel", "cookie")).get("data", {})
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


ASKED_FOR: list[tuple[Manifest, tuple[str, str, str]]] = [
    ({}, ("", "", "")),
    ({"requests": {"cpu": "1500m", "memory": "1.5G", "nvidia.com/gpu": 1}}, ("2", "1430", "1")),
    ({"requests": {"memory": "1000M"}}, ("", "953", "")),
    ({"limits": {"cpu": 2, "memory": "1Gi", "nvidia.com/gpu": "1500m"}}, ("2", "1024", "2")),
    ({"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"cpu": 4, "memory": "8Gi"}}, ("1", "1024", "")),
    ({"requests": {"cpu": 0, "memory": "0"}, "limits": {"cpu": 4, "memory": "8Gi"}}, ("4", "8192", "")),
    ({"requests": {"nvidia.com/gpu": "0"}, "limits": {"nvidia.com/gpu": 2}}, ("", "", "2")),
    ({"requests": {"cpu": "0m"}, "limits": {"cpu": 0}}, ("", "", "")),
    ({"requests": {"memory": "500Ki"}}, ("", "", "")),
]


@pytest.mark.parametrize(("resources", "asked"), ASKED_FOR, ids=json.dumps)
def test_the_job_asks_for_what_the_session_does(resources: Manifest, asked: tuple[str, str, str]) -> None:
    found = variables(FAR.with_session(resources=resources))
    assert tuple(found[f"RSC_SESSION_{name}"] for name in ("CPU", "MEMORY", "GPUS")) == asked


@pytest.mark.parametrize("path", ["/sessions/remote/lab", "lab", "", "/a b", "/?x=1#y"])
def test_the_path_is_passed_on_as_it_is_written(path: str) -> None:
    assert variables(FAR.with_session(urlPath=path))["RSC_SESSION_URL_PATH"] == path


def test_the_controller_answers_the_operator_only_without_a_door() -> None:
    assert variables(FAR)["RSC_STATUS_PORT"] == str(names.PORT_META)
    for door in (FAR.with_token(), FAR.with_oidc(), FAR.with_oauth2_proxy()):
        assert "RSC_STATUS_PORT" not in variables(door)


@pytest.mark.parametrize(
    ("max_age", "seconds"), [(None, None), ("0s", None), ("", None), ("24h", "86400"), ("90m", "5400"), ("1500ms", "2")]
)
def test_the_job_may_run_as_long_as_the_session(max_age: str | None, seconds: str | None) -> None:
    asked = FAR.with_spec(culling={"maxAge": max_age} if max_age is not None else None)
    assert secret(asked).get(names.SECRET_KEY_MAX_AGE) == seconds


def test_command_arguments_and_folder_reach_the_controller_whatever_they_hold() -> None:
    words = ["bash", "-c", 'echo "a b"\n$(RSC_WSTUNNEL_SECRET) ü']
    held = secret(FAR.with_session(command=words, args=words[1:], workingDir="/work dir"))
    assert json.loads(held[names.SECRET_KEY_COMMAND]) == words
    assert json.loads(held[names.SECRET_KEY_ARGS]) == words[1:]
    assert held[names.SECRET_KEY_WORKING_DIR] == "/work dir"


def test_a_local_session_keeps_none_of_this_in_its_secret() -> None:
    asked = session().with_session(command=["x"], workingDir="/work").with_spec(culling={"maxAge": "24h"})
    assert not {name for name in secret(asked) if name.startswith("remote-")}


@pytest.mark.parametrize("change", ["command", "workingDir", "maxAge"])
def test_a_variable_that_only_the_next_job_gets_restarts_nobody(change: str) -> None:
    world = running(FAR.with_token().with_spec(reconcileStrategy="always"))
    builder = world.builder
    changed = {
        "command": builder.with_session(command=["other"]),
        "workingDir": builder.with_session(workingDir="/other"),
        "maxAge": builder.with_spec(culling={"maxAge": "12h"}),
    }
    world.builder = changed[change]
    assert not touches_template(world.step())
    assert pending(world) is None


def of_an_earlier_release(world: World) -> None:
    """Let controller and tunnel have their variables as an earlier release wrote them."""
    theirs = {"REMOTE_SESSION_IMAGE": "registry.example.org#team/lab:latest", "RSC_SESSION_MEMORY": "1431"}
    path = "/spec/template/spec/containers/0/env"
    env = world.template["spec"]["containers"][0]["env"]
    kept = [each for each in env if "optional" not in str(each)]
    old = [
        {**each, "value": theirs.get(each["name"], each.get("value", ""))} if "value" in each else each for each in kept
    ]
    record = json.loads(world.workload["metadata"]["annotations"][names.ANNOTATION_APPLIED])
    annotation = f"/metadata/annotations/{names.ANNOTATION_APPLIED.replace('/', '~1')}"
    containers = [each["name"] for each in world.template["spec"]["containers"]]
    tunnel = containers.index(names.CONTAINER_TUNNEL)
    env = world.template["spec"]["containers"][tunnel]["env"]
    written = json.dumps({**record, "manifest": "of-an-earlier-release", "generation": record["generation"] + 1})
    operations: list[Manifest] = [
        {"op": "replace", "path": path, "value": old},
        {
            "op": "replace",
            "path": f"/spec/template/spec/containers/{tunnel}/env",
            "value": [each for each in env if each["name"] != "TUNNEL_SESSION_PORT"],
        },
        {"op": "replace", "path": annotation, "value": written},
    ]
    world.edit("StatefulSet", operations)
    world.written = {}


@pytest.mark.parametrize("strategy", ["always", "whenFailedOrHibernated", "never"])
def test_a_session_that_runs_is_not_restarted_by_the_correction(strategy: str) -> None:
    asked = FAR.with_token().with_session(
        image="registry.example.org/team/lab", resources={"requests": {"memory": "1500M"}}
    )
    world = running(asked.with_spec(reconcileStrategy=strategy))
    of_an_earlier_release(world)
    template = world.template

    assert "TUNNEL_SESSION_PORT" not in str(template)
    assert not touches_template(world.step())
    assert world.step().writes == ()
    assert world.template == template

    world.builder = world.builder.with_spec(hibernated=True)
    world.settle()
    world.stop_pod()
    world.settle()
    world.builder = world.builder.with_spec(hibernated=False, reconcileStrategy="always")
    world.settle()
    env = {each["name"]: each.get("value") for each in world.template["spec"]["containers"][0]["env"]}
    assert env["REMOTE_SESSION_IMAGE"] == "registry.example.org/team/lab"
    assert env["RSC_SESSION_MEMORY"] == "1430"
    assert "TUNNEL_SESSION_PORT" in str(world.template)


def test_a_controller_that_starts_slowly_is_not_killed_and_one_that_hangs_is_whatever_its_job_waits_for() -> None:
    """Liveness waits for the startup probe, which must not hang on a front end that comes hours later."""
    made = remote.container(FAR.subject())
    startup, liveness = made["startupProbe"], made["livenessProbe"]
    assert startup["httpGet"] == liveness["httpGet"] != made["readinessProbe"]["httpGet"]
    assert 30 <= startup["periodSeconds"] * startup["failureThreshold"] <= 120
    assert "failureThreshold" not in liveness


def test_the_pod_gives_the_controller_the_time_that_it_takes_to_cancel_a_job() -> None:
    assert pod.template(FAR.subject())["spec"]["terminationGracePeriodSeconds"] >= controller.STOP + 10

"""The token door on real pods: strangers get no byte, early visitors are asked to wait, a spoilt secret is named."""

import json
import re
import time
from collections.abc import Mapping

import pytest

from amalthea.api.quantities import parse
from lab.cluster.admin import Admin
from lab.cluster.localhost import Answer, ask, with_port
from tests.e2e.pages import page_of
from tests.e2e.specs import STARTS, Spec, environment, opened_at
from tests.support.world import World, condition

OWNER = {"Cookie": "theme=dark; renku-auth=the-key"}
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
SECRET_IS_READ_AGAIN = 180.0
"""Seconds within which the kubelet brings a changed secret into a pod, and starts its container again."""
pytestmark = pytest.mark.timeout(300)


def behind_a_door(name: str, **fields: object) -> Spec:
    door = {"type": "token", "secretRef": {"name": name, "key": "auth"}}
    return {**opened_at(name, **fields), "authentication": door}


def visit(world: World, cluster: Admin, name: str, headers: Mapping[str, str] | None = None) -> Answer:
    session = world.wait_for("AmaltheaSession", name, lambda s: s.get("status", {}).get("url"))
    return ask(with_port(session["status"]["url"], cluster.http_port), headers=headers)


def wait_for_answer(world: World, cluster: Admin, name: str, headers: Mapping[str, str], status: int) -> Answer:
    deadline = time.monotonic() + STARTS
    while (answer := visit(world, cluster, name, headers)).status != status:
        assert time.monotonic() < deadline, f"{name} answers {answer}, not {status}"
        time.sleep(0.2)
    return answer


def test_who_has_no_key_gets_no_byte_of_the_session_and_its_program_never_sees_the_key(
    world: World, cluster: Admin, name: str
) -> None:
    world.secret(name, auth="authproxy:\n  token: the-key\n")
    world.session(name, behind_a_door(name))
    session = world.wait_for_state(name, "Running", STARTS)
    page = page_of(session, cluster.http_port)
    for stranger, status in (({}, 400), ({"Cookie": "renku-auth=a-key"}, 401), ({"Authorization": "Bearer x"}, 401)):
        answer = wait_for_answer(world, cluster, name, stranger, status)
        assert b"path" not in answer.body

    wait_for_answer(world, cluster, name, {"Authorization": "bearer the-key"}, 200)
    seen = json.loads(ask(page.url + "a%2Fb/c?d=e", headers=OWNER).body)
    assert seen["path"].endswith("/a%2Fb/c?d=e")
    headers = {field.lower(): value for field, value in seen["headers"].items()}
    assert headers["cookie"] == "theme=dark"
    assert headers["host"].startswith(name)
    assert headers["x-forwarded-proto"] == "http"
    assert "the-key" not in json.dumps(seen)


def test_who_comes_before_the_session_is_up_is_told_to_wait_and_programs_when_to_come_again(
    world: World, cluster: Admin, name: str
) -> None:
    world.secret(name, auth="token: the-key")
    world.session(name, behind_a_door(name, env=environment(PROBE_START_DELAY="12")))
    early = wait_for_answer(world, cluster, name, {**OWNER, **NAVIGATION, "Accept-Encoding": "identity"}, 503)
    while b"<main" not in early.body:  # the Ingress says 503, too, before the door is open
        early = wait_for_answer(world, cluster, name, {**OWNER, **NAVIGATION}, 503)
    assert early.headers["Content-Type"].startswith("text/html")
    assert early.headers["Cache-Control"] == "no-store"
    assert b"<script" not in early.body
    assert visit(world, cluster, name, NAVIGATION).status == 400, "who may not enter learns nothing"
    program = visit(world, cluster, name, OWNER)
    assert program.status == 503
    assert int(program.headers["Retry-After"]) > 0
    assert json.loads(program.body)["message"]
    wait_for_answer(world, cluster, name, {**OWNER, **NAVIGATION}, 200)


def test_a_spoilt_secret_is_named_in_the_status_and_put_right_without_touching_the_session(
    world: World, name: str
) -> None:
    world.secret(name, auth="tokken: the-key")
    world.session(name, behind_a_door(name))
    failed = world.wait_for_state(name, "Failed", STARTS)
    healthy = condition(failed, "Healthy")
    assert healthy is not None
    assert healthy["reason"] == "DoorMisconfigured"
    assert f"the key auth of the secret {name}" in failed["status"]["error"]
    assert "tokken" in failed["status"]["error"]
    assert "the-key" not in json.dumps(failed)
    before = world.wait_for("Pod", f"{name}-0", lambda _: True)
    world.patch("Secret", name, stringData={"auth": "token: the-key"})
    world.wait_for_state(name, "Running", SECRET_IS_READ_AGAIN)
    after = world.wait_for("Pod", f"{name}-0", lambda _: True)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def test_the_door_stays_far_below_its_memory_limit_and_writes_nothing(world: World, cluster: Admin, name: str) -> None:
    world.secret(name, auth="token: the-key")
    world.session(name, behind_a_door(name))
    world.wait_for_state(name, "Running", STARTS)
    wait_for_answer(world, cluster, name, OWNER, 200)
    for _ in range(200):
        assert visit(world, cluster, name, OWNER).status == 200
    pod = world.wait_for("Pod", f"{name}-0", lambda _: True)
    door = next(each for each in pod["spec"]["initContainers"] if each["name"] == "authproxy")
    status = next(each for each in pod["status"]["initContainerStatuses"] if each["name"] == "authproxy")
    assert status["restartCount"] == 0
    assert door["securityContext"]["readOnlyRootFilesystem"] is True
    shown = cluster.kubectl(
        f"--namespace={world.namespace}",
        "exec",
        pod["metadata"]["name"],
        "-c",
        "authproxy",
        "--",
        "cat",
        "/proc/1/status",
    )
    assert re.search(r"^CapEff:\t0+$", shown, re.MULTILINE)
    assert parse(door["resources"]["limits"]["memory"]) == parse("64Mi")
    stats = json.loads(
        cluster.kubectl("get", "--raw", f"{world.path('Pod', pod['metadata']['name'])}:65534/proxy/request_stats")
    )
    assert stats["version"] == 1
    assert stats["last_request_time"] >= stats["last_work_time"]

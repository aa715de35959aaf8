"""The door as a native sidecar on real pods: up before the session's program, and gone as soon as that is."""

import http.client
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from urllib.parse import urlsplit

import pytest

from lab.admin import Admin
from lab.localhost import with_port
from tests.e2e.specs import STARTS
from tests.e2e.test_door import OWNER, behind_a_door, wait_for_answer
from tests.support.world import Object, World

DOOR_ENDS_WITHIN = 3.0
"""Seconds that the door may add to a pause."""
POD_GOES_WITHIN = 60.0
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
A_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
pytestmark = pytest.mark.timeout(240)


def began(status: Object) -> datetime:
    """Return when a container began to run."""
    return datetime.fromisoformat(status["state"]["running"]["startedAt"])


def by_name(pod: Object) -> dict[str, Object]:
    """Return the status of each container of a pod."""
    status = pod["status"]
    return {each["name"]: each for each in (*status["initContainerStatuses"], *status["containerStatuses"])}


def running(world: World, name: str, **authentication: object) -> Object:
    """Start a session behind a door, and return its pod."""
    spec = behind_a_door(name)
    world.secret(name, auth="token: the-key\n")
    world.session(name, {**spec, "authentication": {**spec["authentication"], **authentication}})
    world.wait_for_state(name, "Running", STARTS)
    return world.wait_for("Pod", f"{name}-0", bool)


def test_the_door_listens_before_the_sessions_program_can_and_as_another_user(
    world: World, cluster: Admin, name: str
) -> None:
    pod = running(world, name)
    containers = by_name(pod)
    assert began(containers["authproxy"]) <= began(containers["amalthea-session"])
    assert containers["authproxy"]["started"] is True
    where = (f"--namespace={world.namespace}", "exec", f"{name}-0", "-c")
    shown = cluster.kubectl(*where, "authproxy", "--", "cat", "/proc/1/status")
    assert "Uid:\t61001\t61001\t61001\t61001" in shown
    session = world.wait_for("AmaltheaSession", name, bool)
    assert session["status"]["initContainerCounts"] == {"ready": 1, "total": 1}
    assert session["status"]["containerCounts"] == {"ready": 1, "total": 1}


@contextmanager
def open_connections(url: str) -> Iterator[list[http.client.HTTPConnection]]:
    """Hold five connections of browsers that are kept alive, and a WebSocket."""
    parts = urlsplit(url)
    headers = {**OWNER, "Host": parts.netloc}
    with ExitStack() as stack:
        opened = []
        for more in (*({},) * 5, {**UPGRADE, "Sec-WebSocket-Key": A_KEY}):
            connection = http.client.HTTPConnection("127.0.0.1", parts.port or http.client.HTTP_PORT, timeout=5)
            stack.callback(connection.close)
            connection.request("GET", parts.path, headers={**headers, **more})
            response = connection.getresponse()
            assert response.status == (101 if more else 200)
            if not more:
                response.read()
            opened.append(connection)
        yield opened


def seconds_to_pause(world: World, name: str) -> float:
    """Pause a session, and return how long its pod takes to go."""
    began_at = time.monotonic()
    world.patch_spec(name, hibernated=True)
    world.wait_until_gone("Pod", f"{name}-0", POD_GOES_WITHIN)
    return time.monotonic() - began_at


def test_a_pause_does_not_wait_for_browsers_that_are_still_connected(world: World, cluster: Admin, name: str) -> None:
    running(world, name, enabled=False)
    without_a_door = seconds_to_pause(world, name)
    world.patch_spec(name, hibernated=False, authentication={"enabled": True})
    session = world.wait_for_state(name, "Running", STARTS)
    wait_for_answer(world, cluster, name, OWNER, 200)
    with open_connections(with_port(session["status"]["url"], cluster.http_port)):
        with_a_door = seconds_to_pause(world, name)
    assert with_a_door < without_a_door + DOOR_ENDS_WITHIN

"""The door as a native sidecar on real pods: up before the session's program, and gone as soon as that is."""

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from urllib.parse import urlsplit

import pytest

from lab.cluster.admin import Admin
from lab.cluster.localhost import ask, with_port
from tests.e2e.cluster import require_way_to_pods
from tests.e2e.specs import STARTS
from tests.e2e.test_door import OWNER, behind_a_door, wait_for_answer
from tests.support.world import Object, World

DOOR_ENDS_WITHIN = 3.0
"""Seconds that the door may add to a pause."""
POD_GOES_WITHIN = 60.0
LARGE = 8 << 20
"""Bytes of a file that the buffers between door and browser do not hold."""
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


@contextmanager
def stalled_download(pod: Object, url: str) -> Iterator[socket.socket]:
    """Hold a connection straight to the door, on which a large file was asked for and nothing is read."""
    path = f"{urlsplit(url).path}files/large"
    assert ask(f"{url}files/large", "PUT", bytes(LARGE), OWNER).status == 204
    with socket.create_connection((pod["status"]["podIP"], 65535), timeout=5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nCookie: {OWNER['Cookie']}\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
        yield connection


def seconds_to_pause(world: World, name: str) -> float:
    """Pause a session, and return how long its pod takes to go."""
    began_at = time.monotonic()
    world.patch_spec(name, hibernated=True)
    world.wait_until_gone("Pod", f"{name}-0", POD_GOES_WITHIN)
    return time.monotonic() - began_at


def test_a_pause_does_not_wait_for_browsers_that_are_still_connected(world: World, cluster: Admin, name: str) -> None:
    require_way_to_pods(cluster)
    running(world, name, enabled=False)
    without_a_door = seconds_to_pause(world, name)
    world.patch_spec(name, hibernated=False, authentication={"enabled": True})
    session = world.wait_for_state(name, "Running", STARTS)
    wait_for_answer(world, cluster, name, OWNER, 200)
    pod, url = world.wait_for("Pod", f"{name}-0", bool), with_port(session["status"]["url"], cluster.http_port)
    with open_connections(url), stalled_download(pod, url):
        with_a_door = seconds_to_pause(world, name)
    assert with_a_door < without_a_door + DOOR_ENDS_WITHIN

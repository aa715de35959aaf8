"""The chart's NetworkPolicies for sessions and for the operator on real pods, with an engine that enforces them."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from amalthea.api.names import CONTAINER_SESSION, PORT_ENTRY, PORT_META
from lab.cluster.admin import Admin
from lab.cluster.localhost import ask, with_port
from lab.cluster.release import CHART
from tests.e2e.firewall import firewall
from tests.e2e.operator_pod import Installation
from tests.e2e.specs import STARTS, opened_at
from tests.support.world import World

SESSION_PORT = 8888
OPEN, SHUT = "open", "shut"
KNOCK = """\
import socket, sys
for port in sys.argv[2:]:
    try:
        socket.create_connection((sys.argv[1], int(port)), timeout=2).close()
        print("open")
    except OSError:
        print("shut")
"""
REACH_API_SERVER = """\
import os, socket
place = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
socket.create_connection(place, timeout=2).close()
print("open")
"""
PORTS = (SESSION_PORT, PORT_ENTRY, PORT_META)
COUNTS_WITHIN = 20.0


@pytest.fixture
def policy(operator: Installation, cluster: Admin) -> Iterator[str]:
    """The policies that the chart renders for the operator's namespace; they go with the test."""
    release = operator.release
    endpoints = cluster.get("endpoints", "kubernetes", "default")
    assert endpoints is not None
    port = endpoints["subsets"][0]["ports"][0]["port"]
    values = (
        "--set=networkPolicy.sessions.enabled=true",
        "--set=networkPolicy.operator.enabled=true",
        f"--set=networkPolicy.operator.apiServerPorts={{{port}}}",
    )
    shown = [f"--show-only=templates/{name}.yaml" for name in ("networkpolicy", "operator-networkpolicy")]
    yield cluster.helm("template", release.name, str(CHART), f"--namespace={release.namespace}", *values, *shown)
    cluster.kubectl("delete", "networkpolicy", "--all", f"--namespace={release.namespace}")


def knock(world: World, cluster: Admin, pod: str, container: str, address: str) -> list[str]:
    """Return, for each of PORTS, whether a connection from a pod is taken."""
    ports = [str(port) for port in PORTS]
    inside = ("exec", pod, f"--container={container}", f"--namespace={world.namespace}", "--")
    return cluster.kubectl(*inside, "python3", "-c", KNOCK, address, *ports).split()


def test_no_pod_gets_round_the_door_and_the_operator_alone_asks_for_figures(
    operator: Installation, cluster: Admin, policy: str, world: World, name: str, tmp_path: Path
) -> None:
    stranger = f"{name}-stranger"
    door = {"type": "token", "secretRef": {"name": name, "key": "auth"}}
    world.secret(name, auth="token: the-key")
    world.session(name, {**opened_at(name), "authentication": door})
    world.session(stranger, opened_at(stranger))
    session = world.wait_for_state(name, "Running", STARTS)
    world.wait_for_state(stranger, "Running", STARTS)
    pod = world.get("Pod", f"{name}-0")
    assert pod is not None
    address = pod["status"]["podIP"]

    def asked_by(who: str, container: str) -> list[str]:
        return knock(world, cluster, who, container, address)

    with firewall(cluster, tmp_path):
        assert asked_by(f"{stranger}-0", CONTAINER_SESSION) == [OPEN, OPEN, OPEN], "without a policy the door is idle"
        cluster.kubectl("apply", f"--namespace={world.namespace}", "--filename=-", stdin=policy)
        deadline = time.monotonic() + COUNTS_WITHIN
        while (met := asked_by(f"{stranger}-0", CONTAINER_SESSION)) != [SHUT, OPEN, SHUT]:
            assert time.monotonic() < deadline, f"a stranger meets {met} at {PORTS}"
            time.sleep(0.2)
        manager = operator.pod()["metadata"]["name"]
        while (met := asked_by(manager, "manager")) != [SHUT, SHUT, OPEN]:
            assert time.monotonic() < deadline, f"the operator meets {met} at {PORTS}"
            time.sleep(0.2)
        inside = ("exec", manager, "--container=manager", f"--namespace={world.namespace}", "--")
        assert cluster.kubectl(*inside, "python3", "-c", REACH_API_SERVER).split() == [OPEN]
        owner = ask(with_port(session["status"]["url"], cluster.http_port), headers={"Cookie": "renku-auth=the-key"})
        assert owner.status == 200, "the node reaches its pods, whatever policies say"
    world.delete("AmaltheaSession", stranger)
    world.wait_until_gone("AmaltheaSession", stranger)

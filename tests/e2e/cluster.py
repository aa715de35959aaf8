"""Ways into the cluster for the tests: the administrator's client, and an explanation of what went wrong."""

import json
import socket
import time
from collections.abc import Callable

import pytest

from lab.cluster.admin import Admin, CommandError
from lab.cluster.release import Release
from lab.kind import cluster as kind
from lab.node.layout import NODE_ADDRESS

LOG_LINES = 40
KIND_KNOWN_WITHIN = 60.0


def address_for_pods(cluster: Admin) -> str:
    """Return the address at which pods reach servers of this machine; skip the test if there is none."""
    if cluster.profile == "full":
        return NODE_ADDRESS
    address = kind.gateway()
    with socket.socket() as tried:
        try:
            tried.bind((address, 0))
        except OSError:
            pytest.skip("Docker runs on another machine: pods of its kind cluster do not reach servers of this one")
    return address


def require_way_to_pods(cluster: Admin) -> None:
    """Skip the test if this machine does not reach pods by their addresses."""
    if cluster.profile == "full":
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nothing_is_sent:
        nothing_is_sent.connect((kind.A_POD, 1))
        if nothing_is_sent.getsockname()[0] != kind.gateway():
            pytest.skip("this machine has no route to pods of the kind cluster, as `make test-kind` has")


def wait_until_sessions_can_own(release: Release) -> None:
    """Return when the API server lets sessions own things: it learns of a new CRD's kind within half a minute."""
    deadline = time.monotonic() + KIND_KNOWN_WITHIN
    while refusal := _refusal(release):
        assert time.monotonic() < deadline, refusal
        time.sleep(1)


def _refusal(release: Release) -> str:
    """Return what the API server says to the operator against a session as an owner, without making anything."""
    owner = {"apiVersion": "amalthea.dev/v1alpha1", "kind": "AmaltheaSession", "name": "none", "uid": "none"}
    owned = {"name": "owned", "ownerReferences": [{**owner, "blockOwnerDeletion": True}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": owned, "spec": {"ports": [{"port": 80}]}}
    user = f"system:serviceaccount:{release.namespace}:{release.deployment}"
    place = (f"--namespace={release.namespace}", f"--as={user}", "--dry-run=server", "--filename=-")
    try:
        release.admin.kubectl("create", *place, stdin=json.dumps(service))
    except CommandError as error:
        return str(error)
    return ""


def explainer(cluster: Admin, release: Release) -> Callable[[str], str]:
    """Return what World asks when a wait fails: it describes the session and its pods, and shows the ends of logs."""
    place = f"--namespace={release.namespace}"

    def explain(name: str) -> str:
        session = name.removesuffix("-0").removesuffix("---internal")
        commands = (
            ("describe", "amaltheasession", session, place),
            ("describe", "pod", f"--selector=app.kubernetes.io/instance={session}", place),
            ("logs", f"--selector=app.kubernetes.io/instance={session}", place, f"--tail={LOG_LINES}"),
            ("logs", f"deployment/{release.deployment}", place, f"--tail={LOG_LINES}"),
        )
        return "\n".join(f"--- kubectl {' '.join(command)}\n{_said(cluster, command)}" for command in commands)

    return explain


def _said(cluster: Admin, command: tuple[str, ...]) -> str:
    try:
        return cluster.kubectl(*command)
    except CommandError as error:
        return str(error)

"""Ways into the cluster for the tests: the administrator's client, and an explanation of what went wrong."""

import json
import time
from collections.abc import Callable

from lab.cluster.admin import Admin, CommandError
from lab.cluster.release import Release

LOG_LINES = 40
KIND_KNOWN_WITHIN = 60.0


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

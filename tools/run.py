"""`make run`: the operator from the source tree against the current context, unless another operator acts there.

The holder of a Lease of that name in any namespace acts on sessions, and two at once would undo each other's work.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from tools.kubectl import Kubectl, ToolError

LEASE = "d2dc1fe0.amalthea.dev"
FLAGS = ("--leader-elect", "--health-probe-bind-address=127.0.0.1:8081")
IMAGE = "docker.io/amalthea/sidecars:dev"


def holders(kubectl: Kubectl, now: datetime, namespace: str = "") -> list[str]:
    """Return who leads, as `namespace/holder`; a Lease that was not renewed in time is held by nobody.

    Who may not read the Leases of all namespaces, and wants to serve one, learns of those in that one.
    """
    chosen = f"--field-selector=metadata.name={LEASE}"
    try:
        found = kubectl.items("leases.coordination.k8s.io", "--all-namespaces", chosen)
    except ToolError as error:
        if not namespace or "(Forbidden)" not in str(error):
            raise
        found = kubectl.items("leases.coordination.k8s.io", f"--namespace={namespace}", chosen)
    return [
        f"{lease['metadata']['namespace']}/{spec['holderIdentity']}"
        for lease in found
        if (spec := lease.get("spec", {})).get("holderIdentity") and _until(spec) > now
    ]


def _until(spec: dict[str, str]) -> datetime:
    renewed = datetime.fromisoformat(spec["renewTime"]) if spec.get("renewTime") else datetime.min.replace(tzinfo=UTC)
    return renewed + timedelta(seconds=int(spec.get("leaseDurationSeconds", 0)))


def environment(kubectl: Kubectl, namespace: str) -> dict[str, str]:
    """Return the operator's settings: all namespaces, or one; what the user has set stays."""
    view = ("config", "view", "--minify", "--output=jsonpath={..namespace}")
    place = namespace or kubectl.run(*view).strip() or "default"
    # The user's machine does not reach pods, so nobody can be asked whether they work.
    ours = {"RELEASE_NAMESPACE": place, "CLUSTER_SCOPED": str(not namespace).lower(), "AMALTHEA_ASK_DOORS": "false"}
    return {"SIDECARS_IMAGE": IMAGE, "POD_NAME": f"make-run-{os.getpid()}", **ours, **os.environ}


def main() -> NoReturn:
    """Become the operator, or end with the reason why that cannot be."""
    kubectl = Kubectl()
    try:
        if kubectl.context:
            raise ToolError(f"it uses the current context: `kubectl config use-context {kubectl.context}` first.")
        kubectl.find_cluster()
        namespace = os.environ.get("NAMESPACE", "")
        if leading := holders(kubectl, datetime.now(UTC), namespace):
            remedy = "Stop it first: `make undeploy`, or `kubectl scale deployment … --replicas 0`"
            raise ToolError(f"an operator leads in this cluster: {', '.join(leading)}. {remedy}, and wait 15 seconds.")
        settings = environment(kubectl, namespace)
    except ToolError as error:
        sys.exit(f"make run: {error}")
    _become_operator(settings)


def _become_operator(settings: dict[str, str]) -> NoReturn:
    where = "all namespaces" if settings["CLUSTER_SCOPED"] == "true" else settings["RELEASE_NAMESPACE"]
    sys.stdout.write(f"The operator serves {where}; Ctrl-C ends it.\n")
    sys.stdout.flush()
    argv = [sys.executable, "-m", "amalthea.main", "operator", *FLAGS]
    os.execve(sys.executable, argv, settings)  # noqa: S606  (no shell is wanted)


if __name__ == "__main__":
    main()

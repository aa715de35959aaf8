"""The operator as it runs in the cluster: its pod, seen from outside."""

import re
from dataclasses import dataclass

from lab.cluster.release import Release
from tests.support.world import Object, World

READY_WITHIN = 60.0


@dataclass(frozen=True)
class Installation:
    """An installed release, and the namespace that it serves."""

    release: Release
    world: World

    def pod(self) -> Object:
        """Return the operator's one pod that is not being deleted."""
        pods = [
            pod
            for pod in self.world.all("Pod")
            if pod["metadata"]["labels"].get("control-plane") == "controller-manager"
            and "deletionTimestamp" not in pod["metadata"]
        ]
        assert len(pods) == 1, f"{len(pods)} pods of the operator"
        return pods[0]

    def kill(self) -> None:
        """End the pod at once, as a node that loses its power does."""
        name = self.pod()["metadata"]["name"]
        self._kubectl("delete", "pod", name, "--grace-period=0", "--force")

    def wait_until_ready(self) -> None:
        """Return when the Deployment has all its pods."""
        name = self.release.deployment
        self.world.wait_for("Deployment", name, lambda found: found["status"].get("readyReplicas"), READY_WITHIN)

    def log(self) -> str:
        """Return what the pod logged."""
        return self._kubectl("logs", self.pod()["metadata"]["name"])

    def run(self, *command: str) -> str:
        """Run a command inside of the pod and return its output; raise CommandError."""
        return self._kubectl("exec", self.pod()["metadata"]["name"], "--", *command)

    def ask(self, port: int, path: str) -> str:
        """Return what the pod answers to GET, through the API server; raise CommandError."""
        pod = self.world.path("Pod", self.pod()["metadata"]["name"])
        return self.release.admin.kubectl("get", "--raw", f"{pod}:{port}/proxy{path}")

    def refused_requests(self) -> list[str]:
        """Return the rows of its metrics for requests that it may not make."""
        return re.findall(r'^amalthea_api_requests_total\{.*code="403".*$', self.ask(8080, "/metrics"), re.MULTILINE)

    def _kubectl(self, *arguments: str) -> str:
        return self.release.admin.kubectl(f"--namespace={self.world.namespace}", *arguments)

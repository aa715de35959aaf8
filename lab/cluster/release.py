"""Our operator in a cluster, installed by Helm from this project's chart as an administrator would do it.

Used by `lab.demo.jupyterlab` and by the tests on real pods. The image is the one that `lab.images.images` built last.
"""

from dataclasses import dataclass
from pathlib import Path

from lab.base.project import PROJECT
from lab.cluster.admin import Admin
from lab.images import images

CHART = PROJECT / "charts" / "amalthea-sessions"
TIMEOUT = "2m"
"""The time that Helm waits for the operator to be ready; ten seconds are usual."""
_BUILD = "lab.amalthea.dev/image-build"
"""Annotation of the Deployment: which build of the image its pod was started with."""


@dataclass(frozen=True)
class Release:
    """A release of the chart in a namespace, which is the one that its operator serves."""

    admin: Admin
    namespace: str
    name: str = "amalthea"

    @property
    def deployment(self) -> str:
        """The name of the operator's Deployment."""
        return f"{self.name}-amalthea-sessions-controller-manager"

    def install(self, *options: str, chart: Path = CHART) -> None:
        """Install or upgrade it, and return when the operator is ready; raise CommandError.

        A CRD that an earlier release has left in the cluster, as each does, becomes this release's.
        """
        place = ("--namespace", self.namespace, "--create-namespace", "--take-ownership")
        self.admin.helm("upgrade", self.name, str(chart), "--install", *place, "--wait", "--timeout", TIMEOUT, *options)

    def run_newest_image(self) -> None:
        """Restart the operator's pod if its image was rebuilt since: the name of the image does not show that."""
        deployment, place = f"deployment/{self.deployment}", f"--namespace={self.namespace}"
        newest = images.IMAGES["operator"].key()
        found = self.admin.get("deployment", self.deployment, self.namespace) or {}
        build = found.get("metadata", {}).get("annotations", {}).get(_BUILD, newest)
        if build != newest:
            self.admin.kubectl("rollout", "restart", deployment, place)
            self.admin.kubectl("rollout", "status", deployment, place, f"--timeout={TIMEOUT}")
        self.admin.kubectl("annotate", deployment, place, f"{_BUILD}={newest}", "--overwrite")

    def uninstall(self) -> None:
        """Uninstall it; CRD and sessions stay. Raise CommandError."""
        self.admin.helm("uninstall", self.name, "--namespace", self.namespace, "--wait", "--ignore-not-found")

"""The targets of the Makefile, as one types them, on a cluster of the test's own."""

import os
import subprocess
from pathlib import Path

from lab.control_plane.control_plane import ControlPlane
from lab.programs import binaries
from tests.chart.helm import ROOT


class MakeError(Exception):
    """A target failed; the text is all that it wrote."""


def make(
    target: str, *variables: str, cluster: ControlPlane | None = None, typed: str = "", within: float = 60.0
) -> str:
    """Run a target with variables such as `FORCE=1` and return what it wrote; raise MakeError if it failed."""
    done = subprocess.run(
        ["make", target, *variables],
        cwd=ROOT,
        env=environment(cluster),
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=within,
    )
    if done.returncode:
        raise MakeError(done.stdout)
    return done.stdout


def environment(cluster: ControlPlane | None = None) -> dict[str, str]:
    """Return the environment of somebody whose current context is `cluster`, without that of the make we run under."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    # The machine's own kubeconfig, if there is one, must never be met by a test.
    kubeconfig = cluster.kubeconfig if cluster else Path(os.devnull)
    return {**inherited, "KUBECONFIG": str(kubeconfig), "KUBECTL": str(binaries.path("kubectl"))}

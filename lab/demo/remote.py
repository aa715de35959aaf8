"""`make demo-remote`: a session whose program runs as a job of a real Slurm on this machine, seen through its door.

The cluster and the operator are those of `make demo`. The job's page comes through the tunnel that it opens.
"""

import json
import sys
import time

from lab.base.process import DaemonError
from lab.base.progress import Progress, duration
from lab.base.project import PROJECT
from lab.base.state import BusyError
from lab.base.system import MachineError
from lab.cluster import image_loaders
from lab.cluster.admin import Admin, CommandError
from lab.cluster.release import Release
from lab.demo import cluster as demo_cluster
from lab.demo.jupyterlab import NAMESPACE, REMEDY, install
from lab.demo.session import DemoError, DemoSession
from lab.programs.gobuild import BuildError
from lab.slurm.cluster import SlurmError
from lab.slurm.site import Site, of_the_node

SAMPLE = PROJECT / "config" / "samples" / "remote" / "01-page.yaml"
_AUTHORITY = "/etc/computing-site/ca.crt"
"""The path at which the sample mounts it."""

BEFOREHAND = """\
A Kubernetes on this machine, our operator on it, a Slurm beside it, and a session that runs as a job of that Slurm.
The first time this takes about 10 minutes on 2 cores, for Kubernetes itself and all images are built here.
"""


def main() -> int:
    """Run the demo and return its exit code."""
    progress = Progress()
    progress.say(BEFOREHAND)
    started = time.monotonic()
    try:
        cluster, session, site = run(progress)
    except (BuildError, BusyError, CommandError, DaemonError, DemoError, MachineError, SlurmError) as error:
        remedy = REMEDY.replace("make demo", "make demo-remote")
        progress.say(f"\nThe demo failed. {error}\n\n{remedy}")
        return 1
    except KeyboardInterrupt:
        progress.say(
            "\nStopped. Run `make demo-remote` again to continue where this run stopped; make lab-down stops it all."
        )
        return 130
    print(farewell(cluster, session, site, time.monotonic() - started))
    return 0


def run(progress: Progress) -> tuple[Admin, DemoSession, Site]:
    """Do everything up to a page that answers.

    Raise BuildError, BusyError, CommandError, DaemonError, DemoError, MachineError or SlurmError.
    """
    cluster = demo_cluster.up(progress)
    if cluster.profile != "full":
        raise DemoError(
            "Pods of a kind cluster cannot reach a Slurm on this machine. Remove the cluster first: make lab-down."
        )
    image_loaders.load((), progress)
    with progress.step("Installing the operator with Helm"):
        install(Release(cluster, NAMESPACE))
    site = of_the_node()
    site.up(progress)
    session = DemoSession(cluster, NAMESPACE, SAMPLE, variables={"RENKU_BASE_URL": address(cluster)})
    for name, content in secrets(cluster, site).items():
        manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": content}
        place = (f"--namespace={NAMESPACE}", "--server-side", "--filename=-")
        cluster.kubectl("apply", *place, stdin=json.dumps(manifest))
    session.apply()
    with progress.step("Starting the job, and waiting until it has dialled in") as step:
        session.wait_until_running(step)
    with progress.step("Waiting for its page to answer"):
        session.wait_for_page()
    return cluster, session, site


def address(cluster: Admin) -> str:
    """Return the address at which the job dials in."""
    return f"https://localhost:{cluster.https_port}"


def secrets(cluster: Admin, site: Site) -> dict[str, dict[str, str]]:
    """Return the content of the secrets that the sample refers to, by their names."""
    return {
        "computing-site": site.variables() | {"SSL_CERT_FILE": _AUTHORITY},
        "computing-site-ca": {"ca.crt": cluster.authority},
    }


def farewell(cluster: Admin, session: DemoSession, site: Site, seconds: float) -> str:
    """Return the final message for the user: the address, and what to do next."""
    kubectl = f"kubectl -n {session.namespace}"
    patch = f"{kubectl} patch amaltheasession {session.name} --type merge -p"
    return f"""
The job runs, after {duration(seconds)}. Open it in a browser on this machine, and enter your key:

  {session.url}
  {session.key}

For what follows, let your shell know the cluster and Slurm:

  export KUBECONFIG={cluster.kubeconfig} PATH={cluster.kubectl_path.parent}:$PATH
  export SLURM_CONF={site.slurm.layout.configuration}

See it        {kubectl} get amaltheasessions
See its job   sacct --allocations
Pause it      {patch} '{{"spec": {{"hibernated": true}}}}'
Resume it     {patch} '{{"spec": {{"hibernated": false}}}}'
Delete it     {kubectl} delete amaltheasession {session.name}
Stop all      make lab-down

The session's folder on the site is below {site.scratch}. How all this works: docs/remote.md."""


if __name__ == "__main__":
    sys.exit(main())

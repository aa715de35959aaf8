"""`make demo`: a JupyterLab in a browser, from nothing, run by our operator on a real cluster.

Each step says what it does and how long it took, and each failure what to do; a second run goes on where the first one
stopped. The steps are in `run`; what the session itself says on its way is read by `lab.demo.session`.
"""

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
from lab.demo import git_server
from lab.demo.session import DemoError, DemoSession
from lab.programs.gobuild import BuildError

NAMESPACE = "amalthea"
SAMPLE = PROJECT / "config" / "samples" / "05-door.yaml"

BEFOREHAND = """\
A Kubernetes on this machine, our operator on it, and a JupyterLab that you alone can open.
The first time this takes about 10 minutes on 2 cores, for Kubernetes itself and all images are built here.
What was built is kept: the next time it takes about one.
"""
REMEDY = """\
Run `make demo` again to continue where this run stopped. What runs, and where its logs are:
  .venv/bin/python -m lab status
  .venv/bin/python -m lab logs
To start over: make lab-down, then make demo."""


def main() -> int:
    """Run the demo and return its exit code."""
    progress = Progress()
    progress.say(BEFOREHAND)
    started = time.monotonic()
    try:
        cluster, session = run(progress)
    except (BuildError, BusyError, CommandError, DaemonError, DemoError, MachineError) as error:
        progress.say(f"\nThe demo failed. {error}\n\n{REMEDY}")
        return 1
    except KeyboardInterrupt:
        progress.say(f"\nStopped. {REMEDY}")
        return 130
    print(farewell(cluster, session, time.monotonic() - started))
    return 0


def run(progress: Progress) -> tuple[Admin, DemoSession]:
    """Do everything up to a page that answers.

    Raise BuildError, BusyError, CommandError, DaemonError, DemoError or MachineError.
    """
    cluster = demo_cluster.up(progress)
    image_loaders.load((), progress)
    release = Release(cluster, NAMESPACE)
    with progress.step("Installing the operator with Helm"):
        install(release)
    # A kind cluster does not reach the lab's own server.
    repository = git_server.up(progress) if cluster.profile == "full" else None
    session = DemoSession(cluster, NAMESPACE, SAMPLE, repository)
    session.apply()
    with progress.step("Starting JupyterLab") as step:
        session.wait_until_running(step)
    with progress.step("Waiting for its page to answer"):
        session.wait_for_page()
    return cluster, session


def install(release: Release) -> None:
    """Install the operator, in the image that was built last; raise DemoError, which says where to look."""
    try:
        release.install()
        release.run_newest_image()
    except CommandError as error:
        kubectl = f"{release.admin.kubectl_path} --kubeconfig={release.admin.kubeconfig} -n {release.namespace}"
        raise DemoError(
            f"The operator did not start. {error}\nIts own messages:\n"
            f"  {kubectl} describe deployment/{release.deployment}\n  {kubectl} logs deployment/{release.deployment}"
        ) from error


def farewell(cluster: Admin, session: DemoSession, seconds: float) -> str:
    """Return the final message for the user: the address, and what to do next."""
    kubectl = f"kubectl -n {session.namespace}"
    patch = f"{kubectl} patch amaltheasession {session.name} --type merge -p"
    return f"""
JupyterLab runs, after {duration(seconds)}. Open it in a browser on this machine, and enter your key:

  {session.url}
  {session.key}

For what follows, let your shell know the cluster:

  export KUBECONFIG={cluster.kubeconfig} PATH={cluster.kubectl_path.parent}:$PATH

See it        {kubectl} get amaltheasessions
Pause it      {patch} '{{"spec": {{"hibernated": true}}}}'
Resume it     {patch} '{{"spec": {{"hibernated": false}}}}'
Delete it     {kubectl} delete amaltheasession {session.name}
Stop all      make lab-down

Its code was cloned from a private repository. A file that you write there is still there after a pause. What else a
session can be: config/samples."""

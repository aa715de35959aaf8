"""`make install`, `uninstall`, `deploy` and `undeploy`: the CRD and the operator in the cluster of the current context.

What would delete sessions is counted and asked for; what need not delete them never does.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence

import yaml

from tools import manifests
from tools.kubectl import SESSIONS, Kubectl, ToolError

CRD = manifests.CONFIG / "crd/bases/amalthea.dev_amaltheasessions.yaml"
NAMESPACE = "amalthea-system"
DEPLOYMENT = "deployment/amalthea-controller-manager"
SERVED_WITHIN = 60.0
"""Seconds from the creation of the CRD until the API server takes sessions; one is usual."""
APPLY = ("apply", "--server-side", "--force-conflicts", "--filename=-")
"""Fields that another tool set before become ours: the Go operator's files are applied over in the same way."""


def main(argv: Sequence[str] | None = None, kubectl: Kubectl | None = None) -> int:
    """Run one command and return its exit code."""
    given = _parser().parse_args(argv)
    commands: dict[str, Callable[[argparse.Namespace, Kubectl], None]]
    commands = {"install": install, "uninstall": uninstall, "deploy": deploy, "undeploy": undeploy}
    try:
        commands[given.command](given, kubectl or Kubectl())
    except ToolError as error:
        sys.stderr.write(f"make {given.command}: {error}\n")
        return 1
    return 0


def install(_: argparse.Namespace, kubectl: Kubectl) -> None:
    """Install the CRD, or upgrade it in place, and return when sessions are served."""
    kubectl.find_cluster()
    _say(kubectl.run(*APPLY, stdin=CRD.read_text()))
    deadline = time.monotonic() + SERVED_WITHIN
    while not kubectl.serves(SESSIONS):  # `kubectl wait` fails where there is no condition yet
        if time.monotonic() > deadline:
            raise ToolError(f"the cluster does not take sessions after {SERVED_WITHIN:g} s; try again.")
        time.sleep(0.2)
    _say("Sessions can be created.")


def uninstall(given: argparse.Namespace, kubectl: Kubectl) -> None:
    """Delete the CRD, and with it all sessions and their files, once somebody has agreed to that."""
    kubectl.find_cluster()
    found = kubectl.items(SESSIONS, "--all-namespaces")
    if found and not given.force:
        namespaces = {each["metadata"]["namespace"] for each in found}
        _say(f"The cluster is {kubectl.server() or 'that of this pod'}.")
        _say(f"This deletes {len(found)} session(s) in {len(namespaces)} namespace(s), with all their files.")
        _say("Those that adopt secrets are deleted only while an operator runs; without one this command waits.")
        sys.stdout.write(f"Type {len(found)} to delete them: ")
        sys.stdout.flush()
        if sys.stdin.readline().strip() != str(len(found)):
            raise ToolError("nothing was deleted. FORCE=1 skips the question.")
    _say(kubectl.run("delete", f"crd/{SESSIONS}", f"--ignore-not-found={given.ignore_not_found}"))


def deploy(given: argparse.Namespace, kubectl: Kubectl) -> None:
    """Bring the CRD and the operator into the cluster, and return when the operator is ready."""
    text = manifests.render(given.image, given.sidecars, given.folder)
    kubectl.find_cluster()
    _say(kubectl.run(*APPLY, stdin=text))
    place = f"--namespace={NAMESPACE}"
    if given.wait:
        _say(kubectl.run("rollout", "status", DEPLOYMENT, place, f"--timeout={given.wait}"))


def undeploy(given: argparse.Namespace, kubectl: Kubectl) -> None:
    """Take away what `deploy` brought, but the CRD, and the namespace where sessions live in it."""
    kubectl.find_cluster()
    kept = {"CustomResourceDefinition"}
    if here := kubectl.items(SESSIONS, f"--namespace={NAMESPACE}"):
        kept.add("Namespace")
        _say(f"The namespace {NAMESPACE} stays: {len(here)} session(s) live in it.")
    objects = [each for each in yaml.safe_load_all(manifests.render(folder=given.folder)) if each["kind"] not in kept]
    option = f"--ignore-not-found={given.ignore_not_found}"
    _say(kubectl.run("delete", option, "--filename=-", stdin=yaml.safe_dump_all(objects)))
    _say("The CRD and all sessions stay. `make uninstall` deletes them; sessions that adopt secrets need an operator.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install")
    for name in ("uninstall", "undeploy"):
        removal = commands.add_parser(name)
        removal.add_argument("--ignore-not-found", choices=("true", "false"), default="false")
        removal.add_argument("--folder", default="default", help="the folder below config/ that was deployed")
        removal.add_argument("--force", action="store_true", help="delete sessions without asking")
    deployment = commands.add_parser("deploy")
    deployment.add_argument("--image", help="the operator's image; that of the files if not given")
    deployment.add_argument("--sidecars", default="", help="the sidecars' image; that of the files if not given")
    deployment.add_argument("--folder", default="default", help="a folder below config/, such as overlays/prometheus")
    deployment.add_argument("--wait", default="2m", help="for the operator to be ready; empty for not at all")
    return parser


def _say(text: str) -> None:
    sys.stdout.write(text.rstrip("\n") + "\n")


if __name__ == "__main__":
    sys.exit(main())

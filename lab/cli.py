"""The lab's command line: `python -m lab up`, `down`, `status`, `logs`, `kubeconfig`, `build` and `images`.

Parses, calls `lab.cluster.profiles`, and turns the errors that a user can do something about into one clear message.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from lab.base import state
from lab.base.process import DaemonError
from lab.base.progress import Progress
from lab.base.state import PROFILES, BusyError, Profile
from lab.base.system import MachineError
from lab.cluster import image_loaders, profiles
from lab.images import images
from lab.programs import binaries
from lab.programs.gobuild import BuildError

SHOWN_LINES = "200"
NOT_UP = 3
"""The exit code of `status` when nothing is up, as systemctl has it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    chosen = _parser().parse_args(arguments)
    command: str = chosen.command
    try:
        code = _COMMANDS[command](chosen)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever read has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (BuildError, DaemonError, BusyError, MachineError) as error:
        print(f"lab {command}: {error}", file=sys.stderr)
        return 1


def _up(chosen: argparse.Namespace) -> int:
    profile: Profile = chosen.profile
    progress = Progress()
    profiles.up(profile, chosen.nodes, progress)
    progress.say(f"{profile} is up. Use it with: export KUBECONFIG={state.kubeconfig(profile)}")
    return 0


def _down(chosen: argparse.Namespace) -> int:
    for profile in _existing(chosen.profile):
        profiles.down(profile, Progress())
    return 0


def _status(chosen: argparse.Namespace) -> int:
    shown = _existing(chosen.profile)
    for profile in shown:
        print(f"{profile} (KUBECONFIG={state.kubeconfig(profile)})")
        for line in profiles.status(profile):
            print(f"  {line}")
    if not shown:
        print("Nothing is up.")
    return 0 if shown else NOT_UP


def _logs(chosen: argparse.Namespace) -> int:
    folder = state.folder(chosen.profile) / "logs"
    if chosen.component is None:
        for path in sorted(folder.glob("*.log")):
            print(f"{path.stem:<26} {path}")
        return 0
    path = folder / f"{chosen.component}.log"
    if not path.exists():
        print(f"lab logs: there is no log of {chosen.component} in {folder}", file=sys.stderr)
        return 1
    follow = ["--follow"] if chosen.follow else []
    return subprocess.run(["tail", f"--lines={SHOWN_LINES}", *follow, str(path)], check=False).returncode


def _kubeconfig(chosen: argparse.Namespace) -> int:
    path: Path = state.kubeconfig(chosen.profile)
    if not path.exists():
        print(f"lab kubeconfig: {chosen.profile} is not up", file=sys.stderr)
        return 1
    print(path)
    return 0


def _build(chosen: argparse.Namespace) -> int:
    binaries.build(chosen.groups or binaries.GROUPS, Progress())
    return 0


def _images(chosen: argparse.Namespace) -> int:
    make = image_loaders.load if chosen.action == "load" else images.build
    make(chosen.images, Progress())
    return 0


_COMMANDS = {
    "up": _up,
    "down": _down,
    "status": _status,
    "logs": _logs,
    "kubeconfig": _kubeconfig,
    "build": _build,
    "images": _images,
}


def _existing(profile: Profile | None) -> list[Profile]:
    """Return the profiles to act on: those with a state folder, and of them only `profile` if one was named."""
    asked = [profile] if profile else PROFILES
    return [known for known in asked if state.folder(known).exists()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description="A Kubernetes on this machine alone.")
    commands = parser.add_subparsers(dest="command", required=True)

    up = commands.add_parser("up", help="start a cluster, building its programs first where needed")
    up.add_argument("--profile", choices=PROFILES, default="full")
    up.add_argument("--nodes", type=int, default=profiles.DEFAULT_NODES, help="how many fake nodes")

    for name, text in (("down", "stop and remove all, or one"), ("status", "show what is up")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--profile", choices=PROFILES)

    logs = commands.add_parser("logs", help="list the logs, or show the end of one")
    logs.add_argument("component", nargs="?", help="for example kube-apiserver")
    logs.add_argument("--follow", "-f", action="store_true")
    kubeconfig = commands.add_parser("kubeconfig", help="print the path of the administrator's kubeconfig")
    for command in (logs, kubeconfig):
        command.add_argument("--profile", choices=PROFILES, default="full")

    build = commands.add_parser("build", help="build programs into the cache: all, or those of some groups")
    _add_names(build, "group", binaries.GROUPS)
    made = commands.add_parser("images", help="build images, or load them into the cluster that is up")
    made.add_argument("action", choices=("build", "load"))
    _add_names(made, "image", images.IMAGES)
    return parser


def _add_names(parser: argparse.ArgumentParser, what: str, known: Collection[str]) -> None:
    """Take any number of known names; argparse's own `choices` refuses to take none."""

    def one_of(name: str) -> str:
        if name not in known:
            raise argparse.ArgumentTypeError(f"no such {what}: {name} (there are {', '.join(known)})")
        return name

    parser.add_argument(f"{what}s", nargs="*", metavar=what, type=one_of, help=", ".join(known))

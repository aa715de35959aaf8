"""The cluster of the demo and of the tests on real pods, and its administrator's commands.

kubectl and helm against whatever is up: the cluster that `make kind_cluster` made, else the lab's own node.
"""

import base64
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.base import state
from lab.base.pki import KeyPair, write_secret
from lab.base.progress import Progress
from lab.base.state import Profile
from lab.cluster import profiles
from lab.control_plane.api import Api
from lab.node.layout import Layout, http_port
from lab.programs import binaries


class CommandError(Exception):
    """A command that failed; the text says which, and what it wrote to standard error."""


@dataclass(frozen=True)
class Admin:
    """One cluster that is up."""

    profile: Profile
    kubectl_path: Path
    helm_path: Path

    @property
    def kubeconfig(self) -> Path:
        """The path of the administrator's kubeconfig."""
        return state.kubeconfig(self.profile)

    @property
    def http_port(self) -> int:
        """The port of 127.0.0.1 that sessions are opened at."""
        chosen = state.folder(self.profile) / "http-port"
        return int(chosen.read_text()) if chosen.exists() else http_port()

    @property
    def https_port(self) -> int:
        """The port of 127.0.0.1 that sessions are opened at over TLS, on the lab's own node."""
        return int((state.folder(self.profile) / "https-port").read_text())

    @property
    def authority(self) -> str:
        """The certificate (PEM) of the authority for that port."""
        return (Layout().entry / "ca.crt").read_text()

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and return its standard output; raise CommandError."""
        return _run([str(self.kubectl_path), f"--kubeconfig={self.kubeconfig}", *arguments], stdin)

    def helm(self, *arguments: str) -> str:
        """Run helm and return its standard output; raise CommandError."""
        return _run([str(self.helm_path), f"--kubeconfig={self.kubeconfig}", *arguments], None)

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any] | None:
        """Return an object, or None if there is none of that name; raise CommandError."""
        text = self.kubectl("get", kind, name, f"--namespace={namespace}", "--ignore-not-found", "--output=json")
        found: dict[str, Any] | None = json.loads(text) if text else None
        return found


def wanted_profile() -> Profile:
    """Return kind where `make kind_cluster` was called, else the lab's own node."""
    return "kind" if state.folder("kind").exists() else "full"


def up(progress: Progress) -> Admin:
    """Bring the cluster up, unless it is, and return its administrator.

    Raise BuildError, DaemonError, BusyError or MachineError.
    """
    profile = wanted_profile()
    profiles.up(profile, profiles.DEFAULT_NODES, progress)
    return Admin(profile, _program("kubectl", profile, progress), _program("helm", profile, progress))


def api_of(cluster: Admin, folder: Path) -> Api:
    """Return a client with the certificates of the administrator's kubeconfig, written into `folder`."""
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--minify", "--output=json"))
    place, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    files = {
        "ca.crt": place["certificate-authority-data"],
        "user.crt": user["client-certificate-data"],
        "user.key": user["client-key-data"],
    }
    for name, content in files.items():
        write_secret(folder / name, base64.b64decode(content))
    return Api(place["server"], folder / "ca.crt", KeyPair(folder / "user.crt", folder / "user.key"))


def _program(name: str, profile: Profile, progress: Progress) -> Path:
    """Return a program's path: on machines with kind most are installed, and need not be built."""
    installed = shutil.which(name) if profile == "kind" else None
    return Path(installed) if installed else binaries.path(name, progress)


def _run(command: Sequence[str], stdin: str | None) -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        shown = " ".join([Path(command[0]).name, *command[2:]])
        raise CommandError(f"`{shown}` failed: {done.stderr.strip()}")
    return done.stdout

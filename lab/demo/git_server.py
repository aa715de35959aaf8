"""The lab's git server: a private repository, on the node's address, for the demo.

It is one of the node's programs, so `down` stops it and takes its repository along. `lab.demo.git_http` answers, and
`repository/` is what it serves.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lab.base import state, system
from lab.base.pki import Authority, KeyPair, write_secret
from lab.base.process import Daemon, Daemons
from lab.base.progress import Progress
from lab.base.project import PROJECT
from lab.demo.git_http import GitHttp
from lab.node.layout import GIT_SERVER_PORT, NODE_ADDRESS

NAME = "git-server"
REPOSITORY = "analysis"
USER = "ada"
FILES = Path(__file__).resolve().parent / "repository"
_PACKAGES = (system.Package("git", "git"),)
_AUTHOR = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")


@dataclass(frozen=True)
class GitServer:
    """The server as its users know it."""

    remote: str
    """The address of the repository, for pods and for this machine."""
    password: str = field(repr=False)
    authority: str
    """PEM of the CA for the server."""

    def secret(self, name: str) -> dict[str, Any]:
        """Return the secret that opens the repository: its key `credentials` is for `cloningConfigSecretRef`."""
        credentials = {"username": USER, "password": self.password, "caCertificates": self.authority}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "stringData": {"credentials": json.dumps(credentials)},  # JSON is YAML
        }


def up(progress: Progress) -> GitServer:
    """Start the server, unless it runs; raise DaemonError, BusyError or MachineError. The node must be up."""
    folder = _Folder(state.folder("full") / NAME)
    daemons = Daemons(state.folder("full"), outlive=True)
    with state.exclusive():
        if NAME not in daemons.running():
            system.ensure(_PACKAGES, progress)
            with progress.step("Starting a git server with a private repository"):
                folder.prepare()
                daemons.start(_daemon(folder.path), _listens)
    return folder.server()


@dataclass(frozen=True)
class _Folder:
    """The folder in which the server keeps everything."""

    path: Path

    @property
    def password(self) -> Path:
        return self.path / "password"

    @property
    def repositories(self) -> Path:
        return self.path / "repositories"

    @property
    def authority(self) -> Authority:
        return Authority(self.path / "pki")

    def prepare(self) -> None:
        """Make what is not there yet."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.authority.server(NAME, [NODE_ADDRESS])
        if not self.password.exists():
            write_secret(self.password, secrets.token_urlsafe(12).encode())
        if not (self.repositories / f"{REPOSITORY}.git").exists():
            make_repository(FILES, self.repositories / f"{REPOSITORY}.git")

    def server(self) -> GitServer:
        remote = f"https://{NODE_ADDRESS}:{GIT_SERVER_PORT}/{REPOSITORY}.git"
        return GitServer(remote, self.password.read_text(), self.authority.pair.certificate.read_text())


def _daemon(folder: Path) -> Daemon:
    return Daemon(NAME, (sys.executable, "-m", __name__, str(folder)), {"PYTHONPATH": str(PROJECT)})


def make_repository(files: Path, bare: Path) -> None:
    """Make a bare repository whose one commit holds what is in a folder; whole, or not at all."""
    with TemporaryDirectory(prefix="lab-git-") as folder:
        work, made = Path(folder) / "work", bare.with_name(f".{bare.name}")
        shutil.copytree(files, work)
        _git(work, "init", "--quiet", "--initial-branch=main")
        _git(work, "add", "--all")
        _git(work, *_AUTHOR, "commit", "--quiet", "--message=Count primes")
        shutil.rmtree(made, ignore_errors=True)
        _git(work, "clone", "--quiet", "--bare", str(work), str(made))
        made.rename(bare)


def _git(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}  # whatever the user's own commits look like
    command = ("git", *arguments)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise system.MachineError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")


def _listens() -> bool:
    with suppress(OSError):
        socket.create_connection((NODE_ADDRESS, GIT_SERVER_PORT), timeout=1).close()
        return True
    return False


def main(arguments: Sequence[str]) -> None:
    """Serve from a prepared folder until the process is ended."""
    folder = _Folder(Path(arguments[0]))
    pki = folder.path / "pki"
    pair = KeyPair(pki / f"{NAME}.crt", pki / f"{NAME}.key")
    server = GitHttp(folder.repositories, pair, NODE_ADDRESS, GIT_SERVER_PORT)
    server.passwords[REPOSITORY] = (USER, folder.password.read_text())
    signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])

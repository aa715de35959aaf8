"""Git servers of this machine that pods reach: over HTTPS with an authority of their own, and over SSH."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.base import system
from lab.base.pki import Authority
from lab.base.progress import Progress
from lab.cluster.admin import Admin
from tests.e2e.cluster import address_for_pods
from tests.e2e.specs import NOT_ASKED, Spec, container
from tests.support import git
from tests.support.git_server import GitServer
from tests.support.ssh_server import SshServer
from tests.support.world import World

IMAGE = "docker.io/amalthea/sidecars:dev"
"""Has git, so it can be the session too."""
WAITS = ["dumb-init", "sleep", "infinity"]
LARGE = b"a large file\n" * 1000


@dataclass(frozen=True)
class Servers:
    """Both servers, and the folder whose repositories they serve."""

    https: GitServer
    ssh: SshServer
    repositories: Path

    def opened_with(self, user: str, password: str) -> str:
        """Return a credentials file for HTTPS."""
        return json.dumps({"username": user, "password": password, "caCertificates": self.https.ca.read_text()})

    def opened_with_key(self) -> str:
        """Return a credentials file for SSH."""
        key = {"privateKey": self.ssh.key.read_text(), "password": "open sesame"}
        return json.dumps({**key, "knownHosts": self.ssh.known_hosts})


@contextmanager
def serving(cluster: Admin, folder: Path) -> Iterator[Servers]:
    """Serve `project` (branch trunk, tag v1) and `large` (with a file of Git LFS) where pods can reach them."""
    address = address_for_pods(cluster)
    system.ensure(git.PACKAGES, Progress())
    repositories, own = folder / "repositories", folder / "ssh"
    for made in (repositories, own):
        made.mkdir()
    https = GitServer(repositories, Authority(folder / "pki"), address)
    try:
        ssh = SshServer(own, repositories, address)
        try:
            _make_repositories(folder, repositories, https)
            yield Servers(https, ssh, repositories)
        finally:
            ssh.close()
    finally:
        https.close()


def _make_repositories(folder: Path, repositories: Path, server: GitServer) -> None:
    for name in ("project", "large"):
        work = folder / name
        git.git(folder, "init", "--quiet", str(work))
        git.commit(work, "notes.txt", "first\n")
        git.git(work, "tag", "v1")
        git.commit(work, "notes.txt", "second\n")
        if name == "large":
            git.commit(work, ".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
            git.commit(work, "data.bin", server.add_large_file(LARGE))
        git.publish(work, repositories / f"{name}.git")


def session_with_git(**fields: object) -> Spec:
    """Return a session that waits, with git in its image and nobody to open it."""
    return {"session": container(image=IMAGE, command=WAITS, readinessProbe=NOT_ASKED, **fields)}


def shell_in(cluster: Admin, world: World, name: str) -> Callable[[str], str]:
    """Return what runs a script in a session's container and returns its output, or raises CommandError."""

    def run(script: str) -> str:
        place = f"--namespace={world.namespace}", f"{name}-0", "--container=amalthea-session"
        return cluster.kubectl("exec", *place, "--", "/bin/sh", "-ec", script).strip()

    return run

"""Repositories for tests, made by the real git, independent of the settings of the user who runs them."""

import os
import subprocess
from pathlib import Path

from lab.base import system

PACKAGES = (
    system.Package("git", "git"),
    system.Package("git-lfs", "git-lfs"),
    system.Package("openssh-client", "ssh-keygen"),
    system.Package("openssh-server", "sshd"),
)
"""What serves repositories, over HTTPS and SSH, and what makes them."""
_AUTHOR = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(folder: Path, *arguments: str) -> str:
    """Run git in `folder`; return what it prints."""
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=trunk", "-c", "safe.directory=*", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **_AUTHOR},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(work: Path, name: str, text: str) -> str:
    """Write a file and commit it; return the commit."""
    (work / name).write_text(text)
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "--message", f"Write {name}")
    return git(work, "rev-parse", "HEAD")


def publish(work: Path, bare: Path) -> None:
    """Make a bare repository of all that is in `work`."""
    git(work, "clone", "--quiet", "--mirror", str(work), str(bare))

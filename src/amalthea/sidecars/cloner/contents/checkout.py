"""Checks out the wanted revision in a clone without files: on a branch that tracks its remote, if it is one."""

import re
from dataclasses import dataclass
from pathlib import Path

from amalthea.sidecars.cloner.access.git_environment import Workplace
from amalthea.sidecars.cloner.contents import tree
from amalthea.sidecars.cloner.errors import CloneFailed, GitFailed
from amalthea.sidecars.cloner.process.git import Git, say

_WHOLE_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class Revision:
    """The revision to check out. An empty one means the remote's default branch."""

    revision: str = ""
    """A branch, a tag or a commit. HEAD is the default branch, too."""
    commit: str = ""
    """The commit at which the branch should stand, the default one if no other is named."""


def check_out(work: Workplace, clone: Path, asked: Revision, address: str) -> bool:
    """Check out what is asked for; return False if the repository is empty, which is fine.

    Raises:
        CloneFailed: the repository has no such revision, or files that are not to be checked out.
        GitFailed: git could not write or fetch.
    """
    git = work.local
    revision = "" if asked.revision == "HEAD" else asked.revision
    branch = _branch(git, clone, revision)
    wanted = asked.commit or revision
    point = _find(work, clone, wanted) if wanted else _commit(git, clone, "HEAD")
    if point is None and wanted:
        raise CloneFailed(f"Cloning {address} failed: it has no branch, tag or commit {wanted}; correct the revision.")
    if point is None:
        say(f"{address} has no commit on its default branch: there is nothing to check out.")
        return False
    tree.check(git, clone / ".git", point, f"Cloning {address}")
    if branch is None or not _holds(git, clone, branch, point):
        git.run("checkout", "--progress", "--force", "--detach", point, folder=clone)
        return True
    git.run("checkout", "--progress", "--force", "-B", branch, point, folder=clone)
    git.run("branch", "--quiet", f"--set-upstream-to=origin/{branch}", branch, folder=clone)
    return True


def has_branches(work: Workplace, clone: Path) -> bool:
    """Tell whether the remote has any branch: one without files may only lack the branch that it calls the default."""
    return bool(work.local.asks("for-each-ref", "--count=1", "refs/remotes/origin", folder=clone))


def _branch(git: Git, clone: Path, revision: str) -> str | None:
    """Return the remote's branch that is meant; None for a tag, a commit, a remote without default branch."""
    if not revision:
        head = git.asks("symbolic-ref", "--quiet", "HEAD", folder=clone)
        return head and head.removeprefix("refs/heads/")  # --short would say heads/x where a tag is named x, too
    name = revision.removeprefix("refs/heads/")
    return name if _commit(git, clone, f"refs/remotes/origin/{name}") else None


def _holds(git: Git, clone: Path, branch: str, point: str) -> bool:
    """Return whether the remote's branch has this commit: a local branch of its name anywhere else would mislead."""
    return git.asks("merge-base", "--is-ancestor", point, f"origin/{branch}", folder=clone) is not None


def _find(work: Workplace, clone: Path, wanted: str) -> str | None:
    """Return the commit that is meant: a branch before a tag before a commit, which may be on no branch."""
    for candidate in _candidates(wanted):
        if found := _commit(work.local, clone, candidate):
            return found
    if not _WHOLE_COMMIT.fullmatch(wanted):
        return None
    try:
        with work.network() as git:
            git.run("fetch", "--progress", "origin", wanted, folder=clone)
    except GitFailed as error:
        if "not our ref" in error.said or "couldn't find remote ref" in error.said:
            return None
        raise
    return _commit(work.local, clone, wanted)


def _candidates(wanted: str) -> tuple[str, ...]:
    """Return what may be meant, the likeliest first. A whole name means nothing else."""
    if wanted.startswith("refs/heads/"):
        return (wanted.replace("refs/heads/", "refs/remotes/origin/", 1),)
    if wanted.startswith("refs/tags/"):
        return (wanted,)
    return f"refs/remotes/origin/{wanted}", f"refs/tags/{wanted}", wanted


def _commit(git: Git, clone: Path, name: str) -> str | None:
    return git.asks("rev-parse", "--quiet", "--verify", f"{name}^{{commit}}", folder=clone) or None

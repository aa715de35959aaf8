"""`cloner clone` against a real server: the revision that was asked for, with all that belongs to it."""

from pathlib import Path

import pytest

from tests.sidecars.cloner.conftest import LARGE, Commits
from tests.sidecars.cloner.machine import Cloner
from tests.support.git import git
from tests.support.git_server import GitServer

pytestmark = pytest.mark.usefixtures("project")


def _branch(clone: Path) -> str:
    return git(clone, "rev-parse", "--abbrev-ref", "HEAD")


def test_the_default_branch_is_tracked_and_no_head_is_detached(
    cloner: Cloner, server: GitServer, project: Commits
) -> None:
    ended = cloner.clone(server.address("project"))

    clone = cloner.volume / "project"
    assert ended.code == 0, ended.log
    assert (_branch(clone), git(clone, "rev-parse", "HEAD")) == ("trunk", project.trunk)
    assert git(clone, "rev-parse", "--abbrev-ref", "@{upstream}") == "origin/trunk"
    assert git(clone, "status", "--porcelain") == ""
    assert (clone / "notes.txt").read_text() == "second\n"
    assert "done." in ended.log


@pytest.mark.parametrize(
    ("revision", "branch", "commit"),
    [
        ("feature/x", "feature/x", "feature"),
        ("trunk", "trunk", "trunk"),
        ("refs/heads/feature/x", "feature/x", "feature"),
        ("HEAD", "trunk", "trunk"),
        ("v1", "HEAD", "first"),
        ("refs/tags/v1", "HEAD", "first"),
        ("FIRST", "HEAD", "first"),
        ("SHORT", "HEAD", "first"),
        ("HIDDEN", "HEAD", "hidden"),
    ],
    ids=[
        "branch",
        "default branch",
        "whole branch",
        "HEAD",
        "tag",
        "whole tag",
        "commit",
        "short commit",
        "commit on no branch",
    ],
)
def test_a_branch_is_tracked_and_a_tag_or_commit_is_found(  # noqa: PLR0917  (a table and its world)
    revision: str, branch: str, commit: str, cloner: Cloner, server: GitServer, project: Commits, repositories: Path
) -> None:
    git(repositories / "project.git", "config", "uploadpack.allowAnySHA1InWant", "true")
    known = {"FIRST": project.first, "SHORT": project.first[:10], "HIDDEN": project.hidden}

    ended = cloner.clone(server.address("project"), "--revision", known.get(revision, revision))

    clone = cloner.volume / "project"
    assert ended.code == 0, ended.log
    assert (_branch(clone), git(clone, "rev-parse", "HEAD")) == (branch, getattr(project, commit))


def test_the_default_branch_is_tracked_where_a_tag_has_its_name(
    cloner: Cloner, server: GitServer, twins: tuple[str, str]
) -> None:
    ended = cloner.clone(server.address("twins"))

    clone = cloner.volume / "twins"
    assert ended.code == 0, ended.log
    assert git(clone, "symbolic-ref", "HEAD") == "refs/heads/trunk"
    assert git(clone, "rev-parse", "HEAD") == twins[0]
    assert git(clone, "rev-parse", "--symbolic-full-name", "@{upstream}") == "refs/remotes/origin/trunk"


@pytest.mark.parametrize(
    ("revision", "head", "place"),
    [
        ("v1", "refs/heads/v1", 0),
        ("refs/heads/v1", "refs/heads/v1", 0),
        ("refs/tags/v1", "HEAD", 1),
    ],
)
def test_a_whole_name_means_no_like_named_branch_or_tag(
    revision: str, head: str, place: int, cloner: Cloner, server: GitServer, twins: tuple[str, str]
) -> None:
    ended = cloner.clone(server.address("twins"), "--revision", revision)

    clone = cloner.volume / "twins"
    assert ended.code == 0, ended.log
    assert git(clone, "rev-parse", "--symbolic-full-name", "HEAD") == head
    assert git(clone, "rev-parse", "HEAD") == twins[place]


@pytest.mark.parametrize("revision", ["no-such", "0" * 40, "refs/heads/v1", "refs/tags/trunk"])
def test_a_revision_that_is_not_there_leaves_nothing_and_says_so(
    revision: str, cloner: Cloner, server: GitServer
) -> None:
    ended = cloner.clone(server.address("project"), "--revision", revision)

    assert ended.code == 1
    assert ended.log.endswith(
        f"Cloning {server.address('project')} failed: "
        f"it has no branch, tag or commit {revision}; correct the revision.\n"
    )
    assert list(cloner.volume.iterdir()) == []


def test_a_resume_clones_nothing_again_and_leaves_the_work_of_the_user(cloner: Cloner, server: GitServer) -> None:
    assert cloner.clone(server.address("project")).code == 0
    (cloner.volume / "project" / "notes.txt").write_text("my own\n")
    clones = server.clones

    ended = cloner.clone(server.address("project"))

    assert (ended.code, server.clones) == (0, clones)
    assert (cloner.volume / "project" / "notes.txt").read_text() == "my own\n"


def test_files_in_the_way_are_never_touched_and_an_empty_folder_is_used(cloner: Cloner, server: GitServer) -> None:
    place = cloner.volume / "project"
    place.mkdir()
    assert cloner.clone(server.address("project")).code == 0
    assert (place / ".git").is_dir()

    other = cloner.volume / "empty"
    other.mkdir()
    (other / "thesis.tex").write_text("mine")
    assert cloner.clone(server.address("empty")).code == 0
    assert [path.name for path in other.iterdir()] == ["thesis.tex"]


def test_an_empty_repository_is_fine(cloner: Cloner, server: GitServer, empty: str) -> None:
    ended = cloner.clone(server.address(empty))

    assert ended.code == 0, ended.log
    assert (cloner.volume / "empty" / ".git").is_dir()


def test_submodules_and_large_files_are_there_and_the_clone_looks_after_them(
    cloner: Cloner, server: GitServer, large: str
) -> None:
    ended = cloner.clone(server.address("large"))

    clone = cloner.volume / "large"
    assert ended.code == 0, ended.log
    assert "Downloading LFS objects: " in ended.log
    assert (clone / "data.bin").read_bytes() == LARGE
    assert (clone / "inner" / "data.bin").read_bytes() == LARGE
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "config", "filter.lfs.clean").startswith("git-lfs clean")
    assert large in git(clone, "show", "HEAD:data.bin") + "\n"

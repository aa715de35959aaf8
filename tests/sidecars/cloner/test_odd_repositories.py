"""Repositories that are rare and right, or broken in a way that a clone by hand would survive."""

from pathlib import Path

import pytest

from tests.sidecars.cloner.machine import Cloner
from tests.support.git import commit, git, publish
from tests.support.git_server import GitServer


@pytest.mark.parametrize("revision", ["", "trunk", "FIRST"])
def test_a_repository_with_sha256_hashes_is_cloned_at_any_revision(
    revision: str, cloner: Cloner, server: GitServer, tmp_path: Path, repositories: Path
) -> None:
    bare = repositories / f"sha256{revision}.git"
    git(tmp_path, "init", "--quiet", "--object-format=sha256", "work")
    first = commit(tmp_path / "work", "notes.txt", "first\n")
    commit(tmp_path / "work", "notes.txt", "second\n")
    publish(tmp_path / "work", bare)

    flags = ("--revision", first if revision == "FIRST" else revision) if revision else ()
    ended = cloner.clone(server.address(bare.stem), *flags)

    assert ended.code == 0, ended.log
    assert (cloner.volume / bare.stem / "notes.txt").read_text() == ("first\n" if revision == "FIRST" else "second\n")


def test_a_default_branch_that_is_gone_leaves_a_clone_and_a_word(
    cloner: Cloner, server: GitServer, tmp_path: Path, repositories: Path
) -> None:
    git(tmp_path, "init", "--quiet", "work")
    commit(tmp_path / "work", "notes.txt", "first\n")
    publish(tmp_path / "work", repositories / "headless.git")
    git(repositories / "headless.git", "symbolic-ref", "HEAD", "refs/heads/master")

    ended = cloner.clone(server.address("headless"))

    clone = cloner.volume / "headless"
    said = f"The default branch of {server.address('headless')} does not exist there"
    assert ended.code == 0, ended.log
    assert said in ended.log
    assert (clone / "ERROR").read_text().startswith(said)
    assert git(clone, "status", "--porcelain") == ""
    git(clone, "checkout", "--quiet", "trunk")
    assert (clone / "notes.txt").read_text() == "first\n"


def test_an_empty_repository_leaves_no_word(cloner: Cloner, server: GitServer, empty: str) -> None:
    assert cloner.clone(server.address(empty)).code == 0
    assert [path.name for path in (cloner.volume / empty).iterdir()] == [".git"]

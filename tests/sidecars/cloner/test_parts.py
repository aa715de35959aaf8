"""A repository is cloned whatever its submodules and large files do; what is missing is reported, and why."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sidecars.cloner.conftest import LARGE
from tests.sidecars.cloner.machine import Cloner, Ended
from tests.support.git import commit, git, publish
from tests.support.git_server import GitServer
from tests.support.processes import free_port

pytestmark = pytest.mark.usefixtures("project", "large")
MODULE = '[submodule "{name}"]\n\tpath = {name}\n\turl = {url}\n'
Make = Callable[..., Path]
"""Publishes a repository of some name, with submodules at these addresses, and returns its work tree."""


@pytest.fixture
def make(folder: Path, repositories: Path) -> Make:
    def made(name: str, stray: str = "", **modules: str) -> Path:
        work = folder / name
        git(folder, "init", "--quiet", str(work))
        tip = git(folder / "inner", "rev-parse", "HEAD")
        for path in (*modules, *filter(None, [stray])):
            git(work, "update-index", "--add", "--cacheinfo", f"160000,{tip},{path}")
        (work / ".gitmodules").write_text("".join(MODULE.format(name=path, url=url) for path, url in modules.items()))
        git(work, "add", ".gitmodules")
        (work / "notes.txt").write_text("mine\n")
        git(work, "add", "notes.txt")
        git(work, "commit", "--quiet", "--message", "Name others")
        publish(work, repositories / f"{name}.git")
        return work

    return made


def stands(ended: Ended, clone: Path) -> str:
    """Check that the main repository is there whole, and return what its file ERROR says."""
    assert ended.code == 0, ended.log
    assert (clone / "notes.txt").read_text() == "mine\n"
    assert git(clone, "status", "--porcelain", "--ignore-submodules=all") == ""
    error = clone / "ERROR"
    told = error.read_text() if error.exists() else ""
    assert all(line in ended.log for line in told.splitlines())
    return told


def test_a_repository_committed_by_accident_keeps_no_real_submodule_away(
    cloner: Cloner, server: GitServer, make: Make
) -> None:
    make("nested", stray="a/x", lib=server.address("inner"), zlib="../inner.git")

    told = stands(cloner.clone(server.address("nested")), cloner.volume / "nested")

    assert "without an address in .gitmodules; they stay empty: a/x." in told
    for name in ("lib", "zlib"):
        assert (cloner.volume / "nested" / name / "data.bin").read_bytes() == LARGE


def test_repositories_committed_by_accident_alone_need_no_gitmodules(
    cloner: Cloner, server: GitServer, make: Make
) -> None:
    make("alone", stray="x")
    assert "stay empty: x." in stands(cloner.clone(server.address("alone")), cloner.volume / "alone")


def test_an_ssh_submodule_on_the_same_host_comes_over_the_web(
    cloner: Cloner, server: GitServer, make: Make, tmp_path: Path
) -> None:
    host = server.host.partition(":")[0]
    make("overssh", short=f"git@{host}:inner.git", long=f"ssh://git@{host}:2222/inner.git")
    server.passwords.update(dict.fromkeys(("overssh", "inner"), ("ada", "pw")))
    config = tmp_path / "credentials.yaml"
    config.write_text("username: ada\npassword: pw\notherPaths: inner\n")

    told = stands(cloner.clone(server.address("overssh"), "--config", str(config)), cloner.volume / "overssh")

    assert told == ""
    for name in ("short", "long"):
        assert (cloner.volume / "overssh" / name / "data.bin").read_bytes() == LARGE
        at = git(cloner.volume / "overssh", "config", f"submodule.{name}.url")
        assert at == f"https://{server.host}/inner.git"
        assert git(cloner.volume / "overssh" / name, "config", "remote.origin.url") == at


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("https://127.0.0.1:{port}/dead", "cannot be reached or closes the connection"),
        ("ssh://git@localhost:{port}/dead", "cannot be reached or closes the connection"),
        ("https://{host}/no-such.git", "has no such repository"),
        ("https://{host}/private.git", "name its path in otherPaths"),
        ("git://127.0.0.1/x", "its git:// address is not protected"),
        ("file:///etc", "is not an address that can be cloned"),
    ],
)
def test_a_submodule_that_cannot_be_had_is_left_out_and_named(
    url: str, cause: str, cloner: Cloner, server: GitServer, make: Make, repositories: Path
) -> None:
    name = f"lacks{len(list(repositories.iterdir()))}"
    server.passwords["private"] = ("x", "y")
    make(name, aaa=url.format(port=free_port(), host=server.host), lib=server.address("inner"))
    clones = server.clones

    ended = cloner.clone(server.address(name))

    told = stands(ended, cloner.volume / name)
    assert cause in told
    assert "aaa" in told or url.format(port="", host=server.host).rpartition("/")[2].removesuffix(".git") in told
    assert list((cloner.volume / name / "aaa").iterdir()) == []
    assert (cloner.volume / name / "lib" / "data.bin").read_bytes() == LARGE
    assert server.clones - clones == 2, "the repository itself is cloned once"


@pytest.mark.parametrize("trouble", ["quota", "one is missing"])
def test_large_files_that_cannot_be_had_stay_pointers_and_are_named(
    trouble: str, cloner: Cloner, server: GitServer, folder: Path, repositories: Path
) -> None:
    name = f"large-{trouble.replace(' ', '-')}"
    work = folder / name
    git(folder, "init", "--quiet", str(work))
    commit(work, ".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    commit(work, "notes.txt", "mine\n")
    commit(work, "here.bin", server.add_large_file(b"here"))
    pointer = server.add_large_file(b"gone")
    if trouble == "quota":
        server.over_quota.add(name)
    else:
        server.large_files.popitem()
    commit(work, "gone.bin", pointer)
    publish(work, repositories / f"{name}.git")

    clone = cloner.volume / name
    told = stands(cloner.clone(server.address(name)), clone)

    assert ("quota for large files is used up" if trouble == "quota" else "lacks one of its large files") in told
    assert "gone.bin" in told
    assert "`git lfs pull`" in told
    assert (clone / "gone.bin").read_text() == pointer
    assert ((clone / "here.bin").read_bytes() == b"here") is (trouble != "quota")


def test_clones_of_the_web_back_end_have_the_proxy_in_their_submodules_too(
    cloner: Cloner, server: GitServer, make: Make
) -> None:
    make("proxied", lib=server.address("inner"))
    for port in ("65480", "65481"):  # at the start, and at a resume
        cloner.variables = {
            "GIT_CLONE_MOUNT_PATH": str(cloner.volume),
            "GIT_CLONE_REPOSITORIES_0_": json.dumps({"url": server.address("proxied")}),
            "GIT_CLONE_IS_GIT_PROXY_ENABLED": "1",
            "GIT_CLONE_GIT_PROXY_PORT": port,
        }
        assert cloner.run("shellclone").code == 0
        for place in (cloner.volume / "proxied", cloner.volume / "proxied" / "lib"):
            assert git(place, "config", "--get", "http.proxy") == f"http://localhost:{port}"


def test_of_two_repositories_with_one_folder_the_second_is_named_and_touches_nothing(
    cloner: Cloner, server: GitServer, repositories: Path
) -> None:
    (repositories / "bob").mkdir()
    (repositories / "bob" / "project.git").symlink_to(repositories / "project.git")
    entries = [{"url": server.address("project")}, {"url": server.address("bob/project")}]
    cloner.variables = {
        "GIT_CLONE_MOUNT_PATH": str(cloner.volume),
        **{f"GIT_CLONE_REPOSITORIES_{index}_": json.dumps(entry) for index, entry in enumerate(entries)},
    }
    ended = cloner.run("shellclone")
    assert ended.code == 0
    said = f"{server.address('bob/project')} is not cloned: {server.address('project')} already has the folder"
    assert said in ended.log
    assert git(cloner.volume / "project", "config", "remote.origin.url") == server.address("project")

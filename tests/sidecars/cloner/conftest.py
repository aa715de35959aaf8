"""Repositories on real servers, over HTTPS and over SSH, and the cloner as a program of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lab.base.pki import Authority
from tests.sidecars.cloner.machine import Cloner
from tests.support.git import commit, git, publish
from tests.support.git_server import GitServer
from tests.support.ssh_server import SshServer

LARGE = b"a large file\n" * 1000


@dataclass(frozen=True)
class Commits:
    """Commits of the repository `project`."""

    first: str
    trunk: str
    feature: str
    hidden: str
    """On no branch: a server hands it out only to those who know it."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for all servers."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def repositories(folder: Path) -> Path:
    made = folder / "repositories"
    made.mkdir()
    return made


@pytest.fixture(scope="session")
def serving(folder: Path, repositories: Path) -> Iterator[GitServer]:
    git_server = GitServer(repositories, Authority(folder / "pki"))
    yield git_server
    git_server.close()


@pytest.fixture
def server(serving: GitServer) -> GitServer:
    """The server over HTTPS, with no faults and no secrets left from another test."""
    for collection in (serving.passwords, serving.tokens, serving.faults, serving.secrets, serving.shown):
        collection.clear()
    serving.clones = 0
    serving.held.clear()
    serving.go_on.clear()
    return serving


@pytest.fixture(scope="session")
def ssh(folder: Path, repositories: Path) -> Iterator[SshServer]:
    place = folder / "ssh"
    place.mkdir()
    ssh_server = SshServer(place, repositories)
    yield ssh_server
    ssh_server.close()


@pytest.fixture(scope="session")
def project(folder: Path, repositories: Path) -> Commits:
    """The repository `project`: branches trunk (the default) and feature/x, tag v1, a commit on no branch."""
    work = folder / "project"
    git(folder, "init", "--quiet", str(work))
    first = commit(work, "notes.txt", "first\n")
    git(work, "tag", "v1")
    trunk = commit(work, "notes.txt", "second\n")
    git(work, "checkout", "--quiet", "-b", "feature/x")
    feature = commit(work, "feature.txt", "x\n")
    git(work, "checkout", "--quiet", "--detach")
    hidden = commit(work, "hidden.txt", "h\n")
    git(work, "update-ref", "refs/pull/1/head", hidden)
    git(work, "checkout", "--quiet", "trunk")
    publish(work, repositories / "project.git")
    return Commits(first, trunk, feature, hidden)


@pytest.fixture(scope="session")
def twins(folder: Path, repositories: Path) -> tuple[str, str]:
    """The repository `twins`: branches trunk and v1, and tags of the same names. Returns the commits of both kinds."""
    work = folder / "twins"
    git(folder, "init", "--quiet", str(work))
    tagged = commit(work, "notes.txt", "first\n")
    for name in ("trunk", "v1"):
        git(work, "tag", name)
    tip = commit(work, "notes.txt", "second\n")
    git(work, "branch", "v1", tip)
    publish(work, repositories / "twins.git")
    return tip, tagged


@pytest.fixture(scope="session")
def large(serving: GitServer, folder: Path, repositories: Path) -> str:
    """The repository `large`, whose data.bin Git LFS keeps, with a submodule of the same kind. Returns the pointer."""
    pointer = serving.add_large_file(LARGE)
    for name in ("inner", "large"):
        work = folder / name
        git(folder, "init", "--quiet", str(work))
        commit(work, ".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
        commit(work, "data.bin", pointer)
        if name == "large":
            git(work, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(folder / "inner"), "inner")
            git(work, "config", "--file", ".gitmodules", "submodule.inner.url", "../inner.git")
            commit(work, "notes.txt", "n\n")
        publish(work, repositories / f"{name}.git")
    return pointer


@pytest.fixture(scope="session")
def empty(repositories: Path) -> str:
    git(repositories, "init", "--quiet", "--bare", "empty.git")
    return "empty"


@pytest.fixture
def cloner(tmp_path: Path, server: GitServer) -> Iterator[Cloner]:
    volume = tmp_path / "volume"
    volume.mkdir()
    with TemporaryDirectory(prefix="cloner-") as temporary:  # pytest's own may be too long for a socket
        yield Cloner(volume, Path(temporary), server.ca)

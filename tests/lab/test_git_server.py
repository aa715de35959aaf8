"""The lab's git server opens its repository to those who know the password, and goes with the node."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.base.progress import Progress
from lab.demo import git_server
from lab.demo.git_server import NAME, USER, GitServer
from tests.lab.support import daemons, kill, untouched, up
from tests.support.git import git

START = "from lab.demo import git_server; from lab.base.progress import Progress; git_server.up(Progress())"


@pytest.fixture(scope="module")
def node() -> Iterator[None]:
    with untouched():
        up()
        yield


def started() -> GitServer:
    """Start the server by a program of its own, which it outlives."""
    subprocess.run((sys.executable, "-c", START), check=True)
    return git_server.up(Progress())


def cloned(server: GitServer, password: str, folder: Path) -> Path:
    folder.mkdir()
    (folder / "ca.crt").write_text(server.authority)
    remote = server.remote.replace("https://", f"https://{USER}:{password}@")
    git(folder, "-c", f"http.sslCAInfo={folder / 'ca.crt'}", "clone", "--quiet", remote, "clone")
    return folder / "clone"


@pytest.mark.usefixtures("node")
def test_who_knows_the_password_gets_the_repository_and_still_does_after_a_crash(tmp_path: Path) -> None:
    server = started()

    clone = cloned(server, server.password, tmp_path / "first")
    assert {path.name for path in clone.iterdir()} == {".git", "README.md", "primes.ipynb"}
    with pytest.raises(AssertionError, match="Authentication failed"):
        cloned(server, "wrong", tmp_path / "second")

    kill({NAME})
    again = started()
    assert (again.remote, again.password, again.authority) == (server.remote, server.password, server.authority)
    cloned(again, again.password, tmp_path / "third")


@pytest.mark.usefixtures("node")
def test_a_server_that_runs_is_left_as_it_is() -> None:
    started()
    pid = daemons().running()[NAME]
    started()
    assert daemons().running()[NAME] == pid

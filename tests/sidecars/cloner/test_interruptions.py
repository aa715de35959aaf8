"""`cloner clone` that breaks off, is killed or is stopped: a whole clone is in its place, or nothing."""

import subprocess
from pathlib import Path

import pytest

from amalthea.sidecars.cloner.access import remote
from amalthea.sidecars.cloner.contents import attempts, cloning
from amalthea.sidecars.cloner.errors import CloneFailed
from tests.sidecars.cloner.conftest import Commits
from tests.sidecars.cloner.machine import Cloner, all_gone, descendants, kill_family
from tests.support.git import git
from tests.support.git_server import GitServer
from tests.support.processes import free_port

pytestmark = pytest.mark.usefixtures("project")


def test_a_clone_that_breaks_off_is_cleared_away_and_made_again(
    cloner: Cloner, server: GitServer, project: Commits
) -> None:
    server.faults.extend(["break", "busy"])

    ended = cloner.clone(server.address("project"))

    assert ended.code == 0, ended.log
    assert server.clones == 3
    assert (
        "cannot be reached or closes the connection; check the address, and try again later. Trying again in 1 s."
        in ended.log
    ), ended.log
    assert "is overloaded or has an internal error; try again later. Trying again in 2 s." in ended.log
    assert git(cloner.volume / "project", "rev-parse", "HEAD") == project.trunk
    assert [path.name for path in cloner.volume.iterdir()] == ["project"]


def _start_and_hold(cloner: Cloner, server: GitServer) -> subprocess.Popen[bytes]:
    """Start a clone that has got half of its data."""
    server.faults.append("hold")
    process = cloner.start("clone", "--remote", server.address("project"), "--path", str(cloner.volume))
    assert server.held.wait(20)
    return process


def test_a_clone_that_is_killed_is_not_taken_for_a_finished_one(
    cloner: Cloner, server: GitServer, project: Commits
) -> None:
    with _start_and_hold(cloner, server) as process:
        kill_family(process)
    assert not (cloner.volume / "project").exists()

    ended = cloner.clone(server.address("project"))

    assert ended.code == 0, ended.log
    assert git(cloner.volume / "project", "rev-parse", "HEAD") == project.trunk
    assert [path.name for path in cloner.volume.iterdir()] == ["project"]


def test_a_pod_that_is_stopped_ends_the_clone_well_and_leaves_nothing(cloner: Cloner, server: GitServer) -> None:
    with _start_and_hold(cloner, server) as process:
        children = list(descendants(process.pid))
        process.terminate()
        log = process.communicate(timeout=20)[1].decode()

    assert process.returncode == 0, log
    assert children
    assert all_gone(children)
    assert (list(cloner.volume.iterdir()), list(cloner.temporary.iterdir())) == ([], [])


def test_a_server_that_stays_away_is_given_up_after_the_last_try(tmp_path: Path) -> None:
    source = remote.parse(f"https://127.0.0.1:{free_port()}/project", "--remote")
    paused: list[float] = []

    with pytest.raises(CloneFailed, match="cannot be reached or closes the connection"):
        cloning.make(cloning.Order(source, tmp_path / "project"), lambda *_: None, paused.append)

    assert tuple(paused) == attempts.PAUSES
    assert list(tmp_path.iterdir()) == []

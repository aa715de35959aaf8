"""A server that accepts and says nothing must not keep a session from starting, nor keep its node busy."""

import socket
from pathlib import Path

import pytest

from amalthea.sidecars.cloner.access import remote
from amalthea.sidecars.cloner.access.credentials import Access
from amalthea.sidecars.cloner.access.git_environment import workplace
from amalthea.sidecars.cloner.contents import cloning
from amalthea.sidecars.cloner.errors import GitFailed
from amalthea.sidecars.cloner.process import git
from amalthea.sidecars.cloner.process.git_failures import judge


def test_git_is_ended_when_nothing_is_heard_for_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(git, "SILENCE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = remote.parse(f"git://127.0.0.1:{silent.getsockname()[1]}/a.git", "--remote")
        given = {"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
        with workplace(source, Access(), given) as work, work.network() as network, pytest.raises(GitFailed) as ended:
            network.run("clone", "--", source.address, str(tmp_path / "a"))
    failure = judge(ended.value.said, "Cloning it")
    assert not failure.transient
    assert failure.message.startswith("Cloning it failed: its server was silent for a quarter of an hour;")


@pytest.mark.parametrize("left", ["file", "link", "folder"])
def test_what_lies_in_the_place_of_an_unfinished_clone_is_removed_and_led_nowhere(left: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "thesis").write_text("mine")
    place = tmp_path / ".a.cloning"
    match left:
        case "file":
            place.write_text("x")
        case "link":
            place.symlink_to(elsewhere)
        case _:
            (place / "x").mkdir(parents=True)
    cloning._clear(place)
    assert not place.exists()
    assert not place.is_symlink()
    assert (elsewhere / "thesis").read_text() == "mine"

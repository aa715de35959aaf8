"""The command line says what is wrong in one line, and touches nothing but its own folders."""

from pathlib import Path
from typing import NoReturn

import pytest

from lab import cli
from lab.base import state
from lab.base.process import DaemonError, Daemons
from lab.base.progress import Progress
from lab.base.state import Profile
from lab.cluster import profiles
from lab.control_plane.standalone import Standalone
from lab.programs import binaries


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("AMALTHEA_LAB_STATE", str(folder))
    return folder


def test_nothing_up_is_an_answer_and_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status"]) == cli.NOT_UP
    assert capsys.readouterr().out == "Nothing is up.\n"


def test_down_is_no_error_when_nothing_is_up(root: Path) -> None:
    assert cli.main(["down"]) == 0
    assert not root.exists()


@pytest.mark.parametrize("command", [["kubeconfig"], ["logs", "etcd"]])
def test_asking_for_what_is_not_there_is_answered_in_words(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command, "--profile", "control-plane"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"lab {command[0]}: ")
    assert "Traceback" not in said.err


def test_a_program_that_does_not_start_is_a_message_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(profile: Profile, nodes: int, progress: Progress) -> NoReturn:
        raise DaemonError(f"{profile} with {nodes} nodes is broken: {progress is not None}")

    monkeypatch.setattr(profiles, "up", fail)
    assert cli.main(["up", "--profile", "fake-nodes", "--nodes", "7"]) == 1
    assert capsys.readouterr().err == "lab up: fake-nodes with 7 nodes is broken: True\n"


def test_two_commands_at_once_do_not_undo_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with state.exclusive():
        assert cli.main(["up", "--profile", "control-plane"]) == 1
    assert "another command of the lab is at work" in capsys.readouterr().err


def test_an_up_that_was_not_completed_does_not_count_as_up() -> None:
    Daemons(state.folder("control-plane"), outlive=True).records.mkdir(parents=True)
    assert not Standalone("control-plane").is_up()


def test_down_removes_the_folder_of_a_run_that_never_came_up(root: Path) -> None:
    (state.folder("control-plane") / "etcd").mkdir(parents=True)
    assert cli.main(["down"]) == 0
    assert not root.exists()


def test_the_path_of_the_kubeconfig_is_all_that_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    path = state.kubeconfig("full")
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert cli.main(["kubeconfig"]) == 0
    assert capsys.readouterr().out == f"{path}\n"


@pytest.mark.parametrize(("groups", "built"), [([], list(binaries.GROUPS)), (["helm"], ["helm"])])
def test_build_makes_what_was_asked_for_or_else_all(
    groups: list[str], built: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(binaries, "build", lambda groups, _: asked.extend(groups))
    assert cli.main(["build", *groups]) == 0
    assert asked == built


def test_an_unknown_group_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        cli.main(["build", "everything"])
    assert refused.value.code == 2
    assert "control-plane, fake-nodes, full, helm" in capsys.readouterr().err


def test_who_is_not_root_has_a_state_folder_of_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AMALTHEA_LAB_STATE")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert state.root() == Path("/var/lib/amalthea-lab")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state.root() == tmp_path / ".local" / "state" / "amalthea-lab"

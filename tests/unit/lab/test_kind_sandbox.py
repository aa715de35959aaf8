"""A command beside a kind cluster of its own: it finds that cluster, and no second one is made meanwhile."""

import fcntl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.base import state
from lab.base.progress import Progress
from lab.docker.engine import Engine
from lab.kind import cluster, sandbox


@pytest.fixture(autouse=True)
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine that does nothing, for a node image that is there."""
    there = Engine(tmp_path / "engine", enter=["env", "ENTERED=yes"])
    monkeypatch.setenv("AMALTHEA_LAB_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(Engine, "docker", lambda *_: subprocess.CompletedProcess((), 0, stdout="10.213.128.2\n"))
    monkeypatch.setattr("lab.kind.node_image.archive", lambda _: tmp_path / "image.tar")
    monkeypatch.setattr("lab.kind.node_image.reference", lambda: "own:1")
    monkeypatch.setattr("lab.kind.sandbox.MODULES", tmp_path / "modules")

    @contextmanager
    def running(folder: Path, _progress: Progress, *, own_network: bool) -> Iterator[Engine]:
        assert own_network
        assert folder == state.root() / "kind-sandbox"
        yield there

    monkeypatch.setattr("lab.docker.engine.running", running)
    return there


def commands(monkeypatch: pytest.MonkeyPatch, codes: dict[str, int]) -> list[tuple[str, ...]]:
    """Have commands end with these codes, by their last word, and return the list that they are noted in."""
    noted: list[tuple[str, ...]] = []

    def run(command: tuple[str, ...], **_: object) -> None:
        noted.append(command)
        if code := codes.get(command[-1], 0):
            raise subprocess.CalledProcessError(code, command)

    monkeypatch.setattr("lab.kind.sandbox.subprocess.run", run)
    return noted


def test_the_cluster_comes_first_and_the_command_ends_as_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    noted = commands(monkeypatch, {"tests/e2e": 7})
    assert sandbox.main(["pytest", "tests/e2e"]) == 7
    assert [command[-1] for command in noted] == ["kind_cluster", "10.213.128.2", "tests/e2e"]
    assert not state.root().exists()


def test_without_a_cluster_the_command_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    noted = commands(monkeypatch, {"kind_cluster": 3})
    assert sandbox.main(["pytest"]) == 3
    assert len(noted) == 1


@pytest.mark.parametrize(("named", "used"), [("", "own:1"), ("named:2", "named:2")])
def test_the_command_sees_the_engine_and_another_image_where_one_is_named(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str, used: str
) -> None:
    monkeypatch.setenv(cluster.NODE_IMAGE, named)
    shown = f"echo $ENTERED $DOCKER_HOST $AMALTHEA_LAB_STATE ${cluster.NODE_IMAGE} > {tmp_path}/shown"
    sandbox._run(engine, "sh", "-c", shown)
    assert (tmp_path / "shown").read_text() == f"yes {engine.address} {engine.folder}/state {used}\n"


def test_two_at_once_are_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    noted = commands(monkeypatch, {})
    state.root().mkdir(parents=True)
    with (state.root() / "kind-sandbox.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert sandbox.main(["true"]) == 1
    assert "There can be one only" in capsys.readouterr().err
    assert noted == []

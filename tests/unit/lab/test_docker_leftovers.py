"""What a Docker engine that was killed leaves is found by its folder, and nobody else's is touched."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.docker import leftovers as docker_leftovers

BUNDLE = "exec/containerd/daemon/io.containerd.runtime.v2.task/moby"
CONTAINER = "c0ffee" * 10


@pytest.fixture
def shims(tmp_path: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Two programs that look like supervisors of containers: one of this engine, one of another."""
    program = tmp_path / "containerd-shim-runc-v2"
    program.symlink_to("/bin/sh")
    found = {
        name: subprocess.Popen(
            (program, "-c", "read line", "-address", f"{tmp_path}/{name}/exec/containerd.sock"), stdin=subprocess.PIPE
        )
        for name in ("ours", "theirs")
    }
    yield found
    for process in found.values():
        process.kill()
        process.communicate()


def test_what_is_left_goes_and_another_engine_stays(tmp_path: Path, shims: dict[str, subprocess.Popen[bytes]]) -> None:
    folder, socket = tmp_path / "ours", tmp_path / "socket"
    bundle = folder / BUNDLE / CONTAINER
    bundle.mkdir(parents=True)
    socket.touch()
    (bundle / "address").write_text(f"unix://{socket}\n")
    docker_leftovers.clear(folder)
    assert shims["ours"].wait(10) != 0
    assert shims["theirs"].poll() is None
    assert not folder.exists()
    assert not socket.exists()


def test_where_nothing_is_left_nothing_happens(tmp_path: Path) -> None:
    docker_leftovers.clear(tmp_path / "never")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["docker", "docker/buildx"], ids=["a container", "a builder's container"])
def test_no_control_group_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setattr(docker_leftovers, "_CONTROL_GROUPS", tmp_path / "groups")
    (tmp_path / "ours" / BUNDLE / CONTAINER).mkdir(parents=True)
    group = tmp_path / "groups/cpu" / place / CONTAINER / "buildkit" / "a-step"
    group.mkdir(parents=True)
    another = tmp_path / "groups/pids" / place / "another"
    another.mkdir(parents=True)
    docker_leftovers.clear(tmp_path / "ours")
    assert not (tmp_path / "groups/cpu/docker").exists()
    assert another.exists()

"""A kind cluster for real, with the node image that is made from packages: one session, and nothing left of it all."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.base import state
from lab.docker import network as docker_network
from lab.kind.sandbox import MODULES
from tests.docker.conftest import ROOT

pytestmark = pytest.mark.timeout(1500)
SESSION = "tests/e2e/test_life.py::test_files_outlive_a_pause_and_the_address_does_not"
SANDBOX = (sys.executable, "-m", "lab.kind.sandbox")
CONTROL_GROUPS = Path("/sys/fs/cgroup")
SHIM_SOCKETS = Path("/run/containerd/s")
UP_WITHIN = 900.0


def traces() -> dict[str, list[str]]:
    """Return what a cluster and its engine add to the machine."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return {
        "processes": sorted(_commands("kind-sandbox")),
        "mounts": sorted(line for line in mounts if "kind-sandbox" in line or docker_network.NAME in line),
        "groups": sorted(map(str, CONTROL_GROUPS.glob("*/docker*"))),
        "devices": sorted(path.name for path in Path("/sys/class/net").iterdir()),
        "namespaces": sorted(path.name for path in Path("/run/netns").glob("*")),
        "folders": sorted(path.name for path in state.root().glob("kind-sandbox*")),
        "others": sorted(str(path) for path in (MODULES, *SHIM_SOCKETS.glob("*")) if path.exists()),
    }


def _commands(part: str) -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(f"{part}/" in word for word in words):
            yield " ".join(words)


@pytest.fixture
def former() -> dict[str, list[str]]:
    """What is there before the test."""
    return traces()


def test_a_session_runs_in_a_kind_cluster_that_leaves_nothing(former: dict[str, list[str]]) -> None:
    done = _sandbox(sys.executable, "-m", "pytest", "-q", SESSION)
    assert done.returncode == 0, done.stdout[-6000:]
    assert "1 passed" in done.stdout
    assert traces() == former


def test_after_a_run_that_was_killed_the_next_one_works_and_leaves_nothing(
    former: dict[str, list[str]], tmp_path: Path
) -> None:
    up = tmp_path / "up"
    process = subprocess.Popen((*SANDBOX, "sh", "-c", f"touch {up}; exec sleep 600"), cwd=ROOT, start_new_session=True)
    try:
        deadline = time.monotonic() + UP_WITHIN
        while not up.exists():
            assert process.poll() is None, "the cluster did not come up"
            assert time.monotonic() < deadline, "the cluster was not up in time"
            time.sleep(0.2)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert traces() != former, "a killed run leaves its containers"
    done = _sandbox("true")
    assert done.returncode == 0, done.stdout[-6000:]
    assert traces() == former


def _sandbox(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (*SANDBOX, *command), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )

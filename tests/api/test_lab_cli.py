"""`python -m lab up` and `down`, run as a user runs them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.base.process import Daemons

PROFILE = ("--profile", "control-plane")


class Lab:
    """The command line, with a state folder of its own."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.daemons = Daemons(state / "control-plane", outlive=True)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "lab", *arguments],
            env={**os.environ, "AMALTHEA_LAB_STATE": str(self.state)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        with self.start(*arguments) as process:
            said, _ = process.communicate()
        assert process.returncode == 0, said
        return said


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    own = Lab(tmp_path / "state")
    yield own
    own.daemons.stop_all(grace=0)


@pytest.mark.timeout(120)
def test_up_works_after_an_up_that_was_killed_and_down_leaves_nothing(lab: Lab) -> None:
    with lab.start("up", *PROFILE) as killed:
        deadline = time.monotonic() + 60
        while "kube-apiserver" not in lab.daemons.running():
            assert time.monotonic() < deadline, "the API server was never started"
            time.sleep(0.05)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    left = lab.daemons.running()
    assert "Not complete" in lab.run("status", *PROFILE)

    lab.run("up", *PROFILE)
    running = lab.daemons.running()
    assert set(running) == {"etcd", "kube-apiserver", "kube-controller-manager"}
    assert not set(left.values()) & set(running.values())
    assert "already up" in lab.run("up", *PROFILE)
    assert lab.daemons.running() == running
    assert "Not complete" not in lab.run("status", *PROFILE)

    lab.run("down", *PROFILE)
    assert not lab.state.exists()
    assert not [pid for pid in running.values() if is_alive(pid)]


def is_alive(pid: int) -> bool:
    """Return whether a process still runs; one that has ended stays listed until its parent has asked for it."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False

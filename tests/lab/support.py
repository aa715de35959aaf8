"""A node and a session on it for the tests beside this file, and ways to do harm to them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.base import state
from lab.base.process import Daemons
from lab.base.progress import Progress
from lab.cluster import image_loaders, localhost
from lab.cluster.admin import Admin
from lab.programs import binaries
from tests.lab.machine import Machine

SESSION = Path(__file__).parent / "session.yaml"
URL = "http://lab-test.localhost/one/"
DEADLINE = 90.0


@contextmanager
def untouched() -> Iterator[None]:
    """Whatever happens inside, the machine is afterwards as it was before: that is what `down` promises."""
    before = Machine.now()
    try:
        yield
    finally:
        lab("down")
    assert Machine.now() == before


def up() -> Admin:
    """Start the node and return its administrator."""
    lab("up")
    return Admin("full", binaries.path("kubectl"), binaries.path("helm"))


def start_session(admin: Admin) -> str:
    """Start a session and return its address when it answers there."""
    image_loaders.load(["probe"], Progress())
    admin.kubectl("apply", f"--filename={SESSION}")
    url = localhost.with_port(URL, admin.http_port)
    eventually(lambda: localhost.ask(url).status == 200)
    return url


def lab(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def daemons() -> Daemons:
    return Daemons(state.folder("full"), outlive=True)


def kill(names: set[str]) -> None:
    for name, pid in daemons().running().items():
        if name in names:
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: names.isdisjoint(daemons().running()))


def kill_while_it_works(command: str, when: Callable[[], bool]) -> None:
    """Start a command of the lab and kill it, with the programs it runs at the moment, as soon as `when` holds."""
    with subprocess.Popen([sys.executable, "-m", "lab", command], start_new_session=True) as process:
        eventually(lambda: when() or process.poll() is not None)
        assert process.poll() is None, f"`lab {command}` ended before it could be killed"
        os.killpg(process.pid, signal.SIGKILL)

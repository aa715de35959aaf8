"""A kind cluster for one command, with a Docker engine and a network of its own: `python -m lab.kind.sandbox COMMAND`.

Nothing else on the machine notices it, and nothing of it is left when the command has ended. What a run has left that
was killed goes with the next one.
"""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lab import docker_engine, state
from lab.docker_engine import Engine
from lab.gobuild import BuildError
from lab.kind import cluster, node_image
from lab.process import DaemonError
from lab.progress import Progress
from lab.system import MachineError


def main(command: Sequence[str]) -> int:
    """Run `command` beside the cluster, and return its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    progress = Progress()
    try:
        made = node_image.archive(progress)
        with _alone() as folder, docker_engine.running(folder, progress, own_network=True) as engine:
            with progress.step("Loading the node image of kind"):
                engine.docker("load", "--quiet", "--input", str(made))
            _run(engine, sys.executable, "-m", "lab", "up", "--profile", "kind")
            _run(engine, *command)
    except (BuildError, DaemonError, MachineError) as error:
        print(f"lab.kind.sandbox: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


def _run(engine: Engine, *command: str) -> None:
    """Run a command where the cluster's ports are; raise CalledProcessError."""
    here = {"AMALTHEA_LAB_STATE": str(engine.folder / "state"), cluster.NODE_IMAGE: node_image.reference()}
    subprocess.run((*engine.enter, *command), env={**os.environ, **engine.environment, **here}, check=True)


@contextmanager
def _alone() -> Iterator[Path]:
    """Yield the folder of the engine, which nobody else has meanwhile; raise MachineError."""
    state.root().mkdir(parents=True, exist_ok=True)
    lock = state.root() / "kind-sandbox.lock"
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MachineError(
                "Another command runs beside a kind cluster of its own. There can be one only."
            ) from None
        try:
            yield state.root() / "kind-sandbox"
        finally:
            lock.unlink()
            with suppress(OSError):
                state.root().rmdir()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

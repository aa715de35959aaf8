"""A kind cluster for one command, with a Docker engine and a network of its own: `python -m lab.kind.sandbox COMMAND`.

Nothing else on the machine notices it, and nothing of it is left when the command has ended. What a run has left that
was killed goes with the next one. The node image is made from packages, unless the environment names another.
"""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.base import state
from lab.base.process import DaemonError
from lab.base.progress import Progress
from lab.base.system import MachineError
from lab.docker import engine as docker_engine
from lab.docker.engine import Engine
from lab.kind import cluster, node_image
from lab.programs.gobuild import BuildError

MODULES = Path("/lib/modules")
"""kind mounts it into its node, and Docker makes it where there is none."""


def main(command: Sequence[str]) -> int:
    """Run `command` beside the cluster, and return its exit code."""
    progress = Progress()
    try:
        made = None if os.environ.get(cluster.NODE_IMAGE) else node_image.archive(progress)
        with _alone() as folder, docker_engine.running(folder, progress, own_network=True) as engine:
            if made is not None:
                with progress.step("Loading the node image of kind"):
                    engine.docker("load", "--quiet", "--input", str(made))
            _run(engine, "make", "--no-print-directory", f"VENV={sys.prefix}", "kind_cluster")
            _lead_to_pods(engine)
            _run(engine, *command)
    except (BuildError, DaemonError, MachineError) as error:
        print(f"lab.kind.sandbox: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


def _lead_to_pods(engine: Engine) -> None:
    """Have the command reach pods by their addresses, as it does those of the lab's own node."""
    node = engine.docker("inspect", "--format={{.NetworkSettings.Networks.kind.IPAddress}}", cluster.NODE)
    _run(engine, "ip", "route", "replace", cluster.PODS, "via", node.stdout.strip())


def _run(engine: Engine, *command: str) -> None:
    """Run a command where the cluster's ports are; raise CalledProcessError."""
    image = os.environ.get(cluster.NODE_IMAGE) or node_image.reference()
    here = {"AMALTHEA_LAB_STATE": str(engine.folder / "state"), cluster.NODE_IMAGE: image}
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
            for folder in (state.root(), MODULES):
                with suppress(OSError):
                    folder.rmdir()


if __name__ == "__main__":
    # Who stops it wants it gone, with all that it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main(sys.argv[1:]))

"""A Docker engine and a registry of a test's own, on a machine that runs neither: Debian's packages, started by hand.

Nothing else on the machine notices it. Without a network of its own it has no bridge and touches no firewall rule:
builds and containers use the machine's (`--network=host`). With one, that is `lab.docker.network`'s, and the engine is
as anywhere. All that it writes is below one folder.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.base import system
from lab.base.process import Daemon, Daemons
from lab.base.progress import Progress
from lab.docker import leftovers as docker_leftovers
from lab.docker import network as docker_network
from lab.docker import runtime as docker_runtime
from lab.images.builders import DEBIAN_REFERENCE, Buildah

PACKAGES = (
    system.Package("docker.io", "dockerd"),
    system.Package("docker-registry", "docker-registry"),
    system.Package("iproute2", "ip"),
    system.Package("iptables", "iptables"),
    *system.IMAGE_PACKAGES,
)
DEBIAN = "debian:13-slim"
"""The default base of the Dockerfiles; the engine takes the image of this name that it has, and pulls none."""
REGISTRY_PORT = 15000
_START_WITHIN = 30.0


@dataclass(frozen=True)
class Engine:
    """An engine that answers, and a registry that it may push to."""

    folder: Path
    registry: str = f"127.0.0.1:{REGISTRY_PORT}"
    enter: list[str] = field(default_factory=list)
    """The words to put before a command that is to run in the engine's network: what it publishes is there."""

    @property
    def address(self) -> str:
        """The address of the engine."""
        return f"unix://{self.folder}/docker.sock"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which docker, and all that calls it, find this engine; Debian's own command comes first."""
        return {
            "DOCKER_HOST": self.address,
            "DOCKER_BUILDKIT": "1",
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
        }

    def docker(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the docker command."""
        environment = {**os.environ, **self.environment}
        command = ("/usr/bin/docker", *arguments)
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=check)


@contextmanager
def running(folder: Path, progress: Progress, *, own_network: bool = False) -> Iterator[Engine]:
    """Run both, with a Debian 13 in the engine; leave nothing of them behind. Raise MachineError or DaemonError.

    In a network of its own the registry is reached from there only. What a killed run has left in `folder` goes first.
    """
    system.require_root("A Docker engine of the tests' own")
    system.ensure(PACKAGES, progress)
    daemons, stack = Daemons(folder / "daemons", outlive=False), ExitStack()
    daemons.stop_all()
    docker_leftovers.clear(folder)
    folder.mkdir(parents=True, mode=0o700)
    (folder / "bin").mkdir()
    (folder / "bin" / "docker").symlink_to("/usr/bin/docker")
    (folder / "registry.json").write_text(json.dumps(_registry(folder)))
    engine = Engine(folder)
    try:
        if own_network:
            engine = Engine(folder, enter=stack.enter_context(docker_network.own()))
        with progress.step("Starting a Docker engine and a registry"):
            _start(engine, daemons)
        engine.docker("load", "--quiet", "--input", str(Buildah().debian(progress)))
        engine.docker("tag", DEBIAN_REFERENCE, DEBIAN)
        yield engine
    finally:
        _remove_containers(engine)
        daemons.stop_all()
        docker_leftovers.clear(folder)
        stack.close()


def _start(engine: Engine, daemons: Daemons) -> None:
    """Start both, in the engine's network."""
    folder, enter = engine.folder, engine.enter
    registry = Daemon("registry", [*enter, "docker-registry", "serve", str(folder / "registry.json")])
    places = (f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/docker.pid")
    network = docker_network.options() if enter else ["--bridge=none", "--iptables=false", "--ip-masq=false"]
    more = [*places, *network, *docker_runtime.options(folder)]
    docker = Daemon("dockerd", [*enter, "dockerd", f"--host={engine.address}", *more])
    daemons.start(registry, lambda: _listens(REGISTRY_PORT, enter), _START_WITHIN)
    daemons.start(docker, lambda: engine.docker("info", check=False).returncode == 0, _START_WITHIN)


def _remove_containers(engine: Engine) -> None:
    """End what runs: an engine that is killed before its containers have ended leaves them running."""
    if found := engine.docker("ps", "--all", "--quiet", check=False).stdout.split():
        engine.docker("rm", "--force", *found, check=False)


def _registry(folder: Path) -> dict[str, Any]:
    """Return the registry's configuration (JSON is YAML): on the loopback address, for everybody on this machine."""
    return {
        "version": 0.1,
        "log": {"accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        "http": {"addr": f"127.0.0.1:{REGISTRY_PORT}"},
    }


def _listens(port: int, enter: list[str]) -> bool:
    """Tell whether somebody listens at a port of the loopback address, in the network that the words lead into."""
    command = (*enter, "bash", "-c", f": < /dev/tcp/127.0.0.1/{port}")
    return subprocess.run(command, capture_output=True, check=False).returncode == 0

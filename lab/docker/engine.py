"""A Docker engine and a registry of a test's own, on a machine that runs neither: Debian's packages, started by hand.

Nothing else on the machine notices it. Without a network of its own it has no bridge and touches no firewall rule:
builds and containers use the machine's (`--network=host`). With one, that is `lab.docker.network`'s, and the engine is
as anywhere. All that it writes is below one folder.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.base import system
from lab.base.process import Daemon, Daemons
from lab.base.progress import Progress
from lab.docker import network
from lab.images.builders import DEBIAN_REFERENCE, Buildah
from lab.node.leftovers import mounts_below

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
_CONTROL_GROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Engine:
    """An engine that answers, and a registry that it may push to."""

    folder: Path
    registry: str = f"127.0.0.1:{REGISTRY_PORT}"

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

    In a network of its own the registry is reached from there only.
    """
    system.require_root("A Docker engine of the tests' own")
    system.ensure(PACKAGES, progress)
    engine, daemons = Engine(folder), Daemons(folder / "daemons", outlive=False)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "docker").symlink_to("/usr/bin/docker")
    (folder / "registry.json").write_text(json.dumps(_registry(folder)))
    stack = ExitStack()
    try:
        enter = stack.enter_context(network.own()) if own_network else []
        with progress.step("Starting a Docker engine and a registry"):
            _start(engine, daemons, enter)
        engine.docker("load", "--quiet", "--input", str(Buildah().debian(progress)))
        engine.docker("tag", DEBIAN_REFERENCE, DEBIAN)
        yield engine
    finally:
        _remove_containers(engine)
        daemons.stop_all()
        for point in mounts_below(Path("/proc/self/mountinfo").read_text(), (folder,)):
            subprocess.run(("umount", "--lazy", point), capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)
        _remove_control_groups()
        stack.close()


def _start(engine: Engine, daemons: Daemons, enter: list[str]) -> None:
    """Start both, in the network that the words `enter` lead into."""
    folder = engine.folder
    registry = Daemon("registry", [*enter, "docker-registry", "serve", str(folder / "registry.json")])
    places = (f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/docker.pid")
    options = network.options() if enter else ["--bridge=none", "--iptables=false", "--ip-masq=false"]
    docker = Daemon("dockerd", [*enter, "dockerd", f"--host={engine.address}", *places, *options])
    daemons.start(registry, lambda: _listens(REGISTRY_PORT, enter), _START_WITHIN)
    daemons.start(docker, lambda: engine.docker("info", check=False).returncode == 0, _START_WITHIN)


def _remove_containers(engine: Engine) -> None:
    """End what runs: an engine that is killed before its containers have ended leaves them running."""
    if found := engine.docker("ps", "--all", "--quiet", check=False).stdout.split():
        engine.docker("rm", "--force", *found, check=False)


def _remove_control_groups() -> None:
    """Remove those of the engine and its builder that are empty; one that another engine uses is not."""
    for name in ("docker/buildkit", "docker"):
        for group in _CONTROL_GROUPS.glob(f"*/{name}"):
            with suppress(OSError):
                group.rmdir()


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

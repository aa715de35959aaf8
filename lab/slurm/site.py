"""A computing site on this machine: a Slurm, and the FirecREST of `amalthea.testing` before it, which pods reach.

For the demo of remote sessions and for tests on real pods. Its jobs run as root, so only holders of its secret may
submit one; each site has one of its own.
"""

import asyncio
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from amalthea.testing.remote.disk import DiskFiles
from amalthea.testing.remote.firecrest import FakeFirecrest
from amalthea.testing.remote.firecrest_server import ServedExchange
from amalthea.testing.remote.issuer import FakeIssuer
from amalthea.testing.remote.slurm import SlurmScheduler
from lab.base import state, system
from lab.base.pki import write_secret
from lab.base.process import Daemon, Daemons
from lab.base.progress import Progress
from lab.base.project import PROJECT
from lab.node.layout import FIRECREST_PORT, NODE_ADDRESS
from lab.slurm.cluster import Slurm

FIRECREST = "firecrest"
SYSTEM = "lab"
_GIT = (system.Package("git", "git"),)


class Site:
    """One site below a folder, which its Slurm's own user must be able to enter. With `outlive` it stays."""

    def __init__(self, folder: Path, port: int = FIRECREST_PORT, *, outlive: bool = False) -> None:
        self.folder, self.port = folder, port
        self.slurm = Slurm(folder / "slurm", outlive=outlive)
        self._daemons = Daemons(folder / "firecrest", outlive=outlive)

    @property
    def scratch(self) -> Path:
        """The folder in which sessions have theirs."""
        return self.folder / "scratch"

    def up(self, progress: Progress) -> None:
        """Return when it takes jobs; raise DaemonError, MachineError or SlurmError."""
        if FIRECREST in self._daemons.running():
            return
        self.down()
        system.ensure(_GIT, progress)
        self.folder.mkdir(parents=True)
        write_secret(self._secret, secrets.token_hex(16).encode())
        self.slurm.start(progress)
        with progress.step("Starting a FirecREST before it"):
            self.start_firecrest()

    def start_firecrest(self) -> None:
        """Start or restart the interface; raise DaemonError."""
        argv = (sys.executable, "-m", "lab.slurm.site", str(self.folder), str(self.port))
        daemon = Daemon(FIRECREST, argv, {"PYTHONPATH": str(PROJECT)})
        self._daemons.start(daemon, lambda: _listens(self.port))

    def kill_firecrest(self) -> None:
        """Kill the interface, without any warning."""
        self._daemons.stop(FIRECREST, grace=0)

    def down(self) -> None:
        """End all of it, its jobs too, and remove its files."""
        self._daemons.stop_all(grace=0)
        self.slurm.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def variables(self) -> dict[str, str]:
        """Return the content of a session's secret (`remoteSecretRef`) with which its job runs here."""
        url = f"http://{NODE_ADDRESS}:{self.port}"
        return {
            "RSC_FIRECREST_API_URL": f"{url}/v2",
            "RSC_FIRECREST_SYSTEM_NAME": SYSTEM,
            "RSC_AUTH_KIND": "client_credentials",
            "RSC_AUTH_TOKEN_URI": f"{url}/token",
            "RSC_AUTH_FIRECREST_CLIENT_ID": "client",
            "RSC_AUTH_FIRECREST_CLIENT_SECRET": self._secret.read_text(),
        }

    @property
    def _secret(self) -> Path:
        return self.folder / "secret"


def of_the_node() -> Site:
    """Return the site of the demo, which goes down with the lab's node."""
    return Site(state.root() / "site", outlive=True)


def _listens(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection((NODE_ADDRESS, port), timeout=1).close()
        return True
    return False


async def _serve(folder: Path, port: int) -> None:
    site = Site(folder)
    issuer = FakeIssuer(time.time, client_secret=(folder / "secret").read_text())
    scheduler = SlurmScheduler(site.slurm.environment)
    firecrest = FakeFirecrest(time.time, issuer.ends, DiskFiles(), scheduler, SYSTEM, scratch=str(site.scratch))
    async with ServedExchange({"v2": firecrest, "token": issuer}, port, NODE_ADDRESS):
        await asyncio.Event().wait()


def main(arguments: Sequence[str]) -> None:
    """Serve until the process is ended."""
    asyncio.run(_serve(Path(arguments[0]), int(arguments[1])))


if __name__ == "__main__":
    main(sys.argv[1:])

"""The command line's actions on a profile, whichever it is: start it, stop it, show its state.

Each profile is a `Cluster`: the modules `lab.node.node` and `lab.kind.cluster`, or a `Standalone` of
`lab.control_plane.standalone`.
"""

from contextlib import suppress
from pathlib import Path
from typing import Protocol

from lab.base import state
from lab.base.process import Daemons
from lab.base.progress import Progress
from lab.base.state import Profile
from lab.control_plane.standalone import Standalone
from lab.kind import cluster as kind
from lab.node import node
from lab.slurm.site import of_the_node

DEFAULT_NODES = 4


class Cluster(Protocol):
    """The actions of a profile. All of them work after a crash at any point, and twice in a row."""

    def up(self, progress: Progress) -> None:
        """Return when the cluster can be used."""

    def down(self, progress: Progress) -> None:
        """Return when nothing of the cluster is left."""

    def status(self) -> list[str]:
        """Return lines for a person about the cluster as a whole."""


def up(profile: Profile, nodes: int, progress: Progress) -> None:
    """Start a profile (`nodes`: how many fake ones); raise BuildError, DaemonError, MachineError or BusyError."""
    with state.exclusive():
        _cluster(profile, nodes).up(progress)


def down(profile: Profile, progress: Progress) -> None:
    """Stop a profile and remove everything of it."""
    with state.exclusive():
        if profile == "full" and (site := of_the_node()).folder.exists():
            site.down()
        _cluster(profile).down(progress)
    with suppress(OSError):
        state.root().rmdir()


def status(profile: Profile) -> list[str]:
    """Return lines for a person: the state of the whole, and each program with its memory."""
    daemons = Daemons(state.folder(profile), outlive=True)
    running = daemons.running()
    programs = [
        f"{name:<26} " + (f"{_memory(running[name]):>5} MiB" if name in running else "has ended")
        for name in daemons.recorded()
    ]
    return [*_cluster(profile).status(), *programs]


def _cluster(profile: Profile, nodes: int = DEFAULT_NODES) -> Cluster:
    match profile:
        case "full":
            return node
        case "kind":
            return kind
        case "fake-nodes":
            return Standalone(profile, nodes)
        case "control-plane":
            return Standalone(profile)


def _memory(pid: int) -> int:
    """Return the resident memory of a process in MiB, 0 if it has just ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) // 1024
    return 0

"""Fake nodes: kwok simulates their kubelets, so that hundreds of sessions "run" against a real control plane.

What it simulates is in `kwok-stages.yaml`. Used by `python -m lab up --profile fake-nodes` and by the benchmark.
"""

from pathlib import Path
from typing import Any

from lab.base.process import Daemon
from lab.base.progress import Progress
from lab.control_plane import flags
from lab.control_plane.control_plane import ControlPlane
from lab.programs import binaries

STAGES = Path(__file__).parent / "kwok-stages.yaml"
LEASE_SECONDS = 40
PODS_PER_NODE = 250
MAX_NODES = 128
START_TIMEOUT = 120.0


def settings(*, outlive: bool = False, audit_user: str | None = None) -> flags.Settings:
    """Return the settings of a control plane for fake nodes."""
    return flags.Settings(controller_manager=True, scheduler=True, scale=True, outlive=outlive, audit_user=audit_user)


def node(number: int) -> dict[str, Any]:
    """Return the Node object of fake node `number` (from 0, below MAX_NODES), with room for 250 pods."""
    if not 0 <= number < MAX_NODES:
        raise ValueError(f"fake nodes are numbered 0 to {MAX_NODES - 1}: {number}")
    name = f"fake-{number:03}"
    room = {"cpu": "1000", "memory": "4Ti", "ephemeral-storage": "4Ti", "pods": str(PODS_PER_NODE)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        "spec": {"podCIDR": f"198.18.{number}.0/24", "podCIDRs": [f"198.18.{number}.0/24"]},
        "status": {"capacity": room, "allocatable": room},
    }


class FakeNodes:
    """Adds `nodes` fake nodes to a control plane that runs; they end with it, or with `stop()`."""

    def __init__(self, control_plane: ControlPlane, nodes: int, progress: Progress | None = None) -> None:
        self._control_plane = control_plane
        self._nodes = nodes
        self._progress = progress or Progress()

    def start(self) -> None:
        """Create the nodes, start kwok and return when all are ready to take pods; raise DaemonError."""
        for number in range(self._nodes):
            self._control_plane.api.post("/api/v1/nodes", node(number))
        chosen = {
            "kubeconfig": str(self._control_plane.user_kubeconfig("kwok", ["system:masters"])),
            "config": str(STAGES),
            "manage-all-nodes": "true",
            "node-ip": self._control_plane.settings.address,
            # Without a Lease to watch, the control plane would give every node up after 40 seconds.
            "node-lease-duration-seconds": str(LEASE_SECONDS),
        }
        argv = flags.argv(binaries.path("kwok", self._progress), chosen)
        self._control_plane.daemons.start(Daemon("kwok", argv), self._all_ready, START_TIMEOUT)

    def stop(self) -> None:
        """Stop kwok: from then on the nodes and their pods stand still, and after a while count as lost."""
        self._control_plane.daemons.stop("kwok")

    def _all_ready(self) -> bool:
        nodes = self._control_plane.api.get("/api/v1/nodes")["items"]
        return sum(_takes_pods(node) for node in nodes) >= self._nodes


def _takes_pods(node: dict[str, Any]) -> bool:
    conditions = node["status"].get("conditions", [])
    ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
    return ready and not node["spec"].get("taints")

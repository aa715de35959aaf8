"""The folders of the full node, and the names, addresses and ports that it uses on this machine.

There is one full node per machine. Everything that outlives a process lies in two folders, so that what belongs to
the lab can be distinguished from what does not.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from lab.base import cache
from lab.base.state import folder
from lab.control_plane.flags import Ports

NODE = "amalthea-lab"
DEVICE = "amalthea-lab"
NODE_ADDRESS = "198.18.128.1"
POD_RANGE = "198.18.0.0/17"
SERVICE_RANGE = "198.19.0.0/16"
LAB_RANGE = "198.18.0.0/15"
"""All of the above: the range that is reserved for tests of networks, so that it collides with nobody."""

CONTROL_PLANE_PORTS = Ports(api_server=6443, etcd=18379, etcd_peer=18380, controller_manager=18257, scheduler=18259)
KUBELET_HEALTH_PORT = 18248
PROXY_METRICS_PORT = 18249
PROXY_HEALTH_PORT = 18256
TRAEFIK_PING_PORT = 18080
METRICS_SERVER_PORT = 18443
GIT_SERVER_PORT = 18444
FIRECREST_PORT = 18445

HTTP_PORT_VARIABLE = "AMALTHEA_LAB_HTTP_PORT"
HTTPS_PORT_VARIABLE = "AMALTHEA_LAB_HTTPS_PORT"


def http_port() -> int:
    """Return the port of 127.0.0.1 that sessions are opened at."""
    return int(os.environ.get(HTTP_PORT_VARIABLE) or 80)


def https_port() -> int:
    """Return the port of 127.0.0.1 that sessions are opened at over TLS."""
    return int(os.environ.get(HTTPS_PORT_VARIABLE) or 8443)


@dataclass(frozen=True)
class Layout:
    """The node's folders: `run` lasts as long as the node runs, `state` until `down`, `images` until the next boot."""

    state: Path = field(default_factory=lambda: folder("full"))
    run: Path = Path("/run/amalthea-lab")
    images: Path = field(default_factory=lambda: cache.root() / "containerd")

    @property
    def containerd_run(self) -> Path:
        return self.run / "containerd"

    @property
    def socket(self) -> Path:
        """The path of containerd's socket."""
        return self.containerd_run / "containerd.sock"

    @property
    def kubelet(self) -> Path:
        return self.state / "kubelet"

    @property
    def pod_logs(self) -> Path:
        return self.state / "pod-logs"

    @property
    def volumes(self) -> Path:
        return self.state / "volumes"

    @property
    def configuration(self) -> Path:
        return self.state / "configuration"

    @property
    def entry(self) -> Path:
        """The folder of the authority that signs the certificate of the entry over TLS, and nothing else."""
        return self.state / "entry"

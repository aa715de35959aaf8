"""The full node's requirements of the machine, checked before anything is started.

So the answer is one clear sentence that names the program in the way, and not the end of a log file.
"""

import errno
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lab.base.system import MachineError
from lab.node.layout import HTTP_PORT_VARIABLE, HTTPS_PORT_VARIABLE, http_port, https_port

_LISTENING = "0A"
_PROC = Path("/proc")
_NODE_PROGRAMS = {"kubelet", "kube-proxy", "k3s-server", "k3s-agent", "k0s", "rke2"}


def require_no_other_node() -> None:
    """Raise MachineError if a Kubernetes node that is not the lab's works in this network; call it with ours stopped.

    Both would write the same chains of packet filter rules, and the same control groups.
    """
    here = (_PROC / "self/ns/net").readlink()
    for process in _processes():
        with suppress(OSError):
            name = (process / "comm").read_text().strip()
            if name in _NODE_PROGRAMS and (process / "ns/net").readlink() == here:
                raise MachineError(
                    f"Another Kubernetes node runs on this machine: {name} (process {process.name}). "
                    "There can be one only: stop that one, or use it instead of the lab."
                )


def require_free_ports() -> None:
    """Raise MachineError, which names the holder and the remedy, if the ports of the sessions are taken."""
    require_free_port(http_port())
    require_free_port(https_port(), HTTPS_PORT_VARIABLE)


def require_free_port(port: int, variable: str = HTTP_PORT_VARIABLE) -> None:
    """Raise MachineError, which names the holder and the remedy, if 127.0.0.1:`port` cannot be listened on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            # Docker may listen where this user may not.
            if error.errno == errno.EADDRINUSE:
                raise MachineError(port_taken(port, holder(port), variable)) from None


def port_taken(port: int, who: str, variable: str = HTTP_PORT_VARIABLE) -> str:
    """Return the sentence for a port that `who` holds."""
    return (
        f"127.0.0.1:{port}, where sessions would be opened, is taken by {who}. Stop that, or choose another port: "
        f"{variable}=8080 python -m lab up (the sessions' addresses then need :8080 after the host name)."
    )


def holder(port: int) -> str:
    """Return the program that listens on `port`, as far as the kernel shows it to this user."""
    inodes = {inode for name in ("tcp", "tcp6") for inode in listening_inodes((_PROC / "net" / name).read_text(), port)}
    for process in _processes():
        if inodes.intersection(_open_sockets(process)):
            return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    return "another program"


def listening_inodes(table: str, port: int) -> Iterator[str]:
    """Yield the inodes of sockets that listen on `port`, from the text of /proc/net/tcp or /proc/net/tcp6."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
            yield fields[9]


def _processes() -> Iterator[Path]:
    return (path for path in _PROC.iterdir() if path.name.isdigit())


def _open_sockets(process: Path) -> Iterator[str]:
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                target = str(descriptor.readlink())
                if target.startswith("socket:["):
                    yield target[8:-1]

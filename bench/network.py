"""A network namespace for each replica, so that its packets can be dropped silently.

All hang at one bridge, on whose address the API server listens. There is one such network per machine, as there is one
benchmark; what a killed run left is removed by the next.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.replica import Place
from lab.base import system
from lab.base.progress import Progress
from lab.base.system import MachineError, Package

ADDRESS = "198.18.200.1"
"""Of the bridge: in the range for tests of networks, apart from what the lab's node uses."""
_PREFIX = "amalthea-bench"
_BRIDGE = _PREFIX
_PACKAGES = (Package("nftables", "nft"), Package("iproute2", "ip"))
_ESTABLISHED = "01"
_RULES = """
table inet amalthea {
  set dead { type inet_service; }
  chain out { type filter hook output priority 0; tcp sport @dead drop; }
  chain in { type filter hook input priority 0; tcp dport @dead drop; }
  chain all-out { type filter hook output priority 1; }
  chain all-in { type filter hook input priority 1; }
}
"""


class Segment:
    """The network of one replica."""

    def __init__(self, number: int) -> None:
        self.name = f"{_PREFIX}-{number}"
        self.address = f"198.18.200.{10 + number}"
        self.place = Place(self.address, ("nsenter", f"--net=/run/netns/{self.name}"))
        self._device = f"amlbench-{number}"

    def make(self) -> None:
        """Make the namespace, and connect it to the bridge."""
        _run("ip", "netns", "add", self.name)
        peer = ("peer", "name", "eth0", "netns", self.name)
        _run("ip", "link", "add", self._device, "type", "veth", *peer)
        _run("ip", "link", "set", self._device, "master", _BRIDGE, "up")
        _run("ip", "-n", self.name, "address", "add", f"{self.address}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            _run("ip", "-n", self.name, "link", "set", device, "up")
        self._nft(_RULES)

    def cut(self, pid: int, port: int) -> int:
        """Drop all packets of the connections that process `pid` has to the API server's port; return their number."""
        found = local_ports(Path(f"/proc/{pid}/net/tcp").read_text(), port)
        if found:
            self._nft(f"add element inet amalthea dead {{ {', '.join(map(str, found))} }}")
        return len(found)

    def isolate(self) -> None:
        """Drop all packets from and to any other machine, those of new connections, too."""
        self._nft("add rule inet amalthea all-out oifname eth0 drop\nadd rule inet amalthea all-in iifname eth0 drop")

    def mend(self) -> None:
        """Let all packets through again: connections that still are go on."""
        chains = "flush chain inet amalthea all-out\nflush chain inet amalthea all-in"
        self._nft(f"flush set inet amalthea dead\n{chains}")

    def _nft(self, commands: str) -> None:
        _run(*self.place.prefix, "nft", "--file", "-", given=commands)


def local_ports(table: str, remote_port: int) -> list[int]:
    """Return the local ports of the open connections to a remote port, from the text of /proc/net/tcp."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return [
        int(local.rpartition(":")[2], 16)
        for _, local, remote, state, *_ in rows
        if state == _ESTABLISHED and int(remote.rpartition(":")[2], 16) == remote_port
    ]


@contextmanager
def separate(count: int, progress: Progress) -> Iterator[list[Segment]]:
    """Make a network for so many replicas; none, with the reason, where this machine does not allow it."""
    segments = [Segment(number) for number in range(count)]
    try:
        system.require_root("A network of its own for each operator")
        system.ensure(_PACKAGES, progress)
        _clear()
        _run("ip", "link", "add", _BRIDGE, "type", "bridge")
        _run("ip", "address", "add", f"{ADDRESS}/24", "dev", _BRIDGE)
        _run("ip", "link", "set", _BRIDGE, "up")
        for segment in segments:
            segment.make()
    except MachineError as error:
        progress.say(f"Left out: connections that are cut without a word. {error}")
        segments = []
    try:
        yield segments
    finally:
        _clear()


def _clear() -> None:
    """Remove every namespace and device of ours; the devices of a namespace go with it."""
    for namespace in Path("/run/netns").glob(f"{_PREFIX}-*"):
        _run("ip", "netns", "delete", namespace.name)
    if Path(f"/sys/class/net/{_BRIDGE}").exists():
        _run("ip", "link", "delete", _BRIDGE)


def _run(*command: str, given: str | None = None) -> None:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MachineError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")

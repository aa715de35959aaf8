"""A network of its own for a Docker engine: its bridge and firewall rules stay in a namespace, and touch nobody else's.

A pair of devices and three rules with a comment lead out of it; `own` takes all of that away again.
"""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.base.system import MachineError

NAME = "amalthea-docker"
"""The namespace's name, the outer device's, and the comment of the rules."""
OUTSIDE, INSIDE = "10.214.0.1", "10.214.0.2"
RANGE = "10.214.0.0/30"
BRIDGE = "10.213.0.1/24"
POOL = "base=10.213.128.0/17,size=24"
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_NAMESPACE = Path("/run/netns") / NAME
_COMMENT = ("--match", "comment", "--comment", NAME)
_RULES = (
    ("nat", "POSTROUTING", ("--source", RANGE, *_COMMENT, "--jump", "MASQUERADE")),
    # Where another engine runs, it has forwarding refused by default.
    ("filter", "FORWARD", ("--source", RANGE, *_COMMENT, "--jump", "ACCEPT")),
    ("filter", "FORWARD", ("--destination", RANGE, *_COMMENT, "--jump", "ACCEPT")),
)


@contextmanager
def own() -> Iterator[list[str]]:
    """Make the namespace and yield the words to put before a command that is to run in it; raise MachineError.

    `ip netns exec` would not do: it mounts another /sys, without the control groups.
    """
    _remove()
    forwarding = FORWARDING.read_text()
    try:
        _make()
        yield ["nsenter", f"--net={_NAMESPACE}"]
    finally:
        _remove()
        FORWARDING.write_text(forwarding)


def options() -> list[str]:
    """Return dockerd's options for addresses in it, and for packets that fit through the machine's own device."""
    return [f"--bip={BRIDGE}", f"--default-address-pool={POOL}", f"--mtu={_mtu()}"]


def _make() -> None:
    mtu = ("mtu", str(_mtu()))
    _run("ip", "netns", "add", NAME)
    _run("ip", "link", "add", NAME, *mtu, "type", "veth", "peer", "name", "eth0", *mtu, "netns", NAME)
    _run("ip", "address", "add", f"{OUTSIDE}/30", "dev", NAME)
    _run("ip", "link", "set", NAME, "up")
    for words in (
        ("address", "add", f"{INSIDE}/30", "dev", "eth0"),
        ("link", "set", "eth0", "up"),
        ("link", "set", "lo", "up"),
        ("route", "add", "default", "via", OUTSIDE),
    ):
        _run("ip", "-netns", NAME, *words)
    FORWARDING.write_text("1")
    for table, chain, rule in _RULES:
        _run("iptables", "--wait", "--table", table, "--insert", chain, *rule)


def _remove() -> None:
    """Take everything away, also what a run that crashed has left."""
    for table, chain, rule in _RULES:
        command = ("iptables", "--wait", "--table", table, "--delete", chain, *rule)
        while subprocess.run(command, capture_output=True, check=False).returncode == 0:
            pass
    subprocess.run(("ip", "link", "delete", NAME), capture_output=True, check=False)
    subprocess.run(("ip", "netns", "delete", NAME), capture_output=True, check=False)


def _mtu() -> int:
    """Return how large the packets may be on the way out of this machine."""
    route = _run("ip", "route", "show", "default")
    found = re.search(r"\bdev (\S+)", route)
    return int(Path(f"/sys/class/net/{found[1]}/mtu").read_text()) if found else 1500


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MachineError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout

"""The traces of a Kubernetes node on a machine: compared before `up` and after `down`."""

import re
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.node.host_network import CHANGED_SETTINGS, SYSCTLS
from lab.node.layout import Layout

OUTSIDE_FOLDERS = ("/var/log/containers", "/var/log/pods", "/var/lib/kubelet", "/var/lib/cni", "/run/containerd")


@dataclass(frozen=True)
class Machine:
    """Everything that a node adds to the machine that it runs on."""

    mounts: frozenset[str]
    devices: frozenset[str]
    rules: frozenset[str]
    control_groups: frozenset[str]
    processes: frozenset[str]
    settings: tuple[str, ...]
    folders: frozenset[str]

    @classmethod
    def now(cls) -> "Machine":
        layout = Layout()
        places = (str(layout.state), str(layout.run), *OUTSIDE_FOLDERS)
        return cls(
            mounts=frozenset(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
            devices=frozenset(path.name for path in Path("/sys/class/net").iterdir()),
            rules=frozenset(_rules("iptables") | _rules("ip6tables")),
            control_groups=frozenset(map(str, Path("/sys/fs/cgroup").glob("**/kubepods"))),
            processes=frozenset(_processes(f"{layout.state}/", f"{layout.run}/")),
            settings=tuple((SYSCTLS / name).read_text() for name in CHANGED_SETTINGS),
            folders=frozenset(place for place in places if Path(place).exists()),
        )


def _rules(program: str) -> set[str]:
    """Return all rules and all chains but the kernel's own."""
    saved = subprocess.run((f"{program}-save",), capture_output=True, text=True, check=True).stdout
    return {line for line in saved.splitlines() if re.match(r"-A |:\S+ - ", line)}


def _processes(*places: str) -> set[str]:
    """Return the processes that were given the lab's folders, and those in pods."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            in_pod = "/kubepods/" in (process / "cgroup").read_text()
            if command and (in_pod or any(place in command for place in places)):
                found.add(f"{process.name} {command}")
    return found

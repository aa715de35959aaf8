"""Removes what the full node's containers leave behind when it stops, in order or by a crash.

Nothing here asks containerd or the API server, since they may be dead. What belongs to the lab is recognised by its own
folders: their containers, their mounts, and the programs that were started with paths below them.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from lab.base.system import MachineError
from lab.node.layout import Layout

PATIENCE = 20.0
"""Seconds that the kernel is given to end killed processes."""
_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
_CONTAINER_LOGS = Path("/var/log/containers")
_NETWORK_RESULTS = Path("/var/lib/cni/results")
_SHIM_SOCKETS = Path("/run/containerd/s")
_DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")
_POLL_INTERVAL = 0.05


class LeftoverError(MachineError):
    """Something of a stopped node that cannot be removed; the text says what."""


def clear(layout: Layout) -> None:
    """End all containers, remove their mounts and control groups, and the files that lie outside the lab's folders.

    All daemons of the node must be stopped already. Raise LeftoverError if something stays.
    """
    containers = container_ids(layout)
    sockets = _shim_sockets(layout)
    end_all(lambda: [*_shims(layout), *_members(containers)])
    _unmount(layout)
    _remove_control_groups()
    for socket in sockets:
        socket.unlink(missing_ok=True)
    _remove_outside_files(layout, containers)
    shutil.rmtree(layout.run, ignore_errors=True)


def container_ids(layout: Layout) -> set[str]:
    """Return the ids of all containers that containerd has started and not yet removed."""
    return {path.name for path in _bundles(layout)}


def mounts_below(mountinfo: str, folders: tuple[Path, ...]) -> list[str]:
    """Return the mount points below `folders`, the last mounted first, from the text of /proc/self/mountinfo."""
    points = [
        re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), line.split()[4]) for line in mountinfo.splitlines()
    ]
    return [point for point in reversed(points) if any(Path(point).is_relative_to(folder) for folder in folders)]


def _bundles(layout: Layout) -> Iterator[Path]:
    return (layout.containerd_run / "io.containerd.runtime.v2.task" / "k8s.io").glob("*")


def _shim_sockets(layout: Layout) -> list[Path]:
    """Return the sockets of containerd's shims, which lie in a folder that all containerds of a machine share."""
    sockets = []
    for bundle in _bundles(layout):
        with suppress(FileNotFoundError):  # A shim that ends at this moment takes its bundle along.
            sockets.append(Path((bundle / "address").read_text().strip().removeprefix("unix://")))
    return sockets


def _shims(layout: Layout) -> Iterator[int]:
    """Yield the processes that supervise containers: they outlive containerd."""
    for pid in _processes():
        with suppress(OSError):
            words = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if "containerd-shim" in words[0] and str(layout.socket) in words:
                yield pid


def _members(containers: set[str]) -> Iterator[int]:
    """Yield the processes inside of containers, by the control groups that they are in."""
    for pid in _processes():
        with suppress(OSError):
            groups = (_PROC / str(pid) / "cgroup").read_text()
            if "/kubepods/" in groups and not containers.isdisjoint(re.split(r"[/\n]", groups)):
                yield pid


def _processes() -> Iterator[int]:
    return (int(path.name) for path in _PROC.iterdir() if path.name.isdigit())


def end_all(find: Callable[[], list[int]]) -> None:
    """Kill the processes that `find` returns until it returns none; raise LeftoverError if they stay."""
    deadline = time.monotonic() + PATIENCE
    while found := [pid for pid in find() if not _is_zombie(pid)]:
        if time.monotonic() > deadline:
            raise LeftoverError(f"these processes of the node cannot be ended: {', '.join(map(str, found))}")
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_INTERVAL)


def _is_zombie(pid: int) -> bool:
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _unmount(layout: Layout) -> None:
    for point in _mounts(layout):
        subprocess.run(("umount", "--lazy", point), capture_output=True, check=False)
    if left := _mounts(layout):
        raise LeftoverError(f"these mounts of the node cannot be removed: {', '.join(left)}")


def _mounts(layout: Layout) -> list[str]:
    return mounts_below((_PROC / "self/mountinfo").read_text(), (layout.state, layout.run))


def _remove_control_groups() -> None:
    """Remove the groups of pods, which are empty by now, from every hierarchy that the kernel has."""
    for top in (_CGROUPS / "kubepods", *_CGROUPS.glob("*/kubepods")):
        for group, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                Path(group).rmdir()


def _remove_outside_files(layout: Layout, containers: set[str]) -> None:
    """Remove what the kubelet and containerd put into fixed folders, and these folders if empty then."""
    for link in _CONTAINER_LOGS.glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(layout.pod_logs):
            link.unlink()
    for name in ("kubelet.sock", "kubelet_internal_checkpoint"):
        (_DEVICE_PLUGINS / name).unlink(missing_ok=True)
    for result in _NETWORK_RESULTS.glob("*"):
        if any(container in result.name for container in containers):
            result.unlink()
    nested = (_DEVICE_PLUGINS, _NETWORK_RESULTS, _SHIM_SOCKETS)
    for shared in (_CONTAINER_LOGS, *nested, *(folder.parent for folder in nested)):
        with suppress(OSError):
            shared.rmdir()

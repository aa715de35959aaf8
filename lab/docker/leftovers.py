"""Removes what a Docker engine of a test's own leaves behind when it stops, in order or by a crash.

Nothing here asks the engine, since it may be dead. What belongs to it is recognised by its folder.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lab.node.leftovers import PATIENCE, end_all, mounts_below

_PROC = Path("/proc")
_CONTROL_GROUPS = Path("/sys/fs/cgroup")
_SHIM_SOCKETS = Path("/run/containerd/s")
_POLL_INTERVAL = 0.05
_BUNDLES = "exec/containerd/daemon/io.containerd.runtime.v2.task/moby"


def clear(folder: Path) -> None:
    """End all containers of the engine in `folder`, and remove the folder and what is mounted in it.

    The engine must have ended. Raise LeftoverError if something stays.
    """
    bundles = [*(folder / _BUNDLES).glob("*")]
    containers = {bundle.name for bundle in bundles}
    addresses = [bundle / "address" for bundle in bundles]
    sockets = [Path(path.read_text().strip().removeprefix("unix://")) for path in addresses if path.exists()]
    end_all(lambda: [*_programs(folder), *_members(containers)])
    for socket in sockets:
        socket.unlink(missing_ok=True)
    for shared in (_SHIM_SOCKETS, _SHIM_SOCKETS.parent):
        with suppress(OSError):
            shared.rmdir()
    for point in mounts_below((_PROC / "self/mountinfo").read_text(), (folder,)):
        subprocess.run(("umount", "--lazy", point), capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)
    _remove_control_groups(containers)


def _programs(folder: Path) -> Iterator[int]:
    """Yield containerd and its supervisors of containers: they may outlive the engine, the latter do."""
    for pid in _processes():
        with suppress(OSError):
            words = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if "containerd" in words[0] and any(word.startswith(f"{folder}/") for word in words):
                yield pid


def _members(containers: set[str]) -> Iterator[int]:
    """Yield the processes inside of containers, by the control groups that they are in."""
    for pid in _processes():
        with suppress(OSError):
            groups = (_PROC / str(pid) / "cgroup").read_text()
            if any(container in groups for container in containers):
                yield pid


def _processes() -> Iterator[int]:
    return (int(path.name) for path in _PROC.iterdir() if path.name.isdigit())


def _remove_control_groups(containers: set[str]) -> None:
    """Remove those of the containers, and of the engine and its builders if empty: another engine uses them, too."""
    engines = [*_CONTROL_GROUPS.glob("docker"), *_CONTROL_GROUPS.glob("*/docker")]
    tops = [top for engine in engines for top in (engine / "buildx", engine)]
    deadline = time.monotonic() + PATIENCE
    # The kernel keeps a group until it has seen off the last process of it.
    while (left := _groups(tops, containers)) and time.monotonic() < deadline:
        for group in left:
            with suppress(OSError):
                group.rmdir()
        time.sleep(_POLL_INTERVAL)
    for group in (*(engine / "buildkit" for engine in engines), *tops):
        with suppress(OSError):
            group.rmdir()


def _groups(tops: list[Path], containers: set[str]) -> list[Path]:
    """Return the control groups of the containers, the inner ones first."""
    return [
        Path(group)
        for top in tops
        for container in containers
        for group, _, _ in os.walk(top / container, topdown=False)
    ]

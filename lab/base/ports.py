"""Finds free TCP ports on 127.0.0.1 for control planes that may start in several processes at once.

A port that was free a moment ago may be taken a moment later. So the ports lie below the range that the kernel gives
to outgoing connections, and a lock keeps each from the lab's other processes until this process ends.
"""

import fcntl
import socket
from typing import TextIO

from lab.base import cache
from lab.base.system import MachineError

FIRST, LAST = 20000, 29999

_held: dict[int, TextIO] = {}


class NoFreePortError(MachineError):
    """All ports of the lab's range are taken."""


def reserve(count: int) -> list[int]:
    """Return `count` free ports, which no other process is given until this one ends or calls `release`."""
    found: list[int] = []
    for port in range(FIRST, LAST + 1):
        if len(found) == count:
            return found
        if port not in _held and _lock(port):
            found.append(port)
    raise NoFreePortError(f"no free TCP port between {FIRST} and {LAST} on 127.0.0.1")


def release(ports: list[int]) -> None:
    """Give ports back that `reserve` returned."""
    for port in ports:
        _held.pop(port).close()


def _lock(port: int) -> bool:
    folder = cache.root() / "ports"
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / str(port)).open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    if not _free(port):
        file.close()
        return False
    _held[port] = file
    return True


def _free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

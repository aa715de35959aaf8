"""The resources that a process has used, as the kernel shows them in /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Memory:
    """Resident memory in MiB: now, and the most that it ever was."""

    resident: float
    peak: float


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, in user and kernel mode."""
    return cpu_of(Path(f"/proc/{pid}/stat").read_text())


def machine_cpu_seconds() -> float:
    """Return the CPU time of everything that runs on this machine."""
    return machine_cpu_of(Path("/proc/stat").read_text())


def memory(pid: int) -> Memory:
    """Return the resident memory of a process."""
    return memory_of(Path(f"/proc/{pid}/status").read_text())


def cpu_of(stat: str) -> float:
    """Return the CPU seconds in a line of /proc/PID/stat; the name in it may hold blanks and parentheses."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def machine_cpu_of(stat: str) -> float:
    """Return the CPU seconds in /proc/stat, without those in which the machine was idle or waited."""
    user, nice, system, _, _, *rest = (int(field) for field in stat.splitlines()[0].split()[1:9])
    return (user + nice + system + sum(rest)) / _TICKS


def memory_of(status: str) -> Memory:
    """Return the memory in /proc/PID/status."""
    kib = {
        name: int(value.split()[0])
        for name, separator, value in (line.partition(":") for line in status.splitlines())
        if separator and name in ("VmRSS", "VmHWM")
    }
    return Memory(kib["VmRSS"] / 1024, kib["VmHWM"] / 1024)

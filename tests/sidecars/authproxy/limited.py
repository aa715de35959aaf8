"""A process group with a memory limit, as the container of a pod has: with control groups of either version."""

import subprocess
import time
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


class Limited:
    """Programs that together may not have more memory than `limit` bytes. Needs root."""

    def __init__(self, name: str, limit: int) -> None:
        first = _ROOT / "memory"
        self._names = ("memory.limit_in_bytes", "memory.max_usage_in_bytes")
        if not first.is_dir():
            first, self._names = _ROOT, ("memory.max", "memory.peak")
            (_ROOT / "cgroup.subtree_control").write_text("+memory")
        self.folder = first / name
        self.folder.mkdir()
        (self.folder / self._names[0]).write_text(str(limit))
        self._tcp = self.folder / "memory.kmem.tcp.limit_in_bytes"
        if self._tcp.exists():  # version 1 counts sockets' buffers only after this, and apart
            self._tcp.write_text(str(limit))

    def within(self, *command: str) -> list[str]:
        """Return the command that runs another within the limit."""
        return ["/bin/sh", "-c", f'echo $$ > {self.folder}/cgroup.procs; exec "$@"', "sh", *command]

    def start(self, *command: str, env: dict[str, str]) -> "subprocess.Popen[bytes]":
        """Start a program within the limit."""
        return subprocess.Popen(self.within(*command), env=env, stdout=subprocess.DEVNULL)

    @property
    def peak(self) -> int:
        """Return the most that was in use, in bytes, files' pages that could be dropped included."""
        return int((self.folder / self._names[1]).read_text())

    @property
    def own(self) -> int:
        """Return what is in use and cannot be dropped, in bytes."""
        stat = dict(line.split() for line in (self.folder / "memory.stat").read_text().splitlines())
        return int(stat.get("anon") or stat["rss"])

    @property
    def sockets(self) -> int:
        """Return what the kernel keeps for TCP, in bytes: within the limit in version 2, apart in version 1."""
        if self._tcp.exists():
            return int((self.folder / "memory.kmem.tcp.usage_in_bytes").read_text())
        stat = dict(line.split() for line in (self.folder / "memory.stat").read_text().splitlines())
        return int(stat["sock"])

    @property
    def kills(self) -> int:
        """Return how many programs were ended for lack of memory."""
        names = ("memory.events", "memory.oom_control")
        text = next(file for name in names if (file := self.folder / name).exists()).read_text()
        return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill ")), 0)

    @property
    def cpu_seconds(self) -> float:
        """Return the CPU time of its programs so far."""
        ticks = 0
        for pid in (self.folder / "cgroup.procs").read_text().split():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / 100

    def remove(self) -> None:
        """Remove the group once its programs have ended."""
        deadline = time.monotonic() + 10
        while (self.folder / "cgroup.procs").read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.folder.rmdir()

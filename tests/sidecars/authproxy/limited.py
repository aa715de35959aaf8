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

    def start(self, *command: str, env: dict[str, str]) -> "subprocess.Popen[bytes]":
        """Start a program within the limit."""
        script = f'echo $$ > {self.folder}/cgroup.procs; exec "$@"'
        return subprocess.Popen(["/bin/sh", "-c", script, "sh", *command], env=env, stdout=subprocess.DEVNULL)

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
    def kills(self) -> int:
        """Return how many programs were ended for want of memory."""
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

"""Starts the lab's programs as daemons, and stops them: also those that a crashed run of the lab has left.

Each daemon leaves a record (boot, process id, start time) in the state folder before its program starts, so that
nothing is ever lost, and a process id that the kernel has given to another program is never signalled.
"""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

POLL_INTERVAL = 0.05
KILL_TIMEOUT = 30.0
TAIL_LINES = 15
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_RECORD = 'cat /proc/sys/kernel/random/boot_id "/proc/$$/stat" > "$0" && exec "$@"'

# The kernel ends a tied daemon when the *thread* that started it ends. This thread lives as long as the interpreter.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lab-spawner")


class DaemonError(Exception):
    """A program of the lab that ended or was not ready in time; the text ends with the last lines of its log."""


@dataclass(frozen=True)
class Daemon:
    """A program to run: its name in logs and records, its command line, and variables for its environment."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """The process of a daemon: a process id means nothing without the boot and the process's start time."""

    boot: str
    pid: int
    started: int
    """Clock ticks since boot."""

    @classmethod
    def parse(cls, text: str) -> "Record":
        """Read what a starting daemon wrote: the boot's id and a line of `/proc/PID/stat`; raise ValueError."""
        boot, _, stat = text.strip().partition("\n")
        pid, _, started = _parse_stat(stat)
        return cls(boot, pid, started)

    def open(self) -> int | None:
        """Return a file descriptor of the process (a pidfd), or None if it has ended."""
        if self.boot != BOOT_ID.read_text().strip():
            return None
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return None
        # Looked up after opening: the descriptor cannot come to mean another process in between.
        if self._still_running():
            return descriptor
        os.close(descriptor)
        return None

    def _still_running(self) -> bool:
        try:
            _, state, started = _parse_stat(Path(f"/proc/{self.pid}/stat").read_text())
        except (OSError, ValueError):
            return False
        return started == self.started and state != "Z"


def _parse_stat(line: str) -> tuple[int, str, int]:
    """Return process id, state and start time; the name in between may hold blanks and parentheses."""
    pid, _, rest = line.partition(" ")
    fields = rest.rpartition(")")[2].split()
    if len(fields) < 20:
        raise ValueError("not a line of /proc/PID/stat")
    return int(pid), fields[0], int(fields[19])


class Daemons:
    """The daemons of one state folder: records in `run/`, logs in `logs/`.

    With `outlive=False` they die with this process, however that ends; with `outlive=True` they stay.
    """

    def __init__(self, state: Path, *, outlive: bool) -> None:
        self.records = state / "run"
        self.logs = state / "logs"
        self._outlive = outlive
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def start(self, daemon: Daemon, ready: Callable[[], bool], timeout: float = 60.0) -> None:
        """Start `daemon` and return when `ready()` is true; one of the same name is stopped first.

        Raise DaemonError, with the daemon stopped, if it ends before or is not ready after `timeout` seconds.
        """
        self.stop(daemon.name, grace=0)
        self.records.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        self._children[daemon.name] = _spawner.submit(self._spawn, daemon).result()
        deadline = time.monotonic() + timeout
        while not (self._has_record(daemon.name) and ready()):
            status = self._children[daemon.name].poll()
            if status is not None or time.monotonic() > deadline:
                what = f"was not ready after {timeout:.0f} s" if status is None else f"ended with {status}"
                self.stop(daemon.name, grace=0)
                raise DaemonError(
                    f"{daemon.name} {what}. The end of {self.log(daemon.name)}:\n{self._tail(daemon.name)}"
                )
            time.sleep(POLL_INTERVAL)

    def stop(self, name: str, grace: float = 10.0) -> None:
        """Send SIGTERM, after `grace` seconds SIGKILL, and return when the process is gone."""
        path = self._record(name)
        record = _read_record(path)
        descriptor = record.open() if record else None
        if descriptor is not None:
            try:
                _end(descriptor, grace)
            finally:
                os.close(descriptor)
        child = self._children.pop(name, None)
        if child is not None:
            child.kill()
            child.wait()
        path.unlink(missing_ok=True)

    def stop_all(self, grace: float = 10.0) -> None:
        """Stop every daemon that has a record or was started here, the last one started first."""
        for name in reversed(list(dict.fromkeys([*self._children, *self.recorded()]))):
            self.stop(name, grace)

    def recorded(self) -> list[str]:
        """Return the names of all daemons with a record, running or not, in the order of their start."""
        started: dict[str, int] = {}
        for path in self.records.glob("*.pid"):
            with suppress(FileNotFoundError):  # The daemon may be stopped by another process at this moment.
                started[path.stem] = path.stat().st_mtime_ns
        return sorted(started, key=started.__getitem__)

    def running(self) -> dict[str, int]:
        """Return the process ids of the daemons that run."""
        found = {}
        for name in self.recorded():
            record = _read_record(self._record(name))
            descriptor = record.open() if record else None
            if record is not None and descriptor is not None:
                os.close(descriptor)
                found[name] = record.pid
        return found

    def _spawn(self, daemon: Daemon) -> subprocess.Popen[bytes]:
        record = str(self._record(daemon.name))
        tie = () if self._outlive else ("setpriv", "--pdeathsig", "KILL")
        with self.log(daemon.name).open("ab") as log:
            return subprocess.Popen(
                [*tie, "sh", "-c", _RECORD, record, *daemon.argv],
                env={**os.environ, **daemon.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _record(self, name: str) -> Path:
        return self.records / f"{name}.pid"

    def _has_record(self, name: str) -> bool:
        return _read_record(self._record(name)) is not None

    def _tail(self, name: str) -> str:
        lines = self.log(name).read_text(errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])


def _read_record(path: Path) -> Record | None:
    """Read a record; None if there is none, or if the daemon was killed while it wrote it (nothing runs then)."""
    try:
        return Record.parse(path.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _end(descriptor: int, grace: float) -> None:
    with suppress(ProcessLookupError):
        if grace > 0:
            signal.pidfd_send_signal(descriptor, signal.SIGTERM)
            if _gone(descriptor, grace):
                return
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        if not _gone(descriptor, KILL_TIMEOUT):
            raise DaemonError(f"a process is still there {KILL_TIMEOUT:.0f} s after SIGKILL")


def _gone(descriptor: int, timeout: float) -> bool:
    """Wait until the process of a pidfd has ended, at most `timeout` seconds; return whether it has."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(timeout * 1000))

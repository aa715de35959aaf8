"""Starts and stops a Slurm, and removes what a crash of an earlier one has left.

Every daemon runs in the foreground as a program of the lab (`lab.base.process`), as root, with files, sockets and
ports of its own, so that nothing of a Slurm that the machine may have is touched.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lab.base import ports, system
from lab.base.process import Daemon, Daemons
from lab.base.progress import Progress
from lab.slurm import configuration
from lab.slurm.configuration import Layout, Ports

PACKAGES = (
    system.Package("slurmctld", "slurmctld"),
    system.Package("slurmd", "slurmd"),
    system.Package("slurm-client", "sbatch"),
    system.Package("slurmdbd", "slurmdbd"),
    system.Package("munge", "munged"),
    system.Package("mariadb-server", "mariadbd"),
)
_LONGEST_SOCKET = 107
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SETTLES = 20.0
_MARK = "AMALTHEA_LAB_SLURM"
"""The variable that marks what was started here; SLURM_CONF may be set in anybody's shell."""


class SlurmError(Exception):
    """A command of Slurm that failed; the text is what it said."""


class Slurm:
    """One Slurm below `folder`. With `outlive` its daemons stay when this process ends."""

    def __init__(self, folder: Path, *, outlive: bool = False) -> None:
        self.layout = Layout(folder)
        self._daemons = Daemons(folder, outlive=outlive)
        self._ports: list[int] = []

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that Slurm's commands need to find this one, and nothing else."""
        found = {"PATH": _PATH, "HOME": str(Path.home()), "SLURM_CONF": str(self.layout.configuration)}
        return {**found, _MARK: str(self.layout.folder)}

    def start(self, progress: Progress) -> None:
        """Return when jobs can run; clear away what was here before. Raise MachineError, DaemonError or SlurmError."""
        system.require_root("A Slurm of the lab")
        system.ensure(PACKAGES, progress)
        if len(str(self.layout.database_socket)) > _LONGEST_SOCKET:
            raise system.MachineError(f"{self.layout.folder} is too long a path for a socket; choose a shorter one.")
        self.stop()
        with progress.step("Starting Slurm"):
            self._write()
            self.start_daemon("munged")
            self._start_accounting()
            self.start_daemon("slurmctld")
            self.start_daemon("slurmd")
            self._wait_for_node()

    def stop(self) -> None:
        """End all jobs and daemons, and remove the folder's content."""
        self._daemons.stop_all(grace=0)
        _end_all(f"{_MARK}={self.layout.folder}")
        ports.release(self._ports)
        self._ports = []
        if self.layout.folder.exists():
            shutil.rmtree(self.layout.folder)

    def start_daemon(self, name: str) -> None:
        """Start or restart one of the daemons; raise DaemonError."""
        daemon, ready = self._programs()[name]
        self._daemons.start(daemon, ready)

    def kill_daemon(self, name: str) -> None:
        """Kill one of the daemons, without any warning; jobs go on."""
        self._daemons.stop(name, grace=0)

    def command(self, *arguments: str, stdin: str | None = None, cwd: str | None = None) -> str:
        """Run a command of Slurm and return its output; raise SlurmError."""
        done = subprocess.run(
            arguments,
            env=self.environment,
            input=stdin,
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode != 0:
            raise SlurmError(done.stderr.strip() or f"{arguments[0]} ended with {done.returncode}")
        return done.stdout

    def _write(self) -> None:
        layout = self.layout
        for folder in (layout.folder, layout.spool, layout.memory):
            folder.mkdir(parents=True, exist_ok=True)
        layout.folder.chmod(0o755)  # munged wants its socket where everybody may look
        layout.memory.chmod(0o700)
        shutil.chown(layout.memory, configuration.USER)
        self._ports = ports.reserve(3)
        chosen = Ports(*self._ports)
        layout.configuration.write_text(configuration.slurm(layout, chosen))
        _write_secret(layout.accounting, configuration.slurmdbd(layout, chosen).encode())
        shutil.chown(layout.accounting, configuration.USER)
        _write_secret(layout.munge_key, secrets.token_bytes(128))

    def _start_accounting(self) -> None:
        layout = self.layout
        layout.database.mkdir(mode=0o700)
        self.command(
            *("mariadb-install-db", "--no-defaults", f"--datadir={layout.database}", "--user=root"),
            *("--auth-root-authentication-method=normal", "--skip-test-db"),
        )
        self.start_daemon("mariadbd")
        self.start_daemon("slurmdbd")
        self.command("sacctmgr", "--immediate", "add", "cluster", configuration.CLUSTER)

    def _programs(self) -> dict[str, tuple[Daemon, Callable[[], bool]]]:
        """Return each daemon with its readiness check."""
        layout, environment = self.layout, {**self.environment, "MYSQL_UNIX_PORT": str(self.layout.database_socket)}
        munged = (
            *("munged", "--foreground", f"--key-file={layout.munge_key}", f"--socket={layout.munge_socket}"),
            *(f"--pid-file={layout.folder}/munged.pid", f"--seed-file={layout.folder}/munged.seed"),
            *(f"--log-file={layout.folder}/munged.log", "--force"),
        )
        mariadbd = (
            *("mariadbd", "--no-defaults", "--user=root", f"--datadir={layout.database}", "--skip-networking"),
            *(f"--socket={layout.database_socket}", f"--pid-file={layout.folder}/mariadbd.pid"),
            *("--skip-grant-tables", "--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0"),
        )
        slurmd = ("slurmd", "-D", "-N", configuration.NODE, "-f", str(layout.configuration))
        programs: dict[str, tuple[tuple[str, ...], Callable[[], bool]]] = {
            "munged": (munged, lambda: _listens(layout.munge_socket)),
            "mariadbd": (mariadbd, lambda: _listens(layout.database_socket)),
            "slurmdbd": (("slurmdbd", "-D"), lambda: self._answers("sacctmgr", "--noheader", "list", "cluster")),
            "slurmctld": (
                ("slurmctld", "-D", "-f", str(layout.configuration)),
                lambda: self._answers("scontrol", "ping"),
            ),
            "slurmd": (slurmd, lambda: True),
        }
        return {name: (Daemon(name, argv, environment), ready) for name, (argv, ready) in programs.items()}

    def _answers(self, *command: str) -> bool:
        try:
            self.command(*command)
        except SlurmError:
            return False
        return True

    def _wait_for_node(self) -> None:
        deadline = time.monotonic() + _SETTLES
        while (state := self.command("sinfo", "--noheader", "--format=%T", "--partition=normal").strip()) != "idle":
            if time.monotonic() > deadline:
                raise SlurmError(f"Slurm's node is {state} after {_SETTLES:g} s. Its logs are in {self._daemons.logs}.")
            time.sleep(0.1)


def _write_secret(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def _listens(path: Path) -> bool:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as tried:
        tried.connect(str(path))
        return True
    return False


def _end_all(variable: str) -> None:
    """Kill whatever has this variable, and its children: jobs, and Slurm's helper of each, outlive its daemons."""
    deadline = time.monotonic() + _SETTLES
    while found := _marked(variable):
        if time.monotonic() > deadline:
            raise SlurmError(f"Processes {found} of Slurm cannot be ended.")
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _marked(variable: str) -> list[int]:
    """Return the processes that have this variable, and all below them, but for this one and those above it."""
    parents, found = dict[int, int](), set[int]()
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            pid, environment = int(entry.name), (entry / "environ").read_bytes()
            parents[pid] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if variable.encode() in environment.split(b"\0"):
                found.add(pid)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - _line_of(os.getpid(), parents))


def _line_of(pid: int, parents: dict[int, int]) -> set[int]:
    line = set[int]()
    while pid in parents and pid not in line:
        line.add(pid)
        pid = parents[pid]
    return line

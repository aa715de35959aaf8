"""The cloner on this machine, for its tests: they run it as its container does, and end it."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import sidecars


@dataclass
class Ended:
    """The end of the cloner."""

    code: int
    log: str


@dataclass
class Cloner:
    """`sidecars cloner …` with a volume for its clones and a place for temporary files."""

    volume: Path
    temporary: Path
    ca: Path
    variables: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = field(default_factory=lambda: tuple(sidecars.sidecars()))
    patience: float = 50.0
    """Seconds after which it is ended."""

    def clone(self, remote: str, *flags: str) -> Ended:
        return self.run("clone", "--strategy", "notifexist", "--remote", remote, "--path", str(self.volume), *flags)

    def run(self, *arguments: str) -> Ended:
        """Run it to its end, or until patience ends, which gives the code of a signal."""
        return self.answer("cloner", *arguments)[0]

    def answer(self, *arguments: str) -> tuple[Ended, str]:
        """Run `program` with these words to its end; return what it printed, too."""
        with self._start(arguments, subprocess.PIPE) as process:
            try:
                printed, log = process.communicate(timeout=self.patience)
            except subprocess.TimeoutExpired:
                kill_family(process)
                printed, log = process.communicate()
        return Ended(process.returncode, log.decode()), printed.decode()

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return self._start(("cloner", *arguments), None)

    def _start(self, words: Sequence[str], stdout: int | None) -> subprocess.Popen[bytes]:
        command = [*self.program, *words]
        return subprocess.Popen(command, env=self._environment(), stdout=stdout, stderr=subprocess.PIPE, cwd="/")

    def _environment(self) -> Mapping[str, str]:
        own = {"PATH": os.environ["PATH"], "TMPDIR": str(self.temporary), "SSL_CERT_FILE": str(self.ca)}
        return {**own, **self.variables}


def kill_family(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started at once, as the node does with a container."""
    process.send_signal(signal.SIGSTOP)
    for descendant in [*descendants(process.pid), process.pid]:
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.kill(descendant, signal.SIGKILL)
    process.wait(10)


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes that `pid` has started, and those that they have."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    yield from family - {pid}


def all_gone(pids: list[int], within: float = 10.0) -> bool:
    """Return whether these processes have ended, or end soon, collected by their parents or not."""
    deadline = time.monotonic() + within
    while any(_is_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False

"""A cluster in the test's own process: files and a queue of jobs, for `firecrest.py`, that a test controls.

`Files` and `Scheduler` are what a FirecREST needs of a cluster; a real Slurm can stand behind the same two.
"""

import itertools
import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


class ClusterError(Exception):
    """A command on the cluster that failed; the message is what it wrote to its standard error."""


class SlowClusterError(ClusterError):
    """A command on the cluster that did not end in time."""


class Files(Protocol):
    """The cluster's file system."""

    def make_folder(self, path: str) -> None: ...
    def set_mode(self, path: str, mode: str) -> None: ...
    def write(self, path: str, content: bytes) -> None: ...
    def read(self, path: str) -> tuple[bytes, int] | None:
        """Return a file's content and its inode; None if there is none."""
        ...

    def remove(self, path: str) -> bool:
        """Remove a file, or a folder with all that is in it; False if there is none."""
        ...


@dataclass
class SlurmJob:
    """A job, in Slurm's words. Times are in seconds, `start` and `end` since 1970."""

    id: str
    name: str
    folder: str
    script: str
    account: str = ""
    env: dict[str, str] = field(default_factory=dict)
    state: str = "PENDING"
    reason: str | None = "Priority"
    exit_code: int | None = None
    signal: int | None = None
    elapsed: float = 0.0
    start: float | None = None
    limit: float | None = 3600.0
    output: str = ""
    error: str = ""
    submitted: float = 0.0

    @property
    def ended(self) -> bool:
        """Return whether it has ended."""
        return self.state.split()[0] not in ("PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED")


class Scheduler(Protocol):
    """The queue. Every method may raise ClusterError."""

    def submit(self, job: SlurmJob) -> str: ...
    def jobs(self) -> list[SlurmJob]: ...
    def cancel(self, job_id: str) -> None: ...


class MemoryFiles:
    """Implements `Files`. `modes` has the rights of what was given some, `full` makes the disk full."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.modes: dict[str, str] = {}
        self.folders: set[str] = set()
        self.full = False
        self._inodes: dict[str, int] = {}
        self._numbers = itertools.count(100)

    def make_folder(self, path: str) -> None:
        if self.full:
            raise ClusterError(f"mkdir: cannot create directory '{path}': No space left on device")
        self.folders.add(path)

    def set_mode(self, path: str, mode: str) -> None:
        self.modes[path] = mode

    def write(self, path: str, content: bytes) -> None:
        if self.full:
            raise ClusterError(f"{path}: No space left on device")
        self.content[path] = content
        self._inodes.setdefault(path, next(self._numbers))

    def append(self, path: str, content: bytes) -> None:
        """Write at the end of a file."""
        self.write(path, self.content.get(path, b"") + content)

    def rotate(self, path: str, content: bytes) -> None:
        """Put another file in the place of one."""
        self._inodes.pop(path, None)
        self.write(path, content)

    def read(self, path: str) -> tuple[bytes, int] | None:
        return (self.content[path], self._inodes[path]) if path in self.content else None

    def remove(self, path: str) -> bool:
        files = [each for each in self.content if each == path or each.startswith(f"{path}/")]
        for each in files:
            del self.content[each], self._inodes[each]
        was = bool(files) or path in self.folders
        self.folders.discard(path)
        return was

    def mode_above(self, path: str) -> str:
        """Return the strictest rights of the folders above a path, the one that is nearest to the root."""
        folders = [path[:end] for end, character in enumerate(path) if character == "/"]
        return next((self.modes[folder] for folder in folders if folder in self.modes), "755")


class MemoryScheduler:
    """Implements `Scheduler`. `refusal` is what sbatch says instead of taking a job; a test sets jobs' states."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._jobs: list[SlurmJob] = []
        self._numbers = itertools.count(1)
        self.refusal: Callable[[SlurmJob], str] = lambda _: ""
        self.accounting_lag = 0.0
        """Seconds after which a job that was submitted can be seen."""

    def submit(self, job: SlurmJob) -> str:
        if refusal := self.refusal(job):
            raise ClusterError(refusal)
        job.id, job.submitted = str(next(self._numbers)), self._now()
        job.output = job.output or posixpath.join(job.folder, f"slurm-{job.id}.out")
        self._jobs.append(job)
        return job.id

    def jobs(self) -> list[SlurmJob]:
        return [job for job in self._jobs if self._now() - job.submitted >= self.accounting_lag]

    def cancel(self, job_id: str) -> None:
        job = next((each for each in self._jobs if each.id == job_id), None)
        if job is None or job.ended:
            raise ClusterError(f"scancel: error: Kill job error on job id {job_id}: Invalid job id specified")
        job.state, job.reason = "CANCELLED by 1001", None

    @property
    def all(self) -> list[SlurmJob]:
        """Return all jobs, those included that accounting does not know yet."""
        return self._jobs

    @property
    def alive(self) -> list[SlurmJob]:
        """Return the jobs that have not ended."""
        return [job for job in self._jobs if not job.ended]

    def run(self, job_id: str = "") -> SlurmJob:
        """Start a job, the newest if none is named, and return it."""
        job = next(each for each in reversed(self._jobs) if job_id in ("", each.id))
        job.state, job.reason, job.start = "RUNNING", None, self._now()
        return job

"""A cluster on this machine, without Slurm: real files, and jobs that bash runs, with a `srun` of our own."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from amalthea.testing.remote.cluster import ClusterError, MemoryScheduler, SlurmJob

_SRUN = """\
#!/bin/bash
# The session's program: a web server where the script says that it has to listen.
echo "the program listens at $RENKU_SESSION_PORT"
exec python3 -m http.server --bind 127.0.0.1 "$RENKU_SESSION_PORT"
"""


class BashScheduler(MemoryScheduler):
    """Implements `Scheduler`: a job starts at once, as a process group of its own. `folder` gets what it needs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(time.time)
        self._bin = folder / "bin"
        self._bin.mkdir()
        (self._bin / "srun").write_text(_SRUN)
        (self._bin / "srun").chmod(0o755)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def submit(self, job: SlurmJob) -> str:
        number = super().submit(job)
        path = f"{self._bin}:{Path(shutil.which('python3') or '').parent}:/usr/bin:/bin"
        env = {"PATH": path, "SLURM_JOB_ID": number, "HOME": str(self._bin)} | job.env
        with Path(job.output).open("wb") as output:
            self._processes[number] = subprocess.Popen(
                ["/bin/bash", f"{job.folder}/session_script.sh"],
                cwd=job.folder,
                env=env,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        job.state, job.reason, job.start = "RUNNING", None, time.time()
        return number

    def jobs(self) -> list[SlurmJob]:
        for job in super().jobs():
            code = self._processes[job.id].poll()
            if code is not None and not job.ended:
                job.state, job.exit_code = ("FAILED", code) if code else ("COMPLETED", 0)
        return super().jobs()

    def cancel(self, job_id: str) -> None:
        if all(job.id != job_id for job in self.jobs()):
            raise ClusterError("Invalid job id specified")
        self.end(job_id, signal.SIGTERM)
        super().cancel(job_id)

    def end(self, job_id: str, number: int) -> None:
        """Send a signal to all processes of a job."""
        if self._processes[job_id].poll() is None:
            os.killpg(self._processes[job_id].pid, number)

    def left(self, job_id: str) -> bool:
        """Return whether any process of a job is still there."""
        self._processes[job_id].poll()
        try:
            os.killpg(self._processes[job_id].pid, 0)
        except ProcessLookupError:
            return False
        return True

    def close(self) -> None:
        """End all jobs."""
        for job_id, process in self._processes.items():
            self.end(job_id, signal.SIGKILL)
            process.wait()

"""A real Slurm behind `firecrest.py`: jobs go to sbatch, and reports on them come from its accounting.

It calls the same commands as a real FirecREST, as the user that runs it. That Slurm is started elsewhere.
"""

import subprocess
from collections.abc import Mapping
from datetime import datetime

from amalthea.testing.remote.cluster import ClusterError, SlowClusterError, SlurmJob

_FIELDS = {
    "id": "JobIDRaw",
    "name": "JobName",
    "state": "State",
    "exit": "ExitCode",
    "elapsed": "ElapsedRaw",
    "start": "Start",
    "limit": "TimelimitRaw",
    "reason": "Reason",
    "folder": "WorkDir",
    "account": "Account",
}
_BETWEEN = "\x1f"
_TIMEOUT = 20.0


class SlurmScheduler:
    """Implements `cluster.Scheduler`. `environment` is all that the commands are given: PATH, and where Slurm is."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def submit(self, job: SlurmJob) -> str:
        variables = ",".join(("ALL", *(f"{name}={value}" for name, value in job.env.items())))
        options = [f"--chdir={job.folder}", f"--job-name={job.name}", f"--export={variables}"]
        options += [f"--account={job.account}"] if job.account else []
        return self._run("sbatch", "--parsable", *options, stdin=job.script).strip().partition(";")[0]

    def jobs(self) -> list[SlurmJob]:
        wanted = f"--format={','.join(_FIELDS.values())}"
        flags = ("--allocations", "--duplicates", "--noheader", "--parsable2", f"--delimiter={_BETWEEN}", wanted)
        lines = self._run("sacct", *flags, "--starttime=now-7days").splitlines()
        return [_read(dict(zip(_FIELDS, line.split(_BETWEEN), strict=True))) for line in lines]

    def cancel(self, job_id: str) -> None:
        self._run("scancel", "--verbose", job_id)

    def _run(self, *command: str, stdin: str | None = None) -> str:
        try:
            done = subprocess.run(
                command,
                env=self._environment,
                input=stdin,
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIMEOUT,
            )
        except subprocess.TimeoutExpired:
            raise SlowClusterError("Command execution timeout limit exceeded.") from None
        if done.returncode != 0:
            raise ClusterError(done.stderr.strip())
        return done.stdout


def _read(found: dict[str, str]) -> SlurmJob:
    """Return a job from a line of sacct."""
    code, _, signal = found["exit"].partition(":")
    limit = float(found["limit"]) * 60 if found["limit"].isdigit() else None
    return SlurmJob(
        id=found["id"],
        name=found["name"],
        folder=found["folder"],
        script="",
        account=found["account"],
        state=found["state"],
        reason=found["reason"],
        exit_code=int(code or 0),
        signal=int(signal or 0),
        elapsed=float(found["elapsed"] or 0),
        start=_seconds(found["start"]),
        limit=limit,
        output=f"{found['folder']}/slurm-{found['id']}.out",
    )


def _seconds(text: str) -> float | None:
    """Return a time of Slurm's, which is local, in seconds since 1970; None for `Unknown`."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None

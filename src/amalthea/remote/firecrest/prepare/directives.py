"""The job's options for Slurm, as the lines that begin with #SBATCH. Pure."""

import re

from amalthea.remote.errors import Refused
from amalthea.remote.firecrest.settings import FirecrestSettings

_PLAIN = re.compile(r"[A-Za-z0-9_.,:/+=@-]+")
"""These values come from users: nothing that ends a word may be in one."""


def directives(settings: FirecrestSettings, *, walltime: bool) -> list[str]:
    """Return the lines; with the session's own time limit only where `walltime` says so.

    A job is never requeued automatically: what it needs to reach the session is used up by its first run.

    Raises:
        Refused: a value cannot be in such a line; names the variable that it comes from.
    """
    asked = [
        ("partition", settings.partition, "", "RSC_FIRECREST_PARTITION"),
        ("account", settings.account, "", "SLURM_ACCOUNT"),
        ("cpus-per-task", settings.cpus, "", "RSC_SESSION_CPU"),
        ("mem", settings.memory, "M", "RSC_SESSION_MEMORY"),
        ("gpus", settings.gpus, "", "RSC_SESSION_GPUS"),
    ]
    if walltime and settings.walltime:
        asked.append(("time", str(settings.walltime), "", "RSC_SESSION_MAX_AGE_SECONDS"))
    for _, value, _, variable in asked:
        if value and not _PLAIN.fullmatch(value):
            raise Refused(f"{variable} has characters that Slurm does not accept; write letters, digits, - and _ only.")
    fixed = ["nodes=1", "ntasks-per-node=1", "no-requeue"]
    return [
        f"#SBATCH --{line}" for line in fixed + [f"{name}={value}{unit}" for name, value, unit, _ in asked if value]
    ]

"""Translates Slurm's words to ours, and the end of a job to its cause. Pure."""

from amalthea.remote.firecrest.api.answers import Job
from amalthea.remote.job.port import Phase, Report

_WAITING = frozenset(("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESIZING", "RESV_DEL_HOLD"))
_CAUSES = {
    "BOOT_FAIL": ("The node did not come up", "Resume the session to submit a new job."),
    "CANCELLED": ("The job was cancelled on the cluster", "Resume the session to submit a new job."),
    "DEADLINE": ("The cluster ended the job at its deadline", "Resume the session to submit a new job."),
    "FAILED": ("The session's program ended with an error", "Look at the last lines of its output."),
    "NODE_FAIL": ("The node that the session ran on failed", "Resume the session to submit a new job."),
    "OUT_OF_MEMORY": ("The job needed more memory than it asked for", "Ask for more memory, then resume the session."),
    "PREEMPTED": (
        "Another job took the session's place",
        "Resume the session, or choose a partition without preemption.",
    ),
    "TIMEOUT": ("The job reached its time limit", "Resume the session to submit a new job."),
}
_GOING = frozenset(("COMPLETING",))
_MOST = 1e10
"""Seconds: more is a number by which some interface says that it has none."""


def first_word(job: Job) -> str:
    """Return the state's first word: `CANCELLED by 1001` is CANCELLED."""
    words = (job.status.state or "").upper().split()
    return words[0].rstrip("+") if words else ""


def phase(word: str) -> Phase | None:
    """Return the meaning of a state's first word; None where it says nothing new (SUSPENDED, STAGE_OUT, or unknown)."""
    if word in _WAITING:
        return Phase.NOT_READY
    if word == "RUNNING":
        return Phase.RUNNING
    if word == "COMPLETED":
        return Phase.COMPLETED
    return Phase.FAILED if word in _CAUSES else None


def has_ended(job: Job) -> bool:
    """Return whether a job has ended for good."""
    found = phase(first_word(job))
    return found is not None and found.ended


def is_gone(job: Job) -> bool:
    """Return whether a job that was cancelled is ending."""
    return has_ended(job) or first_word(job) in _GOING


def report(job: Job, last_lines: str) -> Report:
    """Return the report on a job, `last_lines` being the end of its output."""
    word, time = first_word(job), job.time
    reason = job.status.state_reason or ""
    return Report(
        phase=phase(word),
        word=word,
        reason="" if reason == "None" else reason,
        starts=_positive(time.start),
        limit=_positive(time.limit),
        elapsed=time.elapsed if time.elapsed is not None and 0 <= time.elapsed < _MOST else None,
        cause=_cause(word, job),
        output=last_lines if word in _CAUSES else "",
    )


def _positive(seconds: float | None) -> float | None:
    """Return a time; None for 0, by which Slurm's own interface says that a job may run without a limit."""
    return seconds if seconds is not None and 0 < seconds < _MOST else None


def _cause(word: str, job: Job) -> str:
    if word not in _CAUSES:
        return ""
    what, remedy = _CAUSES[word]
    details = [word]
    if job.status.exit_code:
        details.append(f"exit code {job.status.exit_code}")
    if job.status.interrupt_signal:
        details.append(f"signal {job.status.interrupt_signal}")
    return f"{what} ({', '.join(details)}). {remedy}"

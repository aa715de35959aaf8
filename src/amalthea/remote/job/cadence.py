"""The pauses between two looks at the job. Pure; all times in seconds."""

from amalthea.remote.job.port import Phase

SOON = 5.0
RARELY = 60.0
"""Between two looks at a job that runs, or that nobody knows, and the most for one that waits."""
ENDED = 600.0
"""Between two looks at a job that has ended, which a scheduler may still put back into the queue."""
PATIENCE = 300.0
"""For so long a job that waits is looked at every `SOON`."""


def pause(phase: Phase, waited: float, previous: float, *, lost: bool = False) -> float:
    """Return the seconds until the next look, `waited` since the job has been waiting, after a pause of `previous`.

    A job that is only said to have ended because it is `lost` may be found again.
    """
    if phase is Phase.RUNNING or lost:
        return RARELY
    if phase.ended:
        return ENDED
    return SOON if waited < PATIENCE else min(RARELY, max(SOON, previous) * 2)

"""A session that is to run and whose pod somebody else stopped: a queue, a downscaler, or an admin."""

from amalthea.api.reasons import Failure
from amalthea.model.diagnosis.diagnosis import Diagnosis
from amalthea.model.views.observed import Observed


def trouble(observed: Observed) -> Diagnosis | None:
    """Return who keeps the session from running, as far as the API server shows.

    A webhook acts in our name, and a scale subresource that is set to 0 leaves no manager behind: its 0 is left out.
    """
    workload = observed.own_workload
    if workload is None or not observed.held_down:
        return None
    who = workload.stilled_by or "an administrator, a downscaler, or the webhook of a queue"
    done = "suspended" if workload.kind == "Job" else "scaled to 0"
    message = (
        f"The {workload.kind} of the session was {done} by somebody else ({who}): the session runs once that is "
        "undone. If nobody undoes it, pause and resume it."
    )
    return Diagnosis(Failure.HELD_DOWN, message, fatal=False)

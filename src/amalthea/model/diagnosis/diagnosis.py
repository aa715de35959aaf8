"""A diagnosis: what is wrong with a session, as words for people and a code for programs."""

from dataclasses import dataclass

from amalthea.api.reasons import ConditionType, Failure
from amalthea.api.types import Status


@dataclass(frozen=True)
class Diagnosis:
    """One thing that is wrong. Fatal means that the session is Failed; else it is a warning while it starts."""

    code: Failure
    message: str
    """Cause and next step: the same sentence as long as the cause is the same."""
    said: str = ""
    """The runtime's own words. They may differ from one attempt to the next."""
    fatal: bool = True
    aside: bool = False
    """True for what is lacking from the start, and explains no state: any other trouble is reported first."""


def recorded(status: Status) -> Diagnosis | None:
    """Return the diagnosis that a status records, or None."""
    codes = {str(code): code for code in Failure}
    for condition in status.conditions or ():
        if condition.type == ConditionType.HEALTHY and condition.reason in codes:
            return Diagnosis(codes[condition.reason], condition.message or "", fatal=status.state == "Failed")
    return None

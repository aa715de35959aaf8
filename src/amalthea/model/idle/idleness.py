"""Decides whether a session is idle: a verdict from several signals, each of which can only speak against it.

It fails open: what is not known is never idle. The verdict names what it was made of (`signals.py`), without numbers
that change all the time, for each new text is a write of the status.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from amalthea.api import names
from amalthea.api.reasons import Reason
from amalthea.model import spans
from amalthea.model.idle import signals
from amalthea.model.idle.signals import Signal
from amalthea.model.views.observed import Observed

_SAYS = {
    Reason.QUIET: "Nobody seems to work in the session.",
    Reason.JOB_COMPLETED: "Nobody seems to work in the session.",
    Reason.DOOR_TOO_OLD: "Nobody seems to work in the session.",
    Reason.CPU_BUSY: "The session is computing.",
    Reason.DECLARED_BUSY: "A program has declared the session busy.",
    Reason.DECLARED_UNREADABLE: f"The annotation {names.ANNOTATION_BUSY_UNTIL} cannot be read, so the session does not "
    "count as idle. Write a time such as 2026-01-31T18:00:00Z, or remove it.",
    Reason.USAGE_UNKNOWN: "The session's CPU use is not known: the session has just started, or the cluster's "
    "metrics server does not report it. Until it is known, the session is not paused for being idle.",
    Reason.DOOR_SILENT: "It is not known whether somebody works in the session: the proxy in front of it does not "
    "answer the operator. Until it does, the session is not paused for being idle. The operator must reach port "
    f"{names.PORT_META} of the session's pod: an administrator should check the network policies.",
}


@dataclass(frozen=True, slots=True)
class Idleness:
    """The verdict: True (nobody works), False, or Unknown, with the signals in words."""

    status: Literal["True", "False", "Unknown"]
    reason: Reason
    message: str

    @property
    def idle(self) -> bool:
        """Return whether the session counts as idle."""
        return self.status == "True"


def judge(observed: Observed, now: datetime) -> Idleness | None:
    """Return whether a session that runs is idle, or None if that never ends it."""
    culling = observed.spec.culling if observed.spec is not None else None
    if culling is None or not observed.interactive or not spans.positive(culling.max_idle_duration):
        return None
    found = signals.of(observed, culling, now)
    status, reason = _verdict(found)
    return Idleness(status, reason, " ".join((_SAYS[reason], *(signal.says for signal in found))))


def _verdict(found: tuple[Signal, ...]) -> tuple[Literal["True", "False", "Unknown"], Reason]:
    """Return the verdict of all signals: one that sees work decides it, and so does one that does not know."""
    if busy := _first(found, "busy"):
        return "False", busy
    if unknown := _first(found, "unknown"):
        return "Unknown", unknown
    return "True", _first(found, "quiet") or Reason.QUIET


def _first(found: tuple[Signal, ...], speaks: str) -> Reason | None:
    return next((signal.reason for signal in found if signal.speaks == speaks and signal.reason is not None), None)


def changes_at(observed: Observed, now: datetime) -> datetime | None:
    """Return when time alone changes the verdict or its words; the usage poll reports changes by usage."""
    culling = observed.spec.culling if observed.spec is not None else None
    moments = signals.change(observed, culling, now) if culling is not None else ()
    return min((moment for moment in moments if now < moment), default=None)

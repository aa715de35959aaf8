"""The results of a pass's steps, which decide when to look again. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from amalthea.api.reasons import Reason
from amalthea.engine.work.controller import Result
from amalthea.model.findings import Finding
from amalthea.operator.writers.refusals import Refusal


@dataclass(frozen=True)
class Done:
    """The outcome of the steps of a pass."""

    failed: tuple[Refusal, ...] = ()
    """The writes that failed: none hinders another."""
    findings: tuple[Finding, ...] = ()
    due: tuple[datetime | None, ...] = ()
    """The times to look again."""

    def __add__(self, other: "Done") -> "Done":
        return Done(self.failed + other.failed, self.findings + other.findings, self.due + other.due)


def next_look(done: Done) -> Result:
    """Return when to look again: when something is due, or may change without a watch event."""
    moments = (*done.due, *(refusal.until for refusal in done.failed))
    return Result(wake_at=min((moment for moment in moments if moment is not None), default=None))


def present(refusal: Refusal | None) -> tuple[Refusal, ...]:
    """Return a refusal as a tuple, empty if there is none."""
    return (refusal,) if refusal is not None else ()


def raise_for(failed: Iterable[Refusal]) -> None:
    """Raise the error of a write that failed just now, once that is reported: nothing else depends on that write."""
    for each in failed:
        if each.error is not None and each.finding.reason is not Reason.KIND_UNKNOWN:
            raise each.error

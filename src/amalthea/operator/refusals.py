"""Remembers what the API server refused, so that it is not asked the same at each look at a session.

Nothing that is watched tells when a quota has room again, or a stranger's object is gone: that alone takes time, and
is asked again after some. Whatever changes the write itself is tried at once.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from amalthea.api.reasons import Reason
from amalthea.build.writes import Delete, Patch, Write
from amalthea.engine.ports import Clock
from amalthea.model.findings import Finding
from amalthea.model.observed import ChildKey

AGAIN_AFTER = {
    Reason.NAME_TAKEN: timedelta(seconds=30),
    Reason.TERMINATING: timedelta(seconds=30),
    Reason.QUOTA_EXCEEDED: timedelta(seconds=30),
    Reason.REFUSED: timedelta(minutes=5),
    Reason.EXPANSION_REFUSED: timedelta(minutes=5),
}


@dataclass(frozen=True)
class Refusal:
    """A write that was refused, what there is to tell about it, and when it is worth another attempt."""

    write: Write
    finding: Finding
    until: datetime


class Refusals:
    """The refused writes of all sessions, the last one of each child."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[tuple[str, ChildKey], Refusal] = {}

    def of(self, namespace: str, write: Write) -> Refusal | None:
        """Return how this very write was refused a short while ago, or None if it is worth an attempt."""
        known = self._known.get((namespace, write.child))
        if known is None or known.until <= self._clock.now() or not _same(known.write, write):
            return None
        return known

    def note(self, namespace: str, write: Write, finding: Finding | None) -> Refusal | None:
        """Remember how a write went; return it if it was refused."""
        self._known.pop((namespace, write.child), None)
        if finding is None:
            return None
        now = self._clock.now()
        self._known = {key: refusal for key, refusal in self._known.items() if now < refusal.until}
        refusal = Refusal(write, finding, now + AGAIN_AFTER[finding.reason])
        self._known[namespace, write.child] = refusal
        return refusal


def _same(one: Write, other: Write) -> bool:
    """Tell whether two writes ask for the same, whatever version of the child they were decided on."""
    return _asked(one) == _asked(other)


def _asked(write: Write) -> Write:
    """Return a write without the version of the child that it was decided on."""
    match write:
        case Patch():
            return _unguarded(write)
        case Delete() if write.otherwise:
            return replace(write, otherwise=tuple(map(_unguarded, write.otherwise)))
    return write


def _unguarded(patch: Patch) -> Patch:
    return replace(patch, operations=tuple(each for each in patch.operations if each["op"] != "test"))

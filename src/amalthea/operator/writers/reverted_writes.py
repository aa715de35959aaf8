"""Detects that somebody else undoes our writes to a child again and again, and then makes them ever more rarely.

A policy engine, a second operator or a GitOps tool answers each write of ours within milliseconds. Without pauses, one
such child would cost a hundred writes a second. What is reported, and what an admin does about it:
docs/design/answers.md.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from amalthea.api import names
from amalthea.api.reasons import ConditionType, Reason
from amalthea.children.changes.applied import digest
from amalthea.children.changes.patches import Operation
from amalthea.children.changes.writes import Create, Delete, Write
from amalthea.engine.ports import Clock
from amalthea.model.findings import Finding
from amalthea.model.views.observed import ChildKey

WAITS = (1, 2, 4, 60)
"""Seconds after each write before the same may be written again, the last for all further ones: four in a minute."""
SETTLED_AFTER = timedelta(minutes=2)
"""The time that our write must last for the contest to be over."""

_UNDONE = {Create: ("deletes", "creates it again"), Delete: ("makes", "deletes it")}
"""The act of somebody who undoes such a write, and that of the operator."""
_CHANGED = ("changes", "puts it back")
_RECORD = names.ANNOTATION_APPLIED
_RECORD_PATH = f"/metadata/annotations/{_RECORD.replace('/', '~1')}"


@dataclass(frozen=True)
class Contests:
    """The findings on contested children of a session, and when to look at it again."""

    findings: tuple[Finding, ...] = ()
    again: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Reverted:
    """The last write to a child, and how often the same was written in a row."""

    content: str
    last: datetime
    times: int = 1
    waits: bool = False
    """Whether it would be written once more now."""
    finding: Finding | None = None

    @property
    def due(self) -> datetime:
        return self.last + timedelta(seconds=WAITS[min(self.times, len(WAITS)) - 1])

    @property
    def over_at(self) -> datetime:
        return self.last + SETTLED_AFTER


class RevertedWrites:
    """The last writes to the children of all sessions, which are named by their UIDs here.

    Deleting a session and creating one of its name undoes nothing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, dict[ChildKey, _Reverted]] = {}  # the session that was written last stands last

    @property
    def sessions(self) -> int:
        """Count the sessions with a contested child at present."""
        return sum(bool(self.contests(session).findings) for session in self._known)

    def forget(self) -> None:
        """Forget all."""
        self._known.clear()

    def part(self, session: str, writes: Iterable[Write]) -> tuple[tuple[Write, ...], tuple[Write, ...]]:
        """Return the writes of a pass that are to be made now, and those that wait."""
        reverted_writes, now = self._known.get(session, {}), self._clock.now()
        for child, reverted in reverted_writes.items():
            reverted_writes[child] = replace(reverted, waits=False)
        free, held = [], []
        for write in writes:
            former = reverted_writes.get(write.child)
            if former is None or former.due <= now or former.content != _content(write):
                free.append(write)
            else:
                reverted_writes[write.child] = replace(former, waits=True)
                held.append(write)
        return tuple(free), tuple(held)

    def made(self, session: str, writes: Collection[Write]) -> None:
        """Note writes that were made."""
        if not writes:
            return
        reverted_writes, now = self._known.pop(session, {}), self._clock.now()
        for write in writes:
            content, former = _content(write), reverted_writes.get(write.child)
            if former is not None and former.content == content and now < former.over_at:
                reverted_writes[write.child] = replace(former, last=now, times=former.times + 1, waits=False)
            else:
                reverted_writes[write.child] = _Reverted(content, now)
        self._known[session] = reverted_writes
        self._forget_the_oldest(now)

    def unreported(self, session: str, write: Write) -> bool:
        """Return whether a write that is held back has to be reported, and was not."""
        reverted = self._known.get(session, {}).get(write.child)
        return reverted is not None and reverted.times >= len(WAITS) and reverted.finding is None

    def report(self, session: str, write: Write, detail: str) -> None:
        """Report from now on that somebody contests a child; `detail` says what they change and who they are."""
        reverted_writes = self._known.get(session, {})
        if (reverted := reverted_writes.get(write.child)) is not None:  # forgotten, if it took long to look
            reverted_writes[write.child] = replace(reverted, finding=_finding(write, detail))

    def contests(self, session: str) -> Contests:
        """Return what is to be reported of a session, and when that may change by itself."""
        reverted_writes, now = self._known.get(session, {}), self._clock.now()
        going_on = [reverted for reverted in reverted_writes.values() if now < reverted.over_at]
        findings = tuple(reverted.finding for reverted in going_on if reverted.finding is not None)
        moments = [reverted.due for reverted in going_on if reverted.waits]
        moments += [reverted.over_at for reverted in going_on if reverted.finding is not None]
        return Contests(findings, min(moments, default=None))

    def _forget_the_oldest(self, now: datetime) -> None:
        while self._known:
            session, reverted_writes = next(iter(self._known.items()))
            if any(now < reverted.over_at for reverted in reverted_writes.values()):
                return
            del self._known[session]


def _finding(write: Write, detail: str) -> Finding:
    (kind, name), (theirs, ours) = write.child, _UNDONE.get(type(write), _CHANGED)
    message = (
        f"Somebody else {theirs} the {kind} {name} again and again{detail}. The operator {ours} once a minute. "
        "Ask your administrator to find out who does that, and to stop it."
    )
    return Finding(ConditionType.CHILDREN_IN_PLACE, Reason.CONTESTED, message)


def _content(write: Write) -> str:
    """Return what a write says, whatever version of the child it was decided on.

    Creating or deleting the same child again is the same write, whatever the child is like.
    """
    if isinstance(write, Create | Delete):
        return type(write).__name__
    return digest([_wish(operation) for operation in write.operations if operation["op"] != "test"])


def _wish(operation: Operation) -> Operation:
    """Leave out our own record: it counts the generations of a workload."""
    if operation["path"] == _RECORD_PATH:
        return {"op": operation["op"], "path": _RECORD_PATH}
    value = operation.get("value")
    if operation["path"] == "/metadata/annotations" and isinstance(value, dict):
        return {**operation, "value": {key: text for key, text in value.items() if key != _RECORD}}
    return operation

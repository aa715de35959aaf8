"""Remembers which writes failed, so that they are not repeated on each pass over a session.

Nothing that is watched shows when a quota has room again, a stranger's object is gone or a webhook is back. So the same
write is tried again after some time (docs/design/answers.md has all waits), and another write at once.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from amalthea.api.reasons import Reason
from amalthea.api.schema import Manifest
from amalthea.children.changes.applied import digest
from amalthea.children.changes.patches import Operation
from amalthea.children.changes.writes import Create, Delete, Patch, Write
from amalthea.engine.backoff import LONGEST_ASKED
from amalthea.engine.ports import Clock, Refused, Stale
from amalthea.kube.errors import ApiError
from amalthea.model.findings import Finding
from amalthea.model.views.objects import Metadata
from amalthea.model.views.observed import ChildKey
from amalthea.operator.writers import answers

AGAIN_AFTER = {
    Reason.NAME_TAKEN: timedelta(seconds=30),
    Reason.TERMINATING: timedelta(seconds=30),
    Reason.MADE_BEFOREHAND: timedelta(minutes=10),
}
"""The time after which an obstacle to a write is worth another look."""
_PASSES = (2, 8, 25, 30)
"""Seconds after each attempt at what may pass by itself, the last for all further ones: four attempts in a minute."""
_WAITS = {
    Reason.QUOTA_EXCEEDED: (10, 30),
    Reason.REFUSED: (10, 30, 100),
    Reason.EXPANSION_REFUSED: (10, 30, 100),
}
"""The same for what others have to change: within two minutes it is written."""
_LEARNS, _LEARNING = timedelta(seconds=1.5), timedelta(minutes=1)
"""The interval and the time of attempts to find whether the API server knows a kind that was just installed."""
FORBIDDEN_FOR = timedelta(minutes=10)
"""The time for which a right counts as missing: a newly started API server grants none until it knows its roles."""
_REMEMBERED = timedelta(minutes=1)
"""The time that a refusal is kept after it has expired, so that the next one counts as another in a row."""

_log = logging.getLogger(__name__)


class Owner(NamedTuple):
    """The session that a write is for: by its UID, since a name is used again."""

    namespace: str
    uid: str


def owner_of(session: Metadata) -> Owner:
    """Return the owner of the writes for a session."""
    return Owner(session.namespace, session.uid)


@dataclass(frozen=True)
class Refusal:
    """A write that failed, what to report about it, and when it is worth another attempt."""

    asked: str
    """The request, in short: manifests would be much to keep for each session in an outage."""
    finding: Finding
    until: datetime
    since: datetime
    attempts: int = 1
    error: ApiError | Stale | None = None
    """The present answer, where that may pass; None for what is only remembered."""


class Refusals:
    """The refused writes of all sessions, the last one of each child."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[tuple[str, ChildKey], Refusal] = {}  # by the UIDs of sessions
        self._forbidden: dict[tuple[str, str], datetime] = {}
        self._tidy_at = clock.now()

    def forget(self) -> None:
        """Forget all."""
        self._known.clear()
        self._forbidden.clear()

    async def attempt(
        self, owner: Owner, write: Write, what: str, act: Callable[[], Awaitable[Finding | None]]
    ) -> Refusal | None:
        """Do a write of `what`, unless it failed a short while ago; return how it failed.

        Raises:
            Stale: it was decided on old knowledge; look again at once. Not raised twice in a row: a server that always
                answers so must not hide all else of a session.
        """
        if (known := self.of(owner, write)) is not None:
            return known
        try:
            return self.note(owner, write, await act())
        except Stale as error:
            first = self._recent((owner.uid, write.child)) is None
            refusal = self.failed(owner, write, answers.unavailable(what, error), error)
            if first:
                self._known[owner.uid, write.child] = replace(refusal, until=self._clock.now(), attempts=0)
                raise
            _log.warning(
                "a write meets one conflict after the other",
                extra={"object": f"{owner.namespace}/{what}", "error": str(error)},
            )
            return refusal
        except ApiError as error:
            return self.failed(owner, write, answers.unavailable(what, error), error)

    async def attempt_own(self, owner: Owner, part: str, act: Callable[[], Awaitable[None]]) -> Refusal | None:
        """Do a write of a part of a session itself, as `attempt` does."""
        return await self.attempt(owner, _own(part), f"session's {part}", act)

    def of_own(self, owner: Owner, part: str) -> Refusal | None:
        """Return how a write of a part of a session itself failed last."""
        return self._recent((owner.uid, _own(part).child))

    def forbid(self, namespace: str, kind: str) -> None:
        """Note that a kind may not be deleted in a namespace: the Go operator's Role lacks some rights."""
        self._forbidden[namespace, kind] = self._clock.now() + FORBIDDEN_FOR

    def forbids(self, namespace: str, kind: str) -> bool:
        """Return whether a kind could not be deleted in a namespace a short while ago."""
        until = self._forbidden.get((namespace, kind))
        return until is not None and self._clock.now() < until

    def of(self, owner: Owner, write: Write) -> Refusal | None:
        """Return how this very write was refused a short while ago, or None if it is worth an attempt."""
        known = self._known.get((owner.uid, write.child))
        if known is None or known.until <= self._clock.now() or known.asked != _asked(write):
            return None
        return known

    def knows(self, uid: str, child: ChildKey) -> bool:
        """Return whether the last write to a child of the session with that UID failed."""
        return (uid, child) in self._known

    def lift(self, uid: str, child: ChildKey) -> None:
        """Forget how a write to a child of the session with that UID failed: its obstacle is known to be gone."""
        self._known.pop((uid, child), None)

    def note(self, owner: Owner, write: Write, finding: Finding | None) -> Refusal | None:
        """Remember how a write went; return it if it was refused."""
        if finding is not None:
            return self._keep(owner, write, finding)
        self._known.pop((owner.uid, write.child), None)
        return None

    def failed(self, owner: Owner, write: Write, finding: Finding, error: ApiError | Stale) -> Refusal:
        """Remember a write that failed in a way that may pass."""
        refusal = self._keep(owner, write, finding)
        if isinstance(error, Refused):  # not an attempt, since nobody was asked; the queue says when the next is
            refusal = replace(refusal, until=self._clock.now(), attempts=refusal.attempts - 1)
        asked = timedelta(seconds=min(getattr(error, "retry_after", None) or 0.0, LONGEST_ASKED))
        refusal = replace(refusal, until=max(refusal.until, self._clock.now() + asked))
        self._known[owner.uid, write.child] = refusal
        return replace(refusal, error=error)

    def _keep(self, owner: Owner, write: Write, finding: Finding) -> Refusal:
        now, former = self._clock.now(), self._recent((owner.uid, write.child))
        again = former is not None and former.finding.reason == finding.reason
        since, attempts = (former.since, former.attempts + 1) if former is not None and again else (now, 1)
        refusal = Refusal(_asked(write), finding, now + _wait(finding, attempts, now - since), since, attempts)
        self._known[owner.uid, write.child] = refusal
        self._tidy(now)
        return refusal

    def _recent(self, key: tuple[str, ChildKey]) -> Refusal | None:
        """Return the last refusal, if another one now would be one more in a row."""
        known = self._known.get(key)
        return known if known is not None and self._clock.now() < known.until + _REMEMBERED else None

    def _tidy(self, now: datetime) -> None:
        """Drop what is too old, from time to time: in an outage there are thousands."""
        if self._tidy_at <= now:
            self._tidy_at = now + _REMEMBERED
            self._known = {key: known for key, known in self._known.items() if now < known.until + _REMEMBERED}


def _own(part: str) -> Write:
    return Patch((part, ""), ())


def _wait(finding: Finding, attempts: int, lasted: timedelta) -> timedelta:
    if finding.reason is Reason.KIND_UNKNOWN and lasted < _LEARNING:
        return _LEARNS
    waits = _WAITS.get(finding.reason, _PASSES)
    return AGAIN_AFTER.get(finding.reason, timedelta(seconds=waits[min(attempts, len(waits)) - 1]))


def _asked(write: Write) -> str:
    """Return in short what a write asks for, whatever its random values, or the version it was decided on."""
    match write:
        case Create():
            content: object = _undrawn(write.manifest) if "data" in write.manifest else write.manifest
        case Patch():
            content = _unguarded(write)
        case Delete():
            content = [write.uid, *map(_unguarded, write.otherwise or ())]
    return digest([type(write).__name__, write.child, content])


def _undrawn(secret: Manifest) -> Manifest:
    owners = secret["metadata"].get("ownerReferences")
    return {**secret, "data": sorted(secret["data"]), "metadata": owners}


def _unguarded(patch: Patch) -> list[Operation]:
    return [each for each in patch.operations if each["op"] != "test"]

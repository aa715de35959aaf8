"""Counts the deletion of each session once, by its cause: one of ours, or somebody else's request.

Most sessions are gone the moment that they are deleted, so the existing ones are kept here. What was deleted while no
operator was running is not counted.
"""

from collections.abc import Callable

from amalthea.api.reasons import Cause
from amalthea.engine.ports import Key, key_of
from amalthea.model.views.objects import SessionView


class DeletionCounter:
    """Notified of each session that is looked at, and of those that we delete ourselves."""

    def __init__(self, count: Callable[[str], None]) -> None:
        """Create a counter that calls `count` with the cause of each deletion."""
        self._count = count
        self._there: dict[Key, str] = {}  # UIDs of the sessions that nobody deletes
        self._ours: dict[Key, str] = {}  # and of those that we deleted, until they are gone

    def look(self, key: Key, session: SessionView | None) -> None:
        """Note the state in which a session is found; None if it is gone."""
        uid = session.metadata.uid if session is not None else None
        if self._ours.get(key) != uid:
            self._ours.pop(key, None)
        stays = session is not None and session.metadata.deletion_timestamp is None and key not in self._ours
        former = self._there.pop(key, None)
        if former is not None and not (stays and former == uid):
            self._count(Cause.USER)
        if stays and uid is not None:
            self._there[key] = uid

    def forget(self, key: Key) -> None:
        """Forget a session that is gone, and that was another's to count."""
        self._there.pop(key, None)
        self._ours.pop(key, None)

    def ours(self, session: SessionView, cause: Cause) -> None:
        """Note that we deleted a session."""
        key = key_of(session)
        self._there.pop(key, None)
        self._ours[key] = session.metadata.uid
        self._count(cause)

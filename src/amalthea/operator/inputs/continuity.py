"""The earliest start of a session's idle time: time in which no operator looked is not idle time.

A gap of up to three minutes, as between two leaders, is left out of the idle time; after a longer one idleness starts
anew.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from amalthea.engine.ports import Key, key_of
from amalthea.engine.server_time import MOST_SKEW
from amalthea.model import spans
from amalthea.model.views.objects import SessionView
from amalthea.model.views.usage import VALID


class Continuity:
    """Knows the earliest moment from which each session's idleness may count."""

    def __init__(self) -> None:
        self._idle_from: dict[Key, datetime] = {}
        self._measured: dict[Key, datetime] = {}

    def begin_term(self, sessions: Iterable[SessionView], now: datetime, watched_until: datetime | None) -> None:
        """Start to watch. `watched_until` is when the last leader was known to be at work, None if unknown."""
        gap = now - watched_until if watched_until is not None else None
        idle = {key_of(session): spans.moment(session.status.idle_since) for session in sessions}
        self._measured.clear()
        short = max(gap, timedelta(0)) if gap is not None and -MOST_SKEW <= gap < VALID else None
        self._idle_from = {key: spans.end(since, short) or now for key, since in idle.items() if since is not None}

    def measured(self, session: Key, at: datetime) -> None:
        """Note a measurement of a session."""
        former = self._measured.get(session)
        if former is not None and at - former >= VALID:
            self._idle_from[session] = at
        self._measured[session] = max(at, former) if former is not None else at

    def worked(self, session: Key, at: datetime) -> None:
        """Note that a session was not idle, which its status may not show: it cannot always be written."""
        self._idle_from[session] = at

    def idle_from(self, session: Key) -> datetime | None:
        """Return the earliest moment from which a session's idleness may count; None for no restriction."""
        return self._idle_from.get(session)

    def forget(self, session: Key) -> None:
        """Forget a session whose idleness does not matter any more."""
        self._idle_from.pop(session, None)
        self._measured.pop(session, None)

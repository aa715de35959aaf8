"""Projections of Events: what others report on a session's objects, where the objects' own status does not.

Events are matched by UID, never by name: each run reuses a pod's name. They may come late, or never.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from amalthea.model.views.objects import Metadata, Saying, Time, View

_NEVER = datetime.min.replace(tzinfo=UTC)


class Regarding(View, frozen=True, kw_only=True):
    """The object that an Event is about."""

    uid: str = ""


class Series(View, frozen=True, kw_only=True):
    """The repetition of an Event."""

    last_observed_time: Time | None = None


class EventView(Saying, frozen=True, kw_only=True):
    """An Event (core/v1)."""

    metadata: Metadata = Metadata()
    involved_object: Regarding = Regarding()
    reason: str = ""
    last_timestamp: Time | None = None
    event_time: Time | None = None
    series: Series | None = None

    @property
    def last(self) -> datetime:
        """Return when it last happened: each of the two Event APIs has a field of its own for that."""
        again = self.series.last_observed_time if self.series is not None else None
        return again or self.last_timestamp or self.event_time or self.metadata.creation_timestamp or _NEVER


def latest(events: Iterable[EventView], uid: str, *reasons: str) -> EventView | None:
    """Return the last Event about an object with one of these reasons."""
    about = (event for event in events if event.involved_object.uid == uid and event.reason in reasons)
    return max(about, key=lambda event: event.last, default=None)

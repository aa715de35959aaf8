"""Asks the doors of sessions whether somebody works in them, when `idle/polling.py` finds that a pause needs it."""

from collections.abc import Callable
from datetime import datetime

from amalthea.engine.ports import Clock, key_of
from amalthea.model.views import door
from amalthea.model.views.door import Door, Look, Reported, Silent
from amalthea.model.views.observed import Observed
from amalthea.operator.inputs.door_client import Ring
from amalthea.operator.inputs.pod_poller import PodPoller


class DoorPoller(PodPoller[Look]):
    """Keeps the latest answer of each session's door."""

    silent = "a session's proxy does not report whether somebody works, so it is not paused for being idle"
    again = "a session's proxy reports again whether somebody works"

    def __init__(self, ring: Ring, clock: Clock, answered: Callable[[str], None], *, asks: bool = True) -> None:
        """Create a doorman that calls `answered` with each outcome; without `asks` it knows no doors."""
        super().__init__(ring, clock, asks=asks)
        self._answered = answered

    def door(self, observed: Observed) -> Door | None:
        """Return a session's door with what it said last; None if it has none that is to be asked."""
        address = door.address(observed.pod) if self._asks else None
        return Door(address, self._looks.get(key_of(observed.session))) if address is not None else None

    def _read(self, body: bytes, at: datetime) -> Look:
        return door.read(body, at)

    def _unanswered(self, at: datetime, former: Look | None) -> Look:
        return Silent(at, self._times(former) + 1)

    def _times(self, look: Look | None) -> int:
        return look.times if isinstance(look, Silent) else 0

    def _heard(self, look: Look) -> None:
        self._answered("none" if isinstance(look, Silent) else "told" if isinstance(look, Reported) else "too_old")

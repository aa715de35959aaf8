"""The API server's time, from the `Date` of its answers: one clock for all operators, whatever their nodes' clocks say.

An answer holds the second in which it was made, some moment between its request and its arrival. Between answers the
monotonic clock counts, so setting a node's clock changes nothing. No request is made for the sake of this.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from amalthea.engine.ports import Cancellable, Clock

MOST_SKEW = timedelta(minutes=1)
"""How far this node's clock and the API server's may be apart: beyond that, one of them is wrong, and which is not
known."""
CALM = 60.0
"""Seconds for which the clocks must have agreed: behind one address there may be servers whose clocks differ."""
_DRIFT = 2e-4
"""Seconds per second by which a monotonic clock may go wrong."""
_DATE = timedelta(seconds=1)
"""The resolution of a `Date`: what is left of the second is cut off."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The time of an answer by the server's clock, and of its request and arrival by our monotonic clock."""

    date: datetime
    sent: float
    received: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """The earliest and the latest time that the server's clock may show at one moment of the monotonic clock."""

    at: float
    earliest: datetime
    latest: datetime

    def moved(self, monotonic: float) -> "Bounds":
        """Return the bounds at a later moment, as much wider as clocks may drift."""
        elapsed = timedelta(seconds=monotonic - self.at)
        return Bounds(monotonic, self.earliest + elapsed * (1 - _DRIFT), self.latest + elapsed * (1 + _DRIFT))

    def beyond(self, time: datetime) -> timedelta:
        """Return how far a time is after the bounds (before, if negative); nothing for one within them."""
        return time - min(max(time, self.earliest), self.latest)


def bounds(known: Bounds | None, answer: Answer) -> Bounds:
    """Return the bounds at the moment that an answer came, from all answers before and from this one.

    If it contradicts those before, the server's clock was set, or another server answered: then it counts alone.
    """
    waited = timedelta(seconds=answer.received - answer.sent)
    fresh = Bounds(answer.received, answer.date, answer.date + _DATE + waited)
    if known is None:
        return fresh
    before = known.moved(answer.received)
    both = Bounds(answer.received, max(before.earliest, fresh.earliest), min(before.latest, fresh.latest))
    return both if both.earliest <= both.latest else fresh


class SkewObserver(Protocol):
    """Notified of a skew between this node's clock and the API server's, for the log."""

    def clocks_differ(self, skew: timedelta) -> None:
        """The node's clock is so far ahead of the server's (behind, if negative), and too far."""
        ...

    def clocks_agree(self) -> None:
        """The clocks agree again."""
        ...


class ServerClock:
    """The API server's time; implements `Clock`. Where the node's own clock agrees with what is known, it is exact.

    It is trusted as long as both clocks agree within MOST_SKEW: either of them may be the one that is wrong.
    """

    def __init__(self, machine: Clock, observer: SkewObserver | None = None) -> None:
        self._machine = machine
        self._observer = observer
        self._bounds: Bounds | None = None
        self._differed_at: float | None = None

    def learn(self, answer: Answer) -> None:
        """Take in an answer of the server, at the moment that it came."""
        self._bounds = bounds(self._bounds, answer)
        knew, skew = self._differed_at is not None, self.skew
        if abs(skew) > MOST_SKEW:
            self._differed_at = answer.received
            if not knew and self._observer is not None:
                self._observer.clocks_differ(skew)
        elif self._differed_at is not None and answer.received - self._differed_at >= CALM:
            self._differed_at = None
            if self._observer is not None:
                self._observer.clocks_agree()

    @property
    def skew(self) -> timedelta:
        """Return how far the node's clock is certainly ahead of the server's; negative if it is behind."""
        known = self._known()
        return known.beyond(self._machine.now()) if known is not None else timedelta(0)

    @property
    def trusted(self) -> bool:
        return self._differed_at is None and abs(self.skew) <= MOST_SKEW

    def now(self) -> datetime:
        """Return the node's time if it can be the server's, else the earliest that can: nothing ends too early."""
        wall, known = self._machine.now(), self._known()
        return wall if known is None or not known.beyond(wall) else known.earliest

    def monotonic(self) -> float:
        return self._machine.monotonic()

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancellable:
        return self._machine.call_at(when, callback)

    async def sleep(self, seconds: float) -> None:
        await self._machine.sleep(seconds)

    def _known(self) -> Bounds | None:
        return self._bounds.moved(self._machine.monotonic()) if self._bounds is not None else None

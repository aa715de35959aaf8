"""Decides when something may be asked of the API server that nobody waits for: seldom, and never many at once.

Such are statuses that only tell how far a start is, and questions for Events. Each step of each start would be a
write, each slow start a costly list, and people who start a session together would wait for each other's. One
session alone is told within two seconds; a crowd takes turns, while there is no other work.
"""

from dataclasses import dataclass

from amalthea.engine.ports import Cancellable, Clock, Key
from amalthea.engine.queue import WorkQueue


@dataclass(frozen=True)
class Pace:
    """Seconds between two turns, at least."""

    of_a_session: float
    of_any: float


PROGRESS = Pace(2.0, 0.2)
QUESTIONS = Pace(0.0, 1.0)


class Pacer:
    """Gives each session its turn, and wakes it then."""

    def __init__(self, clock: Clock, queue: WorkQueue, pace: Pace) -> None:
        self._clock = clock
        self._queue = queue
        self._pace = pace
        self._waiting: dict[Key, float] = {}  # in the order of asking, with the earliest time of the turn
        self._turns: set[Key] = set()
        self._last: dict[Key, float] = {}
        self._free_at = 0.0
        self._alarm: Cancellable | None = None

    def may(self, key: Key) -> bool:
        """Tell whether it is this session's turn; if not, it is woken when it is."""
        if key in self._turns:
            self._turns.remove(key)
            self.had(key)
            return True
        if key not in self._waiting:
            self._waiting[key] = self._last.get(key, self._clock.monotonic()) + self._pace.of_a_session
            self._set_alarm()
        return False

    def had(self, key: Key) -> None:
        """Note that the session has what its turn is for: it need not wait for one any more."""
        self._waiting.pop(key, None)
        self._last[key] = self._clock.monotonic()

    def forget(self, key: Key) -> None:
        """Forget a session that needs no turn any more."""
        self._waiting.pop(key, None)
        self._last.pop(key, None)
        self._turns.discard(key)

    def _set_alarm(self) -> None:
        if self._alarm is None and self._waiting:
            due = max(self._free_at, min(self._waiting.values()))
            self._alarm = self._clock.call_at(due, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        now = self._clock.monotonic()
        self._free_at = now + self._pace.of_any
        ripe = next((key for key, due in self._waiting.items() if due <= now), None)
        if ripe is not None and self._queue.resting:
            del self._waiting[ripe]
            self._turns.add(ripe)
            self._queue.add(ripe)
        self._set_alarm()

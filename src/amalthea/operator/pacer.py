"""Decides when a status may be written that only tells how far a start is: seldom, and never many at once.

Each step of each start would be a write, and people who start a session together would wait for each other's. One
session alone is told within two seconds; a crowd takes turns, while there is no other work.
"""

from amalthea.engine.ports import Cancellable, Clock, Key
from amalthea.engine.queue import WorkQueue

SPACING = 2.0
"""Seconds between two such writes for one session, at least."""
INTERVAL = 0.2
"""Seconds between two such writes for any sessions, at least."""


class Pacer:
    """Gives each session its turn, and wakes it then."""

    def __init__(self, clock: Clock, queue: WorkQueue) -> None:
        self._clock = clock
        self._queue = queue
        self._waiting: dict[Key, float] = {}  # in the order of asking, with the earliest time of the turn
        self._turns: set[Key] = set()
        self._written: dict[Key, float] = {}
        self._free_at = 0.0
        self._alarm: Cancellable | None = None

    def may_write(self, key: Key) -> bool:
        """Tell whether it is this session's turn; if not, it is woken when it is."""
        if key in self._turns:
            self._turns.remove(key)
            self.wrote(key)
            return True
        if key not in self._waiting:
            self._waiting[key] = self._written.get(key, self._clock.monotonic()) + SPACING
            self._set_alarm()
        return False

    def wrote(self, key: Key) -> None:
        """Note that the session's status is written now: what waits for a turn has been told with it."""
        self._waiting.pop(key, None)
        self._written[key] = self._clock.monotonic()

    def forget(self, key: Key) -> None:
        """Forget a session that does not start any more."""
        self._waiting.pop(key, None)
        self._written.pop(key, None)
        self._turns.discard(key)

    def _set_alarm(self) -> None:
        if self._alarm is None and self._waiting:
            due = max(self._free_at, min(self._waiting.values()))
            self._alarm = self._clock.call_at(due, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        now = self._clock.monotonic()
        self._free_at = now + INTERVAL
        ripe = next((key for key, due in self._waiting.items() if due <= now), None)
        if ripe is not None and self._queue.resting:
            del self._waiting[ripe]
            self._turns.add(ripe)
            self._queue.add(ripe)
        self._set_alarm()

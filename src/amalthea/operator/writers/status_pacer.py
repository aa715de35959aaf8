"""Limits status writes that only report the progress of a start: they are rare, and never many at once.

Each step of each start would be a write, and people who start a session together would wait for each other's. One
session alone is reported within two seconds; many take turns, while there is no other work, though not forever.
"""

from amalthea.engine.ports import Cancellable, Clock, Key
from amalthea.engine.work.queue import WorkQueue

SPACING = 2.0
"""Seconds between two turns of a session, at least."""
INTERVAL = 0.2
"""Seconds between two turns, whosever they are, at least."""
PATIENCE = 60.0
"""Seconds after which a session has its turn however much other work there is."""


class StatusPacer:
    """Gives each session its turn, and wakes it then."""

    def __init__(self, clock: Clock, queue: WorkQueue) -> None:
        self._clock = clock
        self._queue = queue
        self._waiting: dict[Key, float] = {}  # in the order of asking, with the earliest time of the turn
        self._turns: set[Key] = set()
        self._last: dict[Key, float] = {}
        self._free_at = 0.0
        self._alarm: Cancellable | None = None

    def may(self, key: Key) -> bool:
        """Return whether it is this session's turn; if not, it is woken when it is."""
        if key in self._turns:
            self._turns.remove(key)
            self.had(key)
            return True
        if key not in self._waiting:
            self._waiting[key] = self._last.get(key, self._clock.monotonic()) + SPACING
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
        self._free_at = now + INTERVAL
        due_by = now if self._queue.resting else now - PATIENCE
        ripe = next((key for key, due in self._waiting.items() if due <= due_by), None)
        if ripe is not None:
            del self._waiting[ripe]
            self._turns.add(ripe)
            self._queue.add(ripe)
        self._set_alarm()

"""Bounds on the keys in work at once, including those that take long. Part of `queue.py`.

A namespace is handed another key only while it has fewer in work than there is room left (a dynamic threshold, as in
network switches): alone it takes half of the room, and however many namespaces hang, they leave some for the others.
A key that hangs takes no room after a while. One that is slow but succeeds keeps its room: more of those at once would
only be slower.
"""

import itertools
import math
from dataclasses import dataclass

from amalthea.engine.ports import Clock, Key
from amalthea.engine.slots import PATIENCE
from amalthea.engine.work.turns import Flow

HANGS = 3.0
"""Seconds after which work hangs, unless long work in its namespace came to a good end in the same time.

Shorter would help nobody: in this time as many begin, one a second for each worker, as half of the room takes.
"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The numbers of keys that may be in work at once."""

    first: float = math.inf
    """Those of which nothing is known, until they hang."""
    again: float = math.inf
    """Those that took long the last time."""


class _Share:
    """Keys in work that share a bound, the oldest first, and since when."""

    def __init__(self, bound: float) -> None:
        self.since: dict[Key, float] = {}
        self._bound = bound
        self._places: dict[str, int] = {}

    def may(self, namespace: str) -> bool:
        return self._places.get(namespace, 0) < self._bound - len(self.since)

    def enter(self, key: Key, now: float) -> None:
        self.since[key] = now
        self._places[key[0]] = self._places.get(key[0], 0) + 1

    def leave(self, key: Key) -> None:
        if self.since.pop(key, None) is not None:
            self._places[key[0]] -= 1
            if not self._places[key[0]]:
                del self._places[key[0]]


class Room:
    """The keys in work, as far as they take room."""

    def __init__(self, clock: Clock, bounds: Bounds) -> None:
        self._clock = clock
        self._first, self._again = _Share(bounds.first), _Share(bounds.again)
        self._well: dict[str, float] = {}  # when long work in a namespace last came to a good end

    def may(self, flow: Flow) -> bool:
        """Return whether another key of a flow may be in work."""
        return (self._again if flow.slow else self._first).may(flow.namespace)

    def enter(self, key: Key, flow: Flow) -> None:
        """Note that a key is in work."""
        (self._again if flow.slow else self._first).enter(key, self._clock.monotonic())

    def leave(self, key: Key) -> None:
        """Note that a key is no longer in work."""
        self._first.leave(key)
        self._again.leave(key)

    def ended_well(self, namespace: str, seconds: float) -> None:
        """Note work that took that long and succeeded."""
        if seconds >= PATIENCE:
            self._well[namespace] = self._clock.monotonic()

    def clear(self) -> None:
        """Let keys that hang take no room any more."""
        now = self._clock.monotonic()
        for key in list(itertools.takewhile(lambda key: now - self._first.since[key] >= HANGS, self._first.since)):
            if now - self._well.get(key[0], -math.inf) >= HANGS:
                self._well.pop(key[0], None)
                self._first.leave(key)

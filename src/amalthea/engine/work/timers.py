"""Timers of keys: at most one pending call per key, the earliest that was asked for.

Part of `queue.py`. A deadline of the wall clock is honoured even when that clock is set or the machine sleeps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeAlias

from amalthea.engine.ports import Cancellable, Clock, Key

Ring: TypeAlias = Callable[[], None]
"""Called once a key is due."""

RECHECK = 600.0
"""Seconds after which a deadline is compared with the wall clock again: the monotonic clock stands still while a
machine is suspended."""


@dataclass(slots=True)
class _Timer:
    target: float
    due: datetime | None
    ring: Ring
    alarm: Cancellable


class Timers:
    """Due times of keys. Needs no task and no polling: the clock calls."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timers: dict[Key, _Timer] = {}

    def at(self, key: Key, due: datetime, ring: Ring) -> None:
        """Call `ring` at `due` by the wall clock, unless the key is due earlier."""
        target = self._clock.monotonic() + (due - self._clock.now()).total_seconds()
        self._set(key, target, due, ring)

    def after(self, key: Key, seconds: float, ring: Ring) -> None:
        """Call `ring` in so many seconds by the monotonic clock, unless the key is due earlier."""
        self._set(key, self._clock.monotonic() + seconds, None, ring)

    def cancel(self, key: Key) -> None:
        """Forget what is pending for `key`, if anything."""
        if timer := self._timers.pop(key, None):
            timer.alarm.cancel()

    def _set(self, key: Key, target: float, due: datetime | None, ring: Ring) -> None:
        pending = self._timers.get(key)
        if pending is not None and pending.target <= target:
            return
        self.cancel(key)
        when = target if due is None else min(target, self._clock.monotonic() + RECHECK)
        alarm = self._clock.call_at(when, partial(self._arrived, key))
        self._timers[key] = _Timer(target, due, ring, alarm)

    def _arrived(self, key: Key) -> None:
        timer = self._timers.pop(key)
        if timer.due is not None and self._clock.now() < timer.due:
            self.at(key, timer.due, timer.ring)
        else:
            timer.ring()

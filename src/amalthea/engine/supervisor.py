"""Restarts work that runs beside the controller: what it raises is reported, and it starts again with backoff.

For work that nobody else depends on. Without this, one bad answer in it would end the operator for every session.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from amalthea.engine.backoff import Backoff
from amalthea.engine.ports import Clock

SOUND_AFTER = 60.0
"""Seconds that work must last for its earlier failures to be forgotten."""

Failed: TypeAlias = Callable[[str, Exception, float], None]
"""Called with the name of the work, what it raised, and the seconds until it starts again."""


class Supervisor:
    """Runs named work. Each piece has failures, and waits, of its own."""

    def __init__(self, clock: Clock, backoff: Backoff, failed: Failed) -> None:
        self._clock = clock
        self._backoff = backoff
        self._failed = failed

    async def run(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` until it returns. Whatever it raises, start it again, with backoff."""
        failures = 0
        while True:
            began = self._clock.monotonic()
            try:
                return await work()
            except Exception as error:  # noqa: BLE001 the work on all sessions must not end with it
                lasted = self._clock.monotonic() - began
                failures = 1 if lasted >= SOUND_AFTER else failures + 1
                delay = self._backoff.delay(failures)
                self._failed(name, error, delay)
                await self._clock.sleep(delay)

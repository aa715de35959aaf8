"""Holds back passes over idle sessions at the start of a term, until their usage is known.

What is not known is never idle, so a pass before the first poll would end the idle time of each idle session. It is
held back where nobody waits for it, and no longer than a few seconds if the metrics API hangs.
"""

from amalthea.engine.clock import time_limit
from amalthea.engine.ports import Clock, Key
from amalthea.engine.work.controller import Reconcile, Result
from amalthea.engine.work.queue import Priority
from amalthea.operator.inputs.cache import Caches, Wake, settled
from amalthea.operator.inputs.usage_poller import UsagePoller

PATIENCE = 5.0
"""Seconds that looks are held back at most."""


class FirstPoll:
    """Asks once for the usage of sessions, and knows which passes wait for that."""

    def __init__(self, usage: UsagePoller, caches: Caches, clock: Clock, wake: Wake) -> None:
        self._usage = usage
        self._caches = caches
        self._clock = clock
        self._wake = wake
        self._awaited = False
        self._held: set[Key] = set()

    def begin_term(self) -> None:
        """Hold back passes from now on until `run` has asked, if there are idle sessions."""
        self._awaited = any(session.status.idle for session in self._caches.sessions())

    def before(self, reconcile: Reconcile) -> Reconcile:
        """Return `reconcile`, except for the passes that have to wait: their sessions are woken after the poll."""

        async def look(key: Key) -> Result:
            if self._waits(key):
                self._held.add(key)
                return Result()
            return await reconcile(key)

        return look

    def _waits(self, key: Key) -> bool:
        session = self._caches.session(key) if self._awaited else None
        return session is not None and session.status.idle and settled(session)

    async def run(self) -> None:
        """Ask, and release what is held back."""
        if not self._awaited:
            return
        try:
            async with time_limit(self._clock, PATIENCE):
                await self._usage.poll()
        except TimeoutError:
            pass  # then nobody is idle, and `usage_poller.py` goes on asking
        finally:
            self._awaited = False
            while self._held:
                self._wake(self._held.pop(), Priority.BACKGROUND)

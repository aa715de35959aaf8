"""Asks the doors of sessions whether somebody works in them, when `model/asking.py` finds that a pause hangs on it.

Beside the passes and never in their way, a few at a time: a door may keep silent for seconds. What it says wakes its
session. What was said is kept while it matters.
"""

import asyncio
import logging
from collections.abc import Callable

from amalthea.engine.ports import Clock, Key, key_of
from amalthea.model import door
from amalthea.model.door import Door, Look, NoAnswerError, Silent, Told
from amalthea.model.observed import Observed
from amalthea.operator import defects
from amalthea.operator.doorbell import Ring

AT_ONCE = 16
"""Doors that are asked at the same time."""

_log = logging.getLogger(__name__)


class Doorman:
    """Knows what the door of each session said last, and asks those that he is told to, while `run` runs."""

    def __init__(self, ring: Ring, clock: Clock, answered: Callable[[str], None], *, asks: bool = True) -> None:
        """`answered` is told what came of each question; one who does not ask (`asks`) knows of no doors."""
        self._ring = ring
        self._clock = clock
        self._answered = answered
        self._asks = asks
        self._looks: dict[Key, Look] = {}
        self._asked: dict[Key, str] = {}  # addresses, by the sessions whose answer is waited for
        self._waiting: asyncio.Queue[Key] = asyncio.Queue()
        self.wake: Callable[[Key], object] = lambda _: None

    def door(self, observed: Observed) -> Door | None:
        """Return a session's door with what it said last; None if it has none that is to be asked."""
        address = door.address(observed.pod) if self._asks else None
        return Door(address, self._looks.get(key_of(observed.session))) if address is not None else None

    def ask(self, session: Key, address: str) -> None:
        """Have a session's door asked, unless that is about to be done; the session is woken afterwards."""
        if session not in self._asked:
            self._asked[session] = address
            self._waiting.put_nowait(session)

    def forget(self, session: Key) -> None:
        """Forget what a session's door said, and is about to say."""
        self._asked.pop(session, None)
        self._looks.pop(session, None)

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as asking:
            for _ in range(AT_ONCE):
                asking.create_task(self._ask_in_turn())

    async def _ask_in_turn(self) -> None:
        while True:
            session = await self._waiting.get()
            if (address := self._asked.get(session)) is None:
                continue  # forgotten before its turn
            try:
                look = await self._look(session, address)
                if session in self._asked:
                    self._looks[session] = look
            finally:
                self._asked.pop(session, None)
                self.wake(session)

    async def _look(self, session: Key, address: str) -> Look:
        at, former = self._clock.now(), self._looks.get(session)
        about = {"session": "/".join(session)}
        try:
            look: Look = door.read(await self._ring(address), at)
        except Exception as error:  # noqa: BLE001 whatever a door does, others are asked
            times = former.times + 1 if isinstance(former, Silent) else 1
            if times == 1:
                _log.warning(
                    "a session's proxy does not tell whether somebody works, so it is not paused for being idle",
                    extra={**about, "error": _cause(error)},
                )
            self._answered("none")
            return Silent(at, times)
        if isinstance(former, Silent):
            _log.info("a session's proxy tells again whether somebody works", extra=about)
        self._answered("told" if isinstance(look, Told) else "too_old")
        return look


def _cause(error: Exception) -> str:
    """Return why a door is taken for silent; of what nobody foresaw the id alone, for the message may hold anything."""
    return str(error) if isinstance(error, NoAnswerError) else f"internal error {defects.identify(error)}"

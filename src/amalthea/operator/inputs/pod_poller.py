"""Asks pods short questions over HTTP, each about its session: alongside the passes, which never wait for it.

A few at a time, since a pod may take seconds to answer. An answer wakes its session, and is kept while it matters.
Namespaces take turns, and none has all places: where a network policy lets nobody reach hundreds of pods, the pauses of
others, which hang on such an answer, come in time all the same.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, TypeVar

from amalthea.engine.ports import Clock, Key
from amalthea.engine.work.turns import Flow, Turns
from amalthea.model.views.door import NoAnswerError
from amalthea.operator import defects
from amalthea.operator.inputs.door_client import Ring

AT_ONCE = 32
"""The number of questions at the same time."""
OF_A_NAMESPACE = 16
"""The number of those that are of one namespace."""

L = TypeVar("L")

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Question:
    """A question that waits or is under way: the same once more is another one, as about the next pod of a session."""

    address: str
    waits: bool = True


class PodPoller(ABC, Generic[L]):
    """Keeps the latest outcome of each question, and asks those that it is given, while `run` runs."""

    silent: ClassVar[str]
    """The log messages for the first time without an answer, and for the next answer."""
    again: ClassVar[str]

    def __init__(self, ring: Ring, clock: Clock, *, asks: bool) -> None:
        """Create an asker; without `asks` it asks nobody and knows nothing."""
        self._ring = ring
        self._clock = clock
        self._asks = asks
        self._looks: dict[Key, L] = {}
        self._asked: dict[Key, _Question] = {}
        """The sessions whose answer is waited for."""
        self._waiting = Turns()
        self._under_way: Counter[str] = Counter()  # by namespace
        self._changed = asyncio.Event()
        self.wake: Callable[[Key], object] = lambda _: None

    @abstractmethod
    def _read(self, body: bytes, at: datetime) -> L:
        """Return what an answer says.

        Raises:
            NoAnswerError: it cannot be read.
        """

    @abstractmethod
    def _unanswered(self, at: datetime, former: L | None) -> L:
        """Return the outcome of a question that was not answered, given the outcome of the one before."""

    @abstractmethod
    def _times(self, look: L | None) -> int:
        """Return how often in a row there was no answer."""

    def _heard(self, look: L) -> None:
        """Record the outcome of a question."""

    def mind(self, session: Key, address: str | None, at: datetime | None, now: datetime) -> None:
        """Ask about a session, if that is due (`at`); forget the answer if it does not matter (None)."""
        if address is None or at is None:
            self.forget(session)
        elif at <= now:
            self.ask(session, address)

    def ask(self, session: Key, address: str) -> None:
        """Have a question asked, unless it is already queued; the session is woken afterwards."""
        if session not in self._asked:
            self._asked[session] = _Question(address)
            self._waiting.add(_flow(session), session)
            self._changed.set()

    def forget(self, session: Key) -> None:
        """Forget the answer about a session, and one that is under way."""
        question = self._asked.pop(session, None)
        if question is not None and question.waits:
            self._waiting.remove(_flow(session), session)
        self._looks.pop(session, None)

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as asking:
            for _ in range(AT_ONCE):
                asking.create_task(self._ask_in_turn())

    async def _ask_in_turn(self) -> None:
        while True:
            session, question = await self._next()
            self._under_way[session[0]] += 1
            try:
                look = await self._look(session, question.address)
                if self._asked.get(session) is question:
                    self._looks[session] = look
            finally:
                self._under_way -= Counter((session[0],))
                if self._asked.get(session) is question:
                    del self._asked[session]
                self._changed.set()
                self.wake(session)

    async def _next(self) -> tuple[Key, _Question]:
        while (session := self._waiting.next(self._may)) is None:
            self._changed.clear()
            await self._changed.wait()
        self._waiting.remove(_flow(session), session)
        question = self._asked[session]
        question.waits = False
        return session, question

    def _may(self, flow: Flow) -> bool:
        return self._under_way[flow.namespace] < OF_A_NAMESPACE

    async def _look(self, session: Key, address: str) -> L:
        at, former = self._clock.now(), self._looks.get(session)
        about = {"session": "/".join(session)}
        try:
            look = self._read(await self._ring(address), at)
        except Exception as error:  # noqa: BLE001 whatever one does, others are asked
            look = self._unanswered(at, former)
            if not self._times(former):
                _log.warning(self.silent, extra={**about, "error": _cause(error)})
        else:
            if self._times(former):
                _log.info(self.again, extra=about)
        self._heard(look)
        return look


def _cause(error: Exception) -> str:
    """Return why a pod counts as silent; for an unforeseen error only its id, since the message may hold anything."""
    return str(error) if isinstance(error, NoAnswerError) else f"internal error {defects.identify(error)}"


def _flow(session: Key) -> Flow:
    """Return whose turn a question about the session takes: its namespace's."""
    return Flow(session[0], slow=False)

"""Lists the Events on sessions' objects, when `which_events.py` finds that nothing else explains a session's state.

Events are not watched: there are far too many. For the same reason a question is costly: the API server looks through
all Events of the namespace. So one list answers all sessions there with the same question. Each list waits a while, a
repeated one longer each time, and then for a moment without other work, though not forever. What was learned is kept
while the question is open.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec
from msgspec import Raw

from amalthea.engine.clock import time_limit
from amalthea.engine.ports import Clock, Key, key_of
from amalthea.engine.work.queue import WorkQueue
from amalthea.kube.client import Client
from amalthea.kube.errors import ApiError, Forbidden
from amalthea.kube.resource import Selection
from amalthea.model.diagnosis.which_events import Inquiry, Topic, inquire
from amalthea.model.views import decoding
from amalthea.model.views.events import EventView
from amalthea.model.views.observed import Observed
from amalthea.operator import defects
from amalthea.operator.kinds import EVENTS

PAUSES = (15.0, 30.0, 60.0, 120.0)
"""Seconds until a question is asked again, after each time that it was; the last is for all further ones."""
UNANSWERED_PAUSES = (*PAUSES, 300.0, 600.0)
"""The same where the API server does not answer."""
UNANSWERED_FOR = timedelta(minutes=5)
"""The time for which a missing answer counts for nothing; after that, it counts as an empty one."""
FORBIDDEN_FOR = 600.0
"""Seconds that the right to list a namespace's Events counts as missing."""
PATIENCE = 30.0
"""Seconds after which a question is put however much other work there is."""
PACE = 0.5
"""Seconds between two lists, at least."""
PAGE = 500
"""Events in memory at once, besides those that are kept."""

_log = logging.getLogger(__name__)

Matter: TypeAlias = tuple[str, Topic]
"""A namespace, and what is asked there."""


@dataclass
class _Question:
    inquiry: Inquiry
    silent_until: datetime
    """The time from which a missing answer counts as an empty one."""
    answer: tuple[EventView, ...] | None = None


@dataclass
class _Round:
    """The open questions that the next list answers, and when (monotonic) it is due."""

    due: float = math.inf
    asked: int = 0
    questions: dict[Key, _Question] = field(default_factory=dict)


class EventLookup:
    """Keeps the open question of each session and the answer that was got last, and asks while `run` runs."""

    def __init__(self, client: Client, clock: Clock, queue: WorkQueue) -> None:
        self._client = client
        self._clock = clock
        self._queue = queue
        self._questions: dict[Key, _Question] = {}
        self._rounds: dict[Matter, _Round] = {}
        self._refused: dict[str, float] = {}
        """Namespaces whose Events may not be listed, and until when (monotonic) that counts."""
        self._opened = asyncio.Event()
        self.wake: Callable[[Key], object] = queue.add

    def begin_term(self) -> None:
        """Forget the questions of an earlier term, and what was learned then."""
        self._questions.clear()
        self._rounds.clear()
        self._refused.clear()

    def known(self, session: Key) -> tuple[EventView, ...] | None:
        """Return what was learned of a session's objects; None if nothing was, and something may be."""
        question = self._questions.get(session)
        if question is None:
            return None
        return () if question.answer is None and question.silent_until <= self._clock.now() else question.answer

    def follow(self, observed: Observed) -> datetime | None:
        """Ask from now on what is to be asked about a session, and wake it when something was learned.

        Return when it is to be looked at although nothing was; None for never.
        """
        session, inquiry = key_of(observed.session), inquire(observed)
        question = self._questions.get(session)
        if question is None or question.inquiry != inquiry:
            self.forget(session)
            question = self._open(session, inquiry) if inquiry is not None else None
        return question.silent_until if question is not None and self.known(session) is None else None

    def forget(self, session: Key) -> None:
        """Forget the question about a session: it is answered, or the session is gone."""
        question = self._questions.pop(session, None)
        if question is None:
            return
        matter = (session[0], question.inquiry.topic)
        del self._rounds[matter].questions[session]
        if not self._rounds[matter].questions:
            del self._rounds[matter]

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            matter, due = await self._next()
            await self._until_rest(due + PATIENCE)
            await self._ask(matter)
            await self._clock.sleep(PACE)

    def _open(self, session: Key, inquiry: Inquiry) -> _Question:
        question = _Question(inquiry, self._clock.now() + UNANSWERED_FOR)
        round_ = self._rounds.setdefault((session[0], inquiry.topic), _Round())
        due = self._clock.monotonic() + inquiry.patience.total_seconds()
        round_.due, round_.asked = min(round_.due, max(due, self._refused.get(session[0], 0.0))), 0
        round_.questions[session] = self._questions[session] = question
        self._opened.set()
        return question

    async def _next(self) -> tuple[Matter, float]:
        """Return what is to be asked next and since when, once it is due."""
        while True:
            self._opened.clear()
            if not self._rounds:
                await self._opened.wait()
                continue
            matter = min(self._rounds, key=lambda each: self._rounds[each].due)
            due = self._rounds[matter].due
            if (left := due - self._clock.monotonic()) <= 0:
                return matter, due
            with suppress(TimeoutError):
                async with time_limit(self._clock, left):
                    await self._opened.wait()

    async def _until_rest(self, not_after: float) -> None:
        left = not_after - self._clock.monotonic()
        if left > 0 and not self._queue.resting:
            with suppress(TimeoutError):
                async with time_limit(self._clock, left):
                    await self._queue.at_rest()

    async def _ask(self, matter: Matter) -> None:
        round_ = self._rounds.get(matter)
        if round_ is None:
            return  # nobody asks any more
        asked = round_.asked
        round_.due, round_.asked = math.inf, asked + 1
        pauses = PAUSES if await self._put(matter, dict(round_.questions)) else UNANSWERED_PAUSES
        due = self._clock.monotonic() + pauses[min(asked, len(pauses) - 1)]
        round_.due = min(round_.due, max(due, self._refused.get(matter[0], 0.0)))

    async def _put(self, matter: Matter, questions: dict[Key, _Question]) -> bool:
        """Put questions; return whether they were answered."""
        uids = {uid for question in questions.values() for uid in question.inquiry.uids}
        try:
            found = await self._list(matter, uids)
        except Exception as error:  # noqa: BLE001 whatever the API server does, the operator goes on
            self._not_answered(matter, error)
            return False
        self._answered(questions, found)
        return True

    async def _list(self, matter: Matter, uids: Collection[str]) -> dict[tuple[str, str], EventView]:
        """Return the last Event of each reason on each of the objects with those UIDs."""
        namespace, topic = matter
        selection, continue_ = Selection(namespace, fields=topic.selector), ""
        found: dict[tuple[str, str], EventView] = {}
        while True:
            page = await self._client.list(EVENTS, selection, Raw, PAGE, continue_)
            for event in filter(None, map(_read, page.items)):
                about = (event.involved_object.uid, event.reason)
                if about[0] in uids and event.reason in topic.reasons:
                    found[about] = max(found.get(about, event), event, key=lambda each: each.last)
            continue_ = page.continue_
            if not continue_:
                return found

    def _answered(self, questions: dict[Key, _Question], found: dict[tuple[str, str], EventView]) -> None:
        for session, question in questions.items():
            inquiry = question.inquiry
            newest = (found.get((uid, reason)) for uid in inquiry.uids for reason in inquiry.topic.reasons)
            answer = tuple(event for event in newest if event is not None)
            if question.answer != answer and self._questions.get(session) is question:
                question.answer = answer
                self.wake(session)

    def _not_answered(self, matter: Matter, error: Exception) -> None:
        """Note that nothing is known: what was learned before still counts."""
        namespace, topic = matter
        cause = str(error) if isinstance(error, ApiError) else f"internal error {defects.identify(error)}"
        about = {"namespace": namespace, "kind": topic.kind, "error": cause}
        if isinstance(error, Forbidden):
            self._refused[namespace] = self._clock.monotonic() + FORBIDDEN_FOR
            for (where, _), round_ in self._rounds.items():
                round_.due = max(round_.due, self._refused[namespace]) if where == namespace else round_.due
            _log.warning("Events are not read for ten minutes: the operator may not list them", extra=about)
        else:
            _log.info("Events were not listed", extra=about)


def _read(body: Raw) -> EventView | None:
    """Return an Event; None if it cannot be read: it is one of many."""
    try:
        return decoding.event(body)
    except (msgspec.DecodeError, ValueError) as error:
        _log.debug("an Event could not be read", extra={"error": str(error)})
        return None

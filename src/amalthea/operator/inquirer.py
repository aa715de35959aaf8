"""Asks for the Events on a session's objects, when `model/inquiry.py` finds that nothing else explains how it is.

Events are not watched: there are far too many. For the same reason a question is costly: the API server looks through
all Events of the namespace. Each waits a while before it is asked, longer each time before it is asked again, and for
its turn. What was learned is kept while the question stands.
"""

import asyncio
import itertools
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import Raw, ValidationError

from amalthea.engine.ports import Clock, Key, key_of
from amalthea.kube.client import Client
from amalthea.kube.errors import ApiError, Forbidden
from amalthea.kube.resource import Selection
from amalthea.model import decoding
from amalthea.model.events import EventView
from amalthea.model.inquiry import Inquiry, inquire
from amalthea.model.observed import Observed
from amalthea.operator.kinds import EVENTS
from amalthea.operator.pacer import Pacer

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (15, 30, 60, 120))
"""How long to wait after each time that a question was asked; the last is for all further ones."""
FORBIDDEN_FOR = timedelta(minutes=10)
"""How long the right to list a namespace's Events counts as missing."""

_log = logging.getLogger(__name__)


@dataclass
class _Question:
    inquiry: Inquiry
    due: datetime
    asked: int = 0
    answer: tuple[EventView, ...] | None = None


class Inquirer:
    """Keeps the open question of each session, and the answer that was got last."""

    def __init__(self, client: Client, clock: Clock, pacer: Pacer) -> None:
        self._client = client
        self._clock = clock
        self._pacer = pacer
        self._questions: dict[Key, _Question] = {}
        self._refused: dict[str, datetime] = {}
        """Namespaces whose Events may not be listed, and until when that counts."""

    def begin_term(self) -> None:
        """Forget the questions of an earlier term, and what was learned then."""
        self._questions.clear()
        self._refused.clear()

    def known(self, session: Key) -> tuple[EventView, ...] | None:
        """Return what was learned of a session's objects; None if nothing was, and something may be."""
        question = self._questions.get(session)
        if self._refused_until(session[0]) is not None:
            return ()
        return question.answer if question is not None else None

    async def ask(self, observed: Observed) -> datetime | None:
        """Ask what is to be asked now; return when there is something to ask again, None for never or at its turn."""
        session, inquiry = key_of(observed.session), inquire(observed)
        refused_until = self._refused_until(session[0])
        if inquiry is None or refused_until is not None:
            self.forget(session)
            return refused_until if inquiry is not None else None
        question = self._questions.get(session)
        if question is None or question.inquiry != inquiry:
            question = _Question(inquiry, self._clock.now() + inquiry.patience)
            self._questions[session] = question
        if question.due > self._clock.now():
            return question.due
        if not self._pacer.may(session):
            return None
        await self._ask(session[0], question)
        return question.due

    def forget(self, session: Key) -> None:
        """Forget the question about a session: it is answered, or the session is gone."""
        self._questions.pop(session, None)
        self._pacer.forget(session)

    async def _ask(self, namespace: str, question: _Question) -> None:
        question.due = self._clock.now() + PAUSES[min(question.asked, len(PAUSES) - 1)]
        question.asked += 1
        try:
            answers = await asyncio.gather(*(self._events(namespace, uid) for uid in question.inquiry.uids))
        except ApiError as error:
            self._not_answered(namespace, error)
        else:
            question.answer = tuple(itertools.chain(*answers))

    async def _events(self, namespace: str, uid: str) -> tuple[EventView, ...]:
        selection = Selection(namespace, fields=f"involvedObject.uid={uid}")
        page = await self._client.list(EVENTS, selection, Raw)
        return tuple(event for item in page.items if (event := _read(item)) is not None)

    def _refused_until(self, namespace: str) -> datetime | None:
        until = self._refused.get(namespace)
        return until if until is not None and self._clock.now() < until else None

    def _not_answered(self, namespace: str, error: ApiError) -> None:
        """Note that nothing is known: what was learned before still counts, and no session is judged by a silence."""
        if isinstance(error, Forbidden):
            self._refused[namespace] = self._clock.now() + FORBIDDEN_FOR
            _log.warning(
                "what is told by Events alone is not seen for ten minutes: the operator may not list them",
                extra={"namespace": namespace, "error": str(error)},
            )
        else:
            _log.info("Events were not listed", extra={"error": str(error)})


def _read(body: Raw) -> EventView | None:
    """Return an Event; None for one that cannot be read: it is others' word, and hides no other."""
    try:
        return decoding.event(body)
    except ValidationError as error:
        _log.debug("an Event could not be read", extra={"error": str(error)})
        return None

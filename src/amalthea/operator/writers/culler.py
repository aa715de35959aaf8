"""Pauses and deletes sessions whose time has come: each only as it was when that was decided.

The request names the resource version of the session that the decision was made on. Whoever says at the last moment
that they are at work, or resumes the session, has changed it: then nothing happens, and it is looked at anew.
"""

import logging
from datetime import datetime

from msgspec import Raw

from amalthea.api import names
from amalthea.api.event_reasons import EventReason
from amalthea.engine.ports import key_of
from amalthea.kube.client import Client, Deletion
from amalthea.kube.errors import NotFound
from amalthea.model.deadlines import Deadline
from amalthea.model.status.lifecycle_conditions import because
from amalthea.model.status.report import Outcome
from amalthea.model.status.transitions import Transition
from amalthea.model.views.objects import SessionView
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.kinds import SESSIONS
from amalthea.operator.telemetry.deletion_counter import DeletionCounter
from amalthea.operator.writers.event_recorder import EventRecorder

_log = logging.getLogger(__name__)


class Culler:
    """Ends what is due."""

    def __init__(self, client: Client, caches: Caches, recorder: EventRecorder, deletions: DeletionCounter) -> None:
        self._client = client
        self._caches = caches
        self._recorder = recorder
        self._deletions = deletions

    async def end(self, session: SessionView, report: Outcome, now: datetime) -> None:
        """Pause or delete a session whose report was just written, as `end_due` does."""
        await self.end_due(session, report.pause if not report.pause_waits else None, report.deletion, now)

    async def end_due(
        self, session: SessionView, pause: Deadline | None, deletion: Deadline | None, now: datetime
    ) -> None:
        """Pause or delete a session, if that is due.

        Raises:
            Stale: the session was changed meanwhile.
            ApiError: try again.
        """
        try:
            if deletion is not None and deletion.at <= now:
                await self._delete(session, deletion)
            elif pause is not None and pause.at <= now:
                await self._pause(session, pause)
        except NotFound:
            self._caches.observe_absent(session)

    async def _pause(self, session: SessionView, deadline: Deadline) -> None:
        patch = {"metadata": {"resourceVersion": session.metadata.resource_version}, "spec": {"hibernated": True}}
        body = await self._client.patch_merge(SESSIONS, key_of(session), patch, Raw)
        _log.info("paused", extra=_about(session, deadline))
        self._caches.observe(names.KIND, body)

    async def _delete(self, session: SessionView, deadline: Deadline) -> None:
        metadata = session.metadata
        await self._client.delete(SESSIONS, key_of(session), Deletion(metadata.uid, metadata.resource_version))
        _log.info("deleted", extra=_about(session, deadline))
        self._deletions.ours(session, deadline.cause)
        why = f"The session was deleted, because {because(deadline.cause, deadline.span)}."
        self._recorder.tell(metadata, Transition(EventReason.EXPIRED, why))


def _about(session: SessionView, deadline: Deadline) -> dict[str, str]:
    return {"session": "/".join(key_of(session)), "run_id": session.status.run_id or "", "reason": deadline.cause}

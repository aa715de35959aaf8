"""Pauses and deletes sessions whose deadline has passed: each only as it was when that was decided.

The request names the resource version of the session that the decision was made on. A user who reports work or resumes
the session at the last moment has changed it: then nothing happens, and it is looked at again.
"""

import logging

from msgspec import Raw

from amalthea.api import names
from amalthea.api.event_reasons import EventReason
from amalthea.engine.ports import key_of
from amalthea.kube.client import Client, Deletion
from amalthea.kube.errors import NotFound
from amalthea.model.deadlines import End
from amalthea.model.status.lifecycle_conditions import because
from amalthea.model.status.transitions import Transition
from amalthea.model.views.objects import SessionView
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.inputs.given_claims import GivenClaims
from amalthea.operator.kinds import SESSIONS
from amalthea.operator.telemetry.deletion_counter import DeletionCounter
from amalthea.operator.writers.event_recorder import EventRecorder

_log = logging.getLogger(__name__)


class Culler:
    """Ends the sessions that are due."""

    def __init__(
        self,
        client: Client,
        caches: Caches,
        recorder: EventRecorder,
        deletions: DeletionCounter,
        given_claims: GivenClaims,
    ) -> None:
        self._client = client
        self._given_claims = given_claims
        self._caches = caches
        self._recorder = recorder
        self._deletions = deletions

    async def end(self, session: SessionView, end: End) -> None:
        """Pause or delete a session.

        Raises:
            Stale: the session was changed meanwhile, or its files would be lost.
            ApiError: try again.
        """
        await self._given_claims.seek(key_of(session))
        try:
            await (self._delete if end.deletes else self._pause)(session, end)
        except NotFound:
            self._caches.observe_absent(session)

    async def _pause(self, session: SessionView, end: End) -> None:
        patch = {"metadata": {"resourceVersion": session.metadata.resource_version}, "spec": {"hibernated": True}}
        body = await self._client.patch_merge(SESSIONS, key_of(session), patch, Raw)
        _log.info("paused", extra=_about(session, end))
        self._caches.observe(names.KIND, body)

    async def _delete(self, session: SessionView, end: End) -> None:
        metadata = session.metadata
        await self._client.delete(SESSIONS, key_of(session), Deletion(metadata.uid, metadata.resource_version))
        _log.info("deleted", extra=_about(session, end))
        self._deletions.ours(session, end.cause)
        why = f"The session was deleted, because {because(end.cause, end.span)}."
        self._recorder.record(metadata, Transition(EventReason.EXPIRED, why))


def _about(session: SessionView, end: End) -> dict[str, str]:
    return {"session": "/".join(key_of(session)), "run_id": session.status.run_id or "", "reason": end.cause}

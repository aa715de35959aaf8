"""Tells the world how a session is: its status, and an Event at a transition. Written only when something changed."""

import logging

from msgspec import Raw

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.api.types import Status
from amalthea.engine.ports import Clock, key_of
from amalthea.kube.client import Client
from amalthea.kube.errors import ApiError, NotFound
from amalthea.model.observed import Observed
from amalthea.model.report import as_data, merge_patch
from amalthea.model.times import rfc3339
from amalthea.model.transitions import Transition, transition
from amalthea.operator.caches import Caches
from amalthea.operator.kinds import EVENTS, SESSIONS

_log = logging.getLogger(__name__)


class Announcer:
    """Writes statuses and Events."""

    def __init__(self, client: Client, caches: Caches, clock: Clock, identity: str) -> None:
        self._client = client
        self._caches = caches
        self._clock = clock
        self._identity = identity
        self._events_refused = False

    async def announce(self, observed: Observed, status: Status) -> None:
        """Write what changed of a session's status, and tell the transition if it is one.

        Raises:
            ApiError: the status could not be written; try again. An Event that cannot be written is let go.
        """
        former = observed.session.status
        patch = merge_patch(as_data(former), as_data(status))
        if not patch:
            return
        try:
            body = await self._client.patch_merge(
                SESSIONS, key_of(observed.session), {"status": patch}, Raw, subresource="status"
            )
        except NotFound:
            return
        self._caches.observe(names.KIND, body)
        if told := transition(former, status):
            await self._tell(observed, told)

    async def _tell(self, observed: Observed, told: Transition) -> None:
        if self._events_refused:
            return
        try:
            await self._client.create(EVENTS, observed.session.metadata.namespace, self._event(observed, told), Raw)
        except ApiError as error:
            if error.status == 403 and "is being terminated" not in error.message:
                self._events_refused = True
                _log.warning(
                    "no Events will be written: the operator may not create them", extra={"error": error.message}
                )
            else:
                _log.info("an Event was not written", extra={"reason": str(told.reason), "error": str(error)})

    def _event(self, observed: Observed, told: Transition) -> Manifest:
        metadata, now = observed.session.metadata, rfc3339(self._clock.now())
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{metadata.name}.", "namespace": metadata.namespace},
            "involvedObject": {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "name": metadata.name,
                "namespace": metadata.namespace,
                "uid": metadata.uid,
                "resourceVersion": metadata.resource_version,
            },
            "type": told.type,
            "reason": str(told.reason),
            "message": told.message,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "source": {"component": "amalthea"},
            "reportingComponent": f"{names.GROUP}/operator",
            "reportingInstance": self._identity,
        }

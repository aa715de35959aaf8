"""The finalizer of a session that adopts secrets: set before anything else, lifted when the secrets are gone.

Bounded and idempotent: a secret that is gone already is fine, and one whose deletion is refused, by a role, by a
webhook or since no object can have its name, holds up nobody. One that another session has adopted, too, goes with the
last of them.
"""

import logging
from contextlib import suppress

from msgspec import Raw

from amalthea.api import names
from amalthea.engine.ports import Stale, key_of
from amalthea.kube.client import Client, Deletion
from amalthea.kube.errors import ApiError, Conflict, Invalid, NotFound, NotServed
from amalthea.model.views.observed import Observed
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.kinds import SECRETS, SESSIONS

_log = logging.getLogger(__name__)


class Finalizer:
    """Sets and lifts the finalizer, and deletes adopted secrets in between."""

    def __init__(self, client: Client, caches: Caches) -> None:
        self._client = client
        self._caches = caches

    async def ensure(self, observed: Observed) -> None:
        """Set the finalizer where the session adopts secrets, lift it where it no longer does.

        Raises:
            Stale: the session changed meanwhile.
            ApiError: try again.
        """
        unknown = observed.spec is None and observed.has_finalizer
        if unknown or bool(observed.adopted_secrets) == observed.has_finalizer:
            return
        try:
            await self._write(observed, present=not observed.has_finalizer)
        except NotFound as error:
            self._caches.observe_absent(observed.session)  # else children of it would be made over and over
            raise Stale(str(error)) from error

    async def release(self, observed: Observed) -> None:
        """Delete what a session that is being deleted adopted, then let it go.

        Raises:
            Stale: the session changed meanwhile.
            ApiError: try again.
        """
        if not observed.has_finalizer or not observed.deleting:
            return  # deleting is not what it was a moment ago if another session has its name meanwhile
        for secret in observed.adopted_secrets:
            if not self._shared(observed, secret):
                await self._delete(observed, secret)
        with suppress(NotFound):
            await self._write(observed, present=False)

    def _shared(self, observed: Observed, secret: str) -> bool:
        """Return whether another session of the namespace, one that stays, has adopted the secret too."""
        others = self._caches.adopters(observed.session.metadata.namespace, secret)
        return any(other.metadata.name != observed.name for other in others)

    async def _delete(self, observed: Observed, secret: str) -> None:
        namespace = observed.session.metadata.namespace
        try:
            await self._client.delete(SECRETS, (namespace, secret), Deletion())
        except NotFound:
            return
        except ApiError as error:
            if not _for_good(error):
                raise
            _log.warning(
                "an adopted secret could not be deleted and stays behind",
                extra={"session": f"{namespace}/{observed.name}", "secret": secret, "error": error.message},
            )

    async def _write(self, observed: Observed, *, present: bool) -> None:
        metadata = observed.session.metadata
        others = [finalizer for finalizer in metadata.finalizers if finalizer != names.FINALIZER]
        finalizers = [*others, names.FINALIZER] if present else others
        body = {"metadata": {"resourceVersion": metadata.resource_version, "finalizers": finalizers}}
        changed = await self._client.patch_merge(SESSIONS, key_of(observed.session), body, Raw)
        if present or others:
            self._caches.observe(names.KIND, changed)


def _for_good(error: ApiError) -> bool:
    """Return whether another attempt would fail the same way: what the server cannot do now, it may do in a moment."""
    if isinstance(error, Invalid):
        return True
    passes = error.status in (401, 408, 429) or isinstance(error, Conflict | NotServed)
    return 400 <= error.status < 500 and not passes

"""Looks at claims that users made beforehand: they have none of our labels, so no watch delivers what becomes of them.

Each is looked at before a pod that may use it is replaced or stopped automatically. Somebody may have deleted it, and
then its files exist only as long as that pod runs.
"""

from msgspec import Raw

from amalthea.engine.ports import Key, Stale, key_of
from amalthea.kube.client import Client
from amalthea.kube.resource import Selection
from amalthea.model.views.objects import ClaimView
from amalthea.model.views.observed import Observed
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.inputs.gather import gather
from amalthea.operator.kinds import CHILD_KINDS

_KIND = CHILD_KINDS["PersistentVolumeClaim"]


class GivenClaims:
    """Knows the sessions whose claim, made beforehand, was deleted while their pod runs."""

    def __init__(self, client: Client, caches: Caches) -> None:
        self._client = client
        self._caches = caches
        self._leaving: dict[Key, str] = {}
        """UIDs of the sessions."""

    def leaves(self, observed: Observed) -> bool:
        """Return whether the claim that a running session uses is known to be deleted."""
        key = key_of(observed.session)
        if not _may_use_one(observed):
            self._leaving.pop(key, None)
        return self._leaving.get(key) == observed.session.metadata.uid

    def forget(self, session: Key) -> None:
        """Forget a session that is gone."""
        self._leaving.pop(session, None)

    def note(self, session: Key, claim: ClaimView) -> None:
        """Take in how the claim of that session's name is.

        Raises:
            Stale: it is deleted, which was not known.
        """
        observed = gather(self._caches, session)
        if observed is None or not _may_use_one(observed) or claim.metadata.deletion_timestamp is None:
            return
        if claim.metadata.controller is None and not claim.pending and not self.leaves(observed):
            self._leaving[session] = observed.session.metadata.uid
            raise Stale(f"claim {session[1]} is being deleted")

    async def seek(self, session: Key) -> bool:
        """Look at the claim that a session may use, before its pod is made, replaced or stopped.

        Returns:
            Whether there is one, or none is needed: a session whose claim is gone needs another.

        Raises:
            Stale: it is deleted, which was not known.
            ApiError: the API server does not tell.
        """
        observed = gather(self._caches, session)
        if observed is None or _has_its_own(observed) or self.leaves(observed):
            return True
        namespace, name = session
        page = await self._client.list(_KIND.resource, Selection(namespace, fields=f"metadata.name={name}"), Raw)
        for body in page.items:
            claim = _KIND.decode(body)
            assert isinstance(claim, ClaimView)
            self.note(session, claim)
        return bool(page.items)


def _may_use_one(observed: Observed) -> bool:
    """Return whether a session runs, and its volume is not the claim that was made for it."""
    workload = observed.own_workload
    return workload is not None and workload.awake and not _has_its_own(observed)


def _has_its_own(observed: Observed) -> bool:
    return any(claim.metadata.name == observed.name for claim in observed.claims)

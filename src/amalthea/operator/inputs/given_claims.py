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
        self._leaving: dict[Key, tuple[str, str]] = {}
        """The UIDs of the sessions and of the pods without which the claims would be gone."""

    def leaves(self, observed: Observed) -> bool:
        """Return whether the claim that a running session uses is known to be deleted."""
        key, used_by = key_of(observed.session), _used_by(observed)
        known = self._leaving.get(key)
        if known is not None and known != used_by:
            del self._leaving[key]
        return known is not None and known == used_by

    def forget(self, session: Key) -> None:
        """Forget a session that is gone."""
        self._leaving.pop(session, None)

    def note(self, session: Key, claim: ClaimView) -> None:
        """Take in how the claim of that session's name is.

        Raises:
            Stale: it is deleted, and a pod of the session uses it, which was not known.
        """
        if (observed := gather(self._caches, session)) is not None:
            self._note(observed, claim)

    async def seek(self, session: Key) -> bool:
        """Look at the claim that a session may use, before its pod is made, replaced or stopped.

        Returns:
            Whether there is one to use, or none is needed: a session whose claim is gone, or going, needs another.

        Raises:
            Stale: it is deleted, and a pod of the session uses it, which was not known.
            ApiError: the API server does not tell.
        """
        observed = gather(self._caches, session)
        if observed is None or _has_its_own(observed) or self.leaves(observed):
            return True
        namespace, name = session
        page = await self._client.list(_KIND.resource, Selection(namespace, fields=f"metadata.name={name}"), Raw)
        claims = [_KIND.decode(body) for body in page.items]
        for claim in claims:
            assert isinstance(claim, ClaimView)
            self._note(observed, claim)
        return any(claim.metadata.deletion_timestamp is None for claim in claims)

    def _note(self, observed: Observed, claim: ClaimView) -> None:
        session, used_by = key_of(observed.session), _used_by(observed)
        is_given = claim.metadata.controller is None and not claim.pending
        if used_by is None or not is_given or claim.metadata.deletion_timestamp is None:
            return
        if self._leaving.get(session) != used_by:
            self._leaving[session] = used_by
            raise Stale(f"claim {session[1]} is being deleted")


def _used_by(observed: Observed) -> tuple[str, str] | None:
    """Return the UIDs of a session and of its pod that keeps a claim made beforehand; None if none does.

    Kubernetes keeps a claim that was deleted for pods that have a node. Of a pod that is not seen, that is assumed.
    """
    workload, pod = observed.own_workload, observed.pod
    if workload is None or not workload.awake or workload.finished or _has_its_own(observed):
        return None
    if pod is None:
        return (observed.session.metadata.uid, "") if observed.pod_unseen else None
    scheduled = pod.condition("PodScheduled")
    has_node = scheduled is not None and scheduled.status == "True"
    return (observed.session.metadata.uid, pod.metadata.uid) if has_node else None


def _has_its_own(observed: Observed) -> bool:
    return any(claim.metadata.name == observed.name for claim in observed.claims)

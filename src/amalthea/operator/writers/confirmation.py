"""Asks for a session before its children are written: the watch of sessions may be behind those of their children.

Only the leader writes children. So what it knows of a session is in doubt until the first write of its term: a former
leader may have acted on a pause, a resume or an end that this one has yet to hear of.
"""

from collections.abc import Iterable

from msgspec import Raw

from amalthea.api import names
from amalthea.children.changes.writes import Create, Write
from amalthea.engine.ports import Key, Stale
from amalthea.kube.client import Client
from amalthea.kube.resource import Selection
from amalthea.model.views import decoding
from amalthea.model.views.objects import SessionView
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.inputs.gather import gather
from amalthea.operator.kinds import SESSIONS
from amalthea.operator.writers.answers import CLAIM

ONCE = frozenset({"StatefulSet", "Service", CLAIM, "Secret"})
"""The kinds that are made once in a session's life; an Ingress is made once per run."""


class Confirmation:
    """Knows which sessions are in no doubt in this term, and asks for the others."""

    def __init__(self, client: Client, caches: Caches) -> None:
        self._client = client
        self._caches = caches
        self._confirmed: dict[Key, str] = {}
        """The UIDs of the sessions whose children were written in this term."""

    def begin_term(self) -> None:
        """Doubt all sessions."""
        self._confirmed.clear()

    def forget(self, session: Key) -> None:
        """Forget a session that is gone."""
        self._confirmed.pop(session, None)

    def written(self, session: Key, uid: str) -> None:
        """Note that children of a session were written as it is known."""
        self._confirmed[session] = uid

    async def seek(self, key: Key, uid: str, writes: Iterable[Write]) -> None:
        """Ask for the session if there are writes and it is in doubt, and take in what it is.

        Raises:
            Stale: it is gone, or another one than was known.
            ApiError: the API server does not tell.
        """
        writes, known = tuple(writes), self._caches.session(key)
        if known is None or not writes or not self._in_doubt(key, uid, known, writes):
            return
        selection = Selection(key[0], fields=f"metadata.name={key[1]}")
        page = await self._client.list(SESSIONS, selection, Raw)
        for body in page.items:
            if (live := decoding.session(body)).metadata.uid == uid:
                self._caches.observe(names.KIND, body)
                if not decoding.asks_the_same(known, live) or known.status != live.status:
                    raise Stale(f"session {key[1]} has been changed")
                return
        self._caches.observe_absent(known)
        raise Stale(f"session {key[1]} is gone")

    def _in_doubt(self, key: Key, uid: str, known: SessionView, writes: tuple[Write, ...]) -> bool:
        made = {write.child[0] for write in writes if isinstance(write, Create)}
        lost = made & ONCE or ("Ingress" in made and known.status.state != "Hibernated")
        if lost and known.status.conditions:  # the CRD gives each a state
            return True  # they may have been deleted with their session, or by a pause
        return self._confirmed.get(key) != uid and self._has_children(key)

    def _has_children(self, key: Key) -> bool:
        seen = gather(self._caches, key)
        return seen is not None and any((seen.workload, seen.service, seen.ingress, seen.secret, *seen.claims))

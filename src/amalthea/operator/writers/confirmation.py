"""Asks for a session before what it had is brought back: the watch of sessions may lag behind those of their children.

A session that was deleted or paused has lost children. Where the watch of sessions has yet to deliver that, its
children look as if somebody else had taken them.
"""

from collections.abc import Iterable

from msgspec import Raw

from amalthea.api import names
from amalthea.children.changes.writes import Create, Patch, Write
from amalthea.engine.ports import Key, Stale
from amalthea.kube.client import Client
from amalthea.kube.errors import ApiError
from amalthea.kube.resource import Selection
from amalthea.model.views import decoding
from amalthea.model.views.objects import SessionView
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.kinds import SESSIONS
from amalthea.operator.writers.answers import CLAIM

ONCE = frozenset({"StatefulSet", "Service", CLAIM, "Secret"})
"""The kinds that are made once in a session's life; the others are made once per run."""
_WAKES = (("/spec/replicas", 1), ("/spec/suspend", False))
"""The operations that give a workload its pod."""


def brings_back(session: SessionView | None, writes: Iterable[Write]) -> bool:
    """Return whether children are made, or a pod is, that should be there: its session may be gone, or paused."""
    if session is None or not session.status.conditions:  # the CRD gives each a state
        return False
    paused = session.status.state == "Hibernated"
    return any(_made_again(write) if paused else _made_again(write) or _of_a_run(write) for write in writes)


def _made_again(write: Write) -> bool:
    return isinstance(write, Create) and write.child[0] in ONCE


def _of_a_run(write: Write) -> bool:
    if isinstance(write, Patch):
        return any((operation.get("path"), operation.get("value")) in _WAKES for operation in write.operations)
    # A Job runs once: the next run begins with the deletion of the last one's.
    return isinstance(write, Create) or write.child[0] == "Job"


async def confirm(client: Client, caches: Caches, key: Key, uid: str) -> None:
    """Raise Stale if the session is gone or has another spec, which the watch has yet to deliver; take in the latter.

    Where the API server does not answer, nothing is raised: then the writes fail as well, and that is reported.
    """
    namespace, name = key
    try:
        page = await client.list(SESSIONS, Selection(namespace, fields=f"metadata.name={name}"), Raw)
    except ApiError:
        return
    live = {view.metadata.uid: (view, raw) for raw in page.items for view in [decoding.session(raw)]}
    if uid not in live:
        raise Stale(f"session {name} is gone")
    view, raw = live[uid]
    known = caches.session(key)
    if known is not None and view.metadata.generation > known.metadata.generation:
        caches.observe(names.KIND, raw)
        raise Stale(f"session {name} has been changed")

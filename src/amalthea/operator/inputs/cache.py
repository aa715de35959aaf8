"""The operator's view of the cluster: a store per watched kind, kept by its reflector, and the session of each object.

A store knows our own writes at once (`observe`), so that a decision never rests on what we ourselves have changed. A
child that changes wakes its session, and nothing else does: a session that rests costs nothing.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Raw, ValidationError
from msgspec.structs import replace

from amalthea.api import names
from amalthea.children.changes import applied
from amalthea.engine.cache.store import Index, Store
from amalthea.engine.ports import Key, key_of
from amalthea.engine.work.queue import Priority
from amalthea.model.diagnosis.checks import is_reportable
from amalthea.model.views import adoption, decoding
from amalthea.model.views.objects import ChildView, SessionView, WorkloadView
from amalthea.model.views.pods import PodView
from amalthea.operator import defects
from amalthea.operator.kinds import WATCHED

BY_SESSION = "session"
"""Index of the kinds of which a session can have several."""
ADOPTED = "adopted"
"""Index of the sessions that stay, by the secrets that they have adopted."""

BLIND_AFTER = 180.0
"""Seconds of silence: a live watch brings a bookmark each minute, and one that brings nothing is reopened."""

Wake = Callable[[Key, Priority], None]

_log = logging.getLogger(__name__)


class Caches:
    """The stores, and the fingerprints that distinguish an edit from our own writes."""

    def __init__(self, wake: Wake) -> None:
        self._wake = wake
        self._ours = False
        self._written: dict[str, str] = {}
        self._stopped: dict[Key, PodView] = {}
        self.silent_for: Callable[[str], float] = lambda _: 0.0
        """Seconds since anything was heard of a kind."""
        self.stores: dict[str, Store[Any]] = {}
        for kind in WATCHED:
            store: Store[Any] = Store(_INDEXES.get(kind))
            store.on_change(self._session_changed if kind == names.KIND else self._child_changed)
            self.stores[kind] = store

    @property
    def unheard(self) -> frozenset[str]:
        """The kinds whose cached objects are too old to act upon."""
        return frozenset(kind for kind in self.stores if self.silent_for(kind) > BLIND_AFTER)

    def begin_term(self) -> None:
        """Forget what was gathered while another replica led: edits are detected against what exists now.

        Drift detection (`drift.py`) then distrusts what differs from its own record.
        """
        children = (child for store in self.stores.values() for child in store.values())
        self._written = {each.metadata.uid: each.fingerprint for each in children if isinstance(each, ChildView)}
        self._stopped.clear()
        for session in self.sessions():
            if not settled(session):
                self._wake(key_of(session), Priority.USER)

    def session(self, key: Key) -> SessionView | None:
        """Return a session."""
        session: SessionView | None = self.stores[names.KIND].get(key)
        return session

    def sessions(self) -> tuple[SessionView, ...]:
        """Return all sessions."""
        return self.stores[names.KIND].values()

    def adopters(self, namespace: str, secret: str) -> tuple[SessionView, ...]:
        """Return the sessions that have adopted a secret and are not being deleted."""
        return self.stores[names.KIND].by_index(ADOPTED, (namespace, secret))

    def child(self, kind: str, key: Key) -> Any:  # noqa: ANN401  (the view depends on the kind)
        """Return a child, or None."""
        return self.stores[kind].get(key)

    def several(self, kind: str, session: Key) -> tuple[Any, ...]:
        """Return the objects of a kind that belong to a session."""
        return self.stores[kind].by_index(BY_SESSION, session)

    def former_pod(self, session: Key) -> PodView | None:
        """Return the last pod of a session that Kubernetes stopped and that is gone, unless it was reported already."""
        pod, present = self._stopped.get(session), self.session(session)
        return pod if pod is not None and present is not None and pod.made_for(present.metadata.uid) else None

    def former_pod_reported(self, session: Key) -> None:
        """Note that the end of that pod has been reported."""
        self._stopped.pop(session, None)

    def observe(self, kind: str, body: Raw) -> None:
        """Take in what one of our own writes returned: it is known at once, and a child does not wake its session.

        A child is written at the version that was seen, so the answer holds nothing new. A session's status is written
        at any version: the answer may hold what its user just changed, and no watch will report that again.
        """
        view = WATCHED[kind].decode(body)
        if isinstance(view, ChildView):
            self._written[view.metadata.uid] = view.fingerprint
            self._quietly(lambda: self.stores[kind].observe(view))
        else:
            self.stores[kind].observe(view)

    def observe_deleted(self, kind: str, key: Key, uid: str) -> None:
        """Take in that one of our own deletions left nothing behind: its session is woken."""
        self.stores[kind].observe_deleted(key, uid)

    def observe_absent(self, session: SessionView) -> None:
        """Take in that the API server has no such session any more, which the watch has yet to deliver."""
        self.stores[names.KIND].observe_deleted(key_of(session), session.metadata.uid)

    def distrust(self, child: ChildView) -> None:
        """Note that a child is not as we would have written it, whatever its fingerprint is, and wake its session."""
        self._written[child.metadata.uid] = ""
        for session in _sessions_of(child):
            self._wake(session, Priority.BACKGROUND)

    def edited(self, child: ChildView) -> bool:
        """Return whether the section that we own is not as we wrote it, or as it was when we first saw it."""
        return self._written.get(child.metadata.uid, child.fingerprint) != child.fingerprint

    def _quietly(self, act: Callable[[], object]) -> None:
        self._ours = True
        try:
            act()
        finally:
            self._ours = False

    def _session_changed(self, old: SessionView | None, new: SessionView | None) -> None:
        if self._ours or (old is not None and new is not None and spec_unchanged(old, new)):
            return
        present = new or old
        if present is not None:
            waited_for = new is not None and (old is not None or not settled(new))
            self._wake(key_of(present), Priority.USER if waited_for else Priority.BACKGROUND)
        if old is not None and new is None:
            self._stopped.pop(key_of(old), None)

    def _child_changed(self, old: ChildView | PodView | None, new: ChildView | PodView | None) -> None:
        present = new or old
        if present is None:
            return
        try:
            self._remember(old, new)
        except Exception as error:  # noqa: BLE001 one object must not hold up the watch of all others
            about = {"child": "/".join(key_of(present)), "defect": defects.identify(error)}
            _log.exception("a child was not compared with what was written", extra=about)
        if self._ours or _same_child(old, new):
            return
        waited_for = isinstance(present, PodView | WorkloadView)
        for session in _sessions_of(present):
            self._wake(session, Priority.NEWS if waited_for else Priority.BACKGROUND)

    def _remember(self, old: ChildView | PodView | None, new: ChildView | PodView | None) -> None:
        if isinstance(new, ChildView):
            if isinstance(old, ChildView) and _written_by_us(old, new):
                self._written[new.metadata.uid] = new.fingerprint
            self._written.setdefault(new.metadata.uid, new.fingerprint)
        if isinstance(old, ChildView) and (new is None or new.metadata.uid != old.metadata.uid):
            self._written.pop(old.metadata.uid, None)
        if isinstance(old, PodView) and (new is None or new.metadata.uid != old.metadata.uid) and is_reportable(old):
            here = ((each, self.session(each)) for each in _sessions_of(old))
            self._stopped.update((key, old) for key, there in here if there and old.made_for(there.metadata.uid))


def _written_by_us(old: ChildView, new: ChildView) -> bool:
    """Return whether a change is one of our own writes whose answer was lost, or another replica's: its record says so.

    An edit of a child leaves its record alone; an edit of a workload makes its generation differ from the recorded one.
    """
    record = new.metadata.annotations.get(names.ANNOTATION_APPLIED)
    if old.metadata.uid != new.metadata.uid or record == old.metadata.annotations.get(names.ANNOTATION_APPLIED):
        return False
    written = applied.read(new)
    if written is None:
        return False
    return not isinstance(new, WorkloadView) or written.generation == new.metadata.generation


def _sessions_of(view: ChildView | PodView) -> Iterable[Key]:
    session = view.metadata.labels.get(names.LABEL_INSTANCE)
    return ((view.metadata.namespace, session),) if session else ()


def _adopted_by(session: SessionView) -> Iterable[Key]:
    """Return the secrets that a session which stays has adopted; most sessions' specs need not be read for that."""
    if session.metadata.deletion_timestamp is not None or b'"adopt"' not in bytes(session.spec):
        return ()
    try:
        secrets = adoption.adopted_secrets(decoding.raw_spec(session))
    except ValidationError:
        return ()
    return tuple((session.metadata.namespace, secret) for secret in secrets)


_INDEXES: dict[str, dict[str, Index[Any]]] = {
    names.KIND: {ADOPTED: _adopted_by},
    "Pod": {BY_SESSION: _sessions_of},
    "PersistentVolumeClaim": {BY_SESSION: _sessions_of},
}


def settled(session: SessionView) -> bool:
    """Return whether a session is as its user wants it to be: nobody waits for what comes next.

    A failed session is: it needs a change of its spec.
    """
    state = session.status.state
    paused = state == "Hibernated"
    leaves = session.metadata.deletion_timestamp is not None
    return not leaves and state != "NotReady" and paused == decoding.wants_hibernation(session)


def spec_unchanged(old: SessionView, new: SessionView) -> bool:
    """Return whether nothing changed but the status, which is ours, and what we do not read."""
    return (
        decoding.asks_the_same(old, new)
        and old.metadata.finalizers == new.metadata.finalizers
        and _declared_busy(old) == _declared_busy(new)
    )


def _declared_busy(session: SessionView) -> str | None:
    return session.metadata.annotations.get(names.ANNOTATION_BUSY_UNTIL)


def _same_child(old: ChildView | PodView | None, new: ChildView | PodView | None) -> bool:
    """Return whether a child is unchanged in all that we read, except for what others added to it."""
    if not isinstance(old, ChildView) or not isinstance(new, ChildView):
        return False
    was, now = old.metadata, new.metadata
    return (
        was.uid == now.uid
        and was.deletion_timestamp == now.deletion_timestamp
        and was.owner_references == now.owner_references
        and was.labels.items() <= now.labels.items()
        and was.annotations.items() <= now.annotations.items()
        and replace(old, metadata=now) == new
    )

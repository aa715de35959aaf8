"""Reads all about one session from the API server: a handful of requests, none of them for a secret.

The session, its workload, its volume and its pods; then Events by its objects' names (`session_events.py`): one request
for the session's own name, which most of them have, one for its pod, and one for each data source. Service and Ingress
are not read: the session's conditions report on them, in better words. Whatever a user may not read, or cannot be asked
for, is named in `SessionSnapshot.unread`; the rest is shown all the same.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from amalthea.api import names
from amalthea.cli.read import session_events
from amalthea.cli.read.snapshot import ClaimDetails, EventView, PodDetails, SessionSnapshot
from amalthea.engine.ports import Key
from amalthea.kube.client import Client
from amalthea.kube.errors import ApiError, Forbidden, NotFound, NotServed
from amalthea.kube.resource import Selection
from amalthea.model.views import decoding
from amalthea.model.views.objects import ChildView, SessionView
from amalthea.model.views.observed import Observed
from amalthea.model.views.pods import PodView
from amalthea.operator.inputs.gather import gather
from amalthea.operator.kinds import CHILD_KINDS, EVENTS, PODS, SESSIONS

T = TypeVar("T")

_NOT_SHOWN = {
    "statefulsets": "the object that runs its pod",
    "jobs": "the object that runs its pod",
    "pods": "the state of its containers",
    "persistentvolumeclaims": "the state of its volume",
    "events": "what Kubernetes reported",
}
"""The parts that are missing if objects of a kind cannot be read."""


class FetchedObjects:
    """The objects of one session as they were read: where `gather` looks them up."""

    def __init__(self, session: SessionView) -> None:
        self._session = session
        self.children: dict[str, dict[str, Raw]] = {}
        self.pods: tuple[Raw, ...] = ()

    def session(self, key: Key) -> SessionView | None:  # noqa: ARG002  (there is but one)
        """Return the session."""
        return self._session

    def child(self, kind: str, key: Key) -> Any:  # noqa: ANN401  (the view depends on the kind)
        """Return a child, or None."""
        body = self.children.get(kind, {}).get(key[1])
        return CHILD_KINDS[kind].decode(body) if body is not None else None

    def several(self, kind: str, session: Key) -> tuple[Any, ...]:  # noqa: ARG002  (there is but one)
        """Return the objects of a kind."""
        if kind == "Pod":
            return tuple(map(decoding.pod, self.pods))
        return tuple(map(CHILD_KINDS[kind].decode, self.children.get(kind, {}).values()))

    def edited(self, child: ChildView) -> bool:  # noqa: ARG002  (nothing is remembered)
        """Return False: nothing is known of edits."""
        return False


async def read(client: Client, key: Key) -> SessionSnapshot:
    """Read a session and what belongs to it.

    Raises:
        ApiError: the session itself cannot be read.
    """
    session = decoding.session(await client.get(SESSIONS, key, Raw))
    return await _Reader(client, key, session).read()


def alone(body: Raw) -> SessionSnapshot:
    """Return what is known of a session from itself only."""
    session = decoding.session(body)
    observed = gather(FetchedObjects(session), (session.metadata.namespace, session.metadata.name))
    assert observed is not None, "it is here"
    return SessionSnapshot(observed)


class _Reader:
    """One reading: the requests side by side, and what was refused."""

    def __init__(self, client: Client, key: Key, session: SessionView) -> None:
        self._client = client
        self._key = key
        self._found = FetchedObjects(session)
        self._unread: dict[str, str] = {}

    async def read(self) -> SessionSnapshot:
        alone = self._observed()
        workloads = ["Job"] if not alone.interactive else ["StatefulSet"] if alone.spec else ["StatefulSet", "Job"]
        await asyncio.gather(
            self._pods(), *(self._child(kind) for kind in workloads), self._child("PersistentVolumeClaim")
        )
        events = await self._events(self._observed())
        observed = self._observed(events)
        ours = tuple(event for event in events or () if session_events.is_about(observed, event))
        return SessionSnapshot(observed, self._pod(observed), self._claim(observed), ours, tuple(self._unread.values()))

    def _observed(self, events: tuple[EventView, ...] | None = None) -> Observed:
        observed = gather(self._found, self._key, events=events)
        assert observed is not None, "the session was read before"
        return observed

    async def _child(self, kind: str) -> None:
        resource, name = CHILD_KINDS[kind].resource, self._key[1]
        body = await self._asked("get", resource.plural, lambda: self._client.get(resource, self._key, Raw))
        if body is not None:
            self._found.children[kind] = {name: body}

    async def _pods(self) -> None:
        namespace, name = self._key
        labels = f"{names.CHILD_SELECTOR},{names.LABEL_INSTANCE}={name}"
        page = await self._asked("list", "pods", lambda: self._client.list(PODS, Selection(namespace, labels), Raw))
        self._found.pods = page.items if page is not None else ()

    def _pod(self, observed: Observed) -> PodDetails | None:
        """Return the pod; where its workload cannot be read, the one whose annotation names this session."""
        uid, unread = observed.session.metadata.uid, "statefulsets" in self._unread or "jobs" in self._unread
        pods: tuple[PodView, ...] = observed.pods if unread else ()
        said = (pod for pod in pods if pod.metadata.annotations.get(names.ANNOTATION_SESSION_UID) == uid)
        pod = observed.pod or next(said, None)
        bodies = (msgspec.json.decode(body, type=PodDetails) for body in self._found.pods)
        return next((body for body in bodies if pod is not None and body.metadata.uid == pod.metadata.uid), None)

    def _claim(self, observed: Observed) -> ClaimDetails | None:
        body = self._found.children.get("PersistentVolumeClaim", {}).get(self._key[1])
        claim = msgspec.json.decode(body, type=ClaimDetails) if body is not None else None
        owner = claim.metadata.controller if claim is not None else None
        return claim if owner is None or owner.uid == observed.session.metadata.uid else None

    async def _events(self, observed: Observed) -> tuple[EventView, ...] | None:
        """Return the Events on all objects of the session's names; None if not all of them could be read."""
        answers = await asyncio.gather(*map(self._events_on, session_events.objects(observed)))
        found = tuple(event for answer in answers for event in answer or ())
        return found if None not in answers else None

    async def _events_on(self, name: str) -> tuple[EventView, ...] | None:
        selection = Selection(self._key[0], fields=f"involvedObject.name={name}")
        page = await self._asked("list", "events", lambda: self._client.list(EVENTS, selection, EventView))
        return page.items if page is not None else None

    async def _asked(self, verb: str, plural: str, request: Callable[[], Awaitable[T]]) -> T | None:
        """Return the answer; None if there is no such object or if the request failed, which is noted."""
        try:
            return await request()
        except (NotFound, NotServed):
            return None
        except Forbidden:
            self._unread[plural] = f"You may not {verb} {plural} here, so {_NOT_SHOWN[plural]} is not shown."
        except ApiError as error:
            self._unread[plural] = (
                f"The {plural} could not be read ({error.message}): {_NOT_SHOWN[plural]} is not shown."
            )
        except msgspec.ValidationError:
            self._unread[plural] = f"The {plural} have an unexpected form: {_NOT_SHOWN[plural]} is not shown."
        return None

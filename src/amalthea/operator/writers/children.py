"""Does the writes of one pass, side by side, and collects the API server's answer to each.

Each write that failed comes back as a refusal: what to report, and when it is tried again. One write that fails hides
nothing else of a session. Only `Stale` is raised, after all writes have been tried: look again at once.
"""

import asyncio
import logging
from collections.abc import Iterable

from msgspec import Raw

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.children.changes import contested
from amalthea.children.changes.comparison import WORKLOADS
from amalthea.children.changes.obstacles import made_beforehand, name_taken, terminating
from amalthea.children.changes.writes import Create, Delete, Patch, Write
from amalthea.engine.ports import Key, Stale
from amalthea.kube.client import Client, Deletion
from amalthea.kube.errors import AlreadyExists, ApiError, Forbidden, Invalid, NotFound
from amalthea.kube.resource import Selection
from amalthea.model.findings import Finding
from amalthea.model.plan import Course, Plan
from amalthea.model.views.objects import ClaimView
from amalthea.model.views.observed import ChildKey
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.inputs.given_claims import GivenClaims
from amalthea.operator.kinds import CHILD_KINDS
from amalthea.operator.telemetry.instrumentation import SessionTelemetry
from amalthea.operator.writers.answers import CLAIM, forbidden, kept, refused
from amalthea.operator.writers.confirmation import Confirmation
from amalthea.operator.writers.refusals import Owner, Refusal, Refusals
from amalthea.operator.writers.reverted_writes import Contests, RevertedWrites

_log = logging.getLogger(__name__)


class ChildWriter:
    """Writes children, and takes what the writes return into the caches."""

    def __init__(
        self,
        client: Client,
        caches: Caches,
        refusals: Refusals,
        reverted_writes: RevertedWrites,
        telemetry: SessionTelemetry,
        given_claims: GivenClaims,
    ) -> None:
        self._client = client
        self._caches = caches
        self._refusals = refusals
        self._reverted_writes = reverted_writes
        self._telemetry = telemetry
        self._confirmation = Confirmation(client, caches)
        self._given_claims = given_claims
        self._going: set[str] = set()
        """Namespaces that are being deleted, where nothing can be made: nobody undoes anything there."""

    def begin_term(self) -> None:
        """Forget what was undone in an earlier term."""
        self._reverted_writes.forget()
        self._going.clear()
        self._confirmation.begin_term()

    def forget(self, session: Key) -> None:
        """Forget a session that is gone."""
        self._confirmation.forget(session)

    def contests(self, uid: str) -> Contests:
        """Return the findings for writes to a session's children that somebody undoes, and when to look again."""
        return self._reverted_writes.contests(uid)

    async def apply(self, session: Key, uid: str, plan: Plan, writes: tuple[Write, ...]) -> tuple[Refusal, ...]:
        """Do the planned writes of the session with that UID; return those that failed, now or a short while ago.

        A write that somebody keeps undoing may wait: `contests` reports it.

        Raises:
            ApiError: the API server does not tell whether the session is as it is thought to be.
            Stale: something was not as it was thought to be; look again at once.
        """
        writes, held = self._reverted_writes.part(uid, writes)
        asked = [write for write in writes if self._refusals.of(Owner(session[0], uid), write) is None]
        await self._confirmation.seek(session, uid, asked)
        claim = (CLAIM, session[1])
        if self._starts_anew(uid, claim, plan, asked) and not await self._given_claims.seek(session):
            self._refusals.lift(uid, claim)
        deletions = tuple(write for write in writes if isinstance(write, Delete))
        others = tuple(write for write in writes if not isinstance(write, Delete))
        outcomes = await self._side_by_side(session[0], uid, deletions)  # so that no pod starts with what is to go
        outcomes += await self._side_by_side(session[0], uid, others)
        made = (write for write, outcome in zip(deletions + others, outcomes, strict=True) if outcome is None)
        done = tuple(each for write in made for each in self._done(session[0], write))
        self._reverted_writes.made(uid, done)
        self._telemetry.wrote(session, plan, done)
        await self._report_contests(session, uid, held)
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if errors:
            raise min(errors, key=lambda error: isinstance(error, Stale))  # a defect first
        if asked:
            self._confirmation.written(session, uid)
        return tuple(outcome for outcome in outcomes if isinstance(outcome, Refusal))

    def _starts_anew(self, uid: str, claim: ChildKey, plan: Plan, writes: Iterable[Write]) -> bool:
        """Return whether the session's pod is replaced, or made by a workload whose claim somebody else made before."""
        of_the_workload = [write for write in writes if write.child[0] in WORKLOADS]
        replaces = any(isinstance(write, Patch) for write in of_the_workload) or self._refusals.knows(uid, claim)
        return plan.course is Course.RUN and bool(of_the_workload) and replaces

    async def _try(self, namespace: str, uid: str, write: Write) -> Refusal | None:
        return await self._refusals.attempt(
            Owner(namespace, uid), write, " ".join(write.child), lambda: self._write(namespace, uid, write)
        )

    async def _side_by_side(
        self, namespace: str, uid: str, writes: Iterable[Write]
    ) -> list[Refusal | BaseException | None]:
        written = (self._try(namespace, uid, write) for write in writes)
        return await asyncio.gather(*written, return_exceptions=True)

    async def _report_contests(self, session: Key, uid: str, held: Iterable[Write]) -> None:
        """Find out who undoes the writes that are held back, and in which fields, once per contest."""
        for write in held if session[0] not in self._going else ():
            if not self._reverted_writes.unreported(uid, write):
                continue
            detail = ""
            if isinstance(write, Patch) and (live := await self._live(session[0], write.child)) is not None:
                detail = contested.detail(live, write)
            self._reverted_writes.report(uid, write, detail)
            about = {"session": "/".join(session), "child": "/".join(write.child), "detail": detail}
            _log.warning("somebody else undoes what the operator writes, so it is written once a minute", extra=about)

    async def _live(self, namespace: str, child: ChildKey) -> Manifest | None:
        kind, name = child
        selection = Selection(namespace, fields=f"metadata.name={name}")
        try:
            page = await self._client.list(CHILD_KINDS[kind].resource, selection, dict)
        except ApiError:
            return None
        return next(iter(page.items), None)

    def _done(self, namespace: str, write: Write) -> tuple[Write, ...]:
        """Return what was really done: something else than a deletion, where that is not permitted."""
        return (write.otherwise or ()) if isinstance(write, Delete) and self._stays(namespace, write) else (write,)

    def _stays(self, namespace: str, write: Delete) -> bool:
        """Return whether something else is done than a deletion, since that is not permitted."""
        return write.otherwise is not None and self._refusals.forbids(namespace, write.child[0])

    async def _write(self, namespace: str, uid: str, write: Write) -> Finding | None:
        try:
            match write:
                case Create():
                    return await self._create(namespace, uid, write)
                case Patch():
                    return await self._patch(namespace, write)
                case Delete():
                    return await self._delete(namespace, write)
        except Forbidden as error:
            if error.kind_unknown:
                raise  # that passes
            if (finding := forbidden(write.child, error)) is None:
                self._going.add(namespace)
            return finding
        except Invalid as error:
            return refused(write.child, error.message)

    async def _create(self, namespace: str, uid: str, write: Create) -> Finding | None:
        kind, _ = write.child
        try:
            body = await self._client.create(CHILD_KINDS[kind].resource, namespace, write.manifest, Raw)
        except AlreadyExists:
            return await self._look_who_has_it(namespace, uid, write)
        self._going.discard(namespace)
        self._caches.observe(kind, body)
        return None

    async def _look_who_has_it(self, namespace: str, uid: str, write: Create) -> Finding | None:
        """Distinguish a child of ours that we did not know of from somebody else's object of its name."""
        kind, name = write.child
        session = write.manifest["metadata"]["ownerReferences"][0]["name"]
        selection = Selection(namespace, fields=f"metadata.name={name}")
        page = await self._client.list(CHILD_KINDS[kind].resource, selection, Raw)
        if not page.items:
            raise Stale(f"{kind} {name} went away")
        view = CHILD_KINDS[kind].decode(page.items[0])
        owner = view.metadata.controller
        if isinstance(view, ClaimView) and name == session:
            self._given_claims.note((namespace, session), view)
        former = owner is not None and owner.uid != uid and (owner.kind, owner.name) == (names.KIND, session)
        if former or view.metadata.deletion_timestamp is not None:
            return terminating(write.child)
        labelled = names.selector_labels(session).items() <= view.metadata.labels.items()
        if owner is None and kind == CLAIM and not labelled:
            return made_beforehand(write.child)
        if not labelled if owner is None else owner.uid != uid:
            return name_taken(write.child)
        version = view.metadata.resource_version  # in its place there may be somebody else's object by now
        metadata = {"resourceVersion": version, "labels": write.manifest["metadata"].get("labels")}
        key = (namespace, name)
        body = await self._client.patch_merge(CHILD_KINDS[kind].resource, key, {"metadata": metadata}, Raw)
        self._caches.observe(kind, body)
        raise Stale(f"{kind} {name} was there already")

    async def _patch(self, namespace: str, write: Patch) -> Finding | None:
        kind, name = write.child
        resource = CHILD_KINDS[kind].resource
        try:
            body = await self._client.patch_json(resource, (namespace, name), list(write.operations), Raw)
        except NotFound as error:
            raise Stale(f"{kind} {name} went away") from error
        self._caches.observe(kind, body)
        return None

    async def _delete(self, namespace: str, write: Delete) -> Finding | None:
        kind, name = write.child
        key = (namespace, name)
        if self._stays(namespace, write):
            return await self._instead(namespace, write)
        try:
            gone = await self._client.delete(CHILD_KINDS[kind].resource, key, Deletion(uid=write.uid))
        except NotFound:
            gone = True
        except Forbidden as error:
            if not error.missing_right:
                raise
            if write.otherwise is None and kind == CLAIM:
                return kept(name, error)
            if write.otherwise is None:
                raise
            self._refusals.forbid(namespace, kind)
            _log.warning(
                "the operator may not delete an object, so it stays; grant delete on its kind",
                extra={"namespace": namespace, "kind": kind, "error": error.message},
            )
            return await self._instead(namespace, write)
        if gone:
            self._caches.observe_deleted(kind, key, write.uid)
        return None

    async def _instead(self, namespace: str, write: Delete) -> Finding | None:
        findings = [await self._patch(namespace, patch) for patch in write.otherwise or ()]
        return next(filter(None, findings), None)

"""The loop, on one page: gather, decide, build, apply, report.

Level-triggered: a call says that something about a session may have changed, never what. Whatever state it was left in,
by a crash at any moment too, one pass after the other brings it to what its spec asks for.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime

from msgspec import structs

from amalthea.api.reasons import Reason
from amalthea.api.types import Status
from amalthea.children.changes.comparison import compare
from amalthea.children.changes.workload import PodSpecHash, pod_spec_hash
from amalthea.children.changes.writes import Changes
from amalthea.children.manifests import children
from amalthea.children.pod.pod_template_inputs import pod_relevant
from amalthea.children.secret import material_from
from amalthea.children.shared.limits import TooLargeError
from amalthea.children.shared.subject import Subject
from amalthea.children.shared.url import NO_URL, session_url
from amalthea.engine.controller import Result
from amalthea.engine.ports import Clock, Key, Stale
from amalthea.kube.errors import ApiError
from amalthea.model import deadlines
from amalthea.model.findings import Finding
from amalthea.model.idle.signals import threshold
from amalthea.model.plan import Course, Plan, decide, refused
from amalthea.model.status.report import Context, Outcome, report
from amalthea.model.views import decoding, remote_job
from amalthea.model.views.observed import Observed
from amalthea.operator.actors import Actors, Generators
from amalthea.operator.inputs.cache import Caches, spec_unchanged
from amalthea.operator.inputs.gather import gather
from amalthea.operator.inputs.usage_poller import UsagePoller
from amalthea.operator.writers.refusals import AGAIN_AFTER, Refusal
from amalthea.settings import Settings

FINALIZER, STATUS, END = "finalizer", "status", "pause or deletion"
"""The writes of a session itself, as they are told of."""


class Reconciler:
    """Brings one session after the other to what its spec asks for."""

    def __init__(
        self, caches: Caches, usage: UsagePoller, actors: Actors, settings: Settings, clock: Clock, chance: Generators
    ) -> None:
        self._caches = caches
        self._usage = usage
        self._actors = actors
        self._settings = settings.build
        self._lead = settings.stopping_lead
        self._account = settings.account or ("", None)
        self._clock = clock
        self._chance = chance
        self._untold: dict[Key, tuple[str, Status]] = {}
        """Sessions whose status cannot be written, as it should be: limits count from what it should tell."""

    def begin_term(self, watched_until: datetime | None = None) -> None:
        """Begin with an empty memory: what was known in an earlier term, or while another replica led, may be wrong.

        `watched_until` is when the last leader was known to be at work, None if that is not known.
        """
        self._usage.continuity.begin_term(self._caches.sessions(), self._clock.now(), watched_until)
        self._caches.begin_term()
        self._actors.refusals.forget()
        self._untold.clear()
        self._actors.child_writer.begin_term()
        self._actors.event_lookup.begin_term()

    async def reconcile(self, key: Key) -> Result:
        """Do one pass over a session.

        Raises:
            Stale: something was not as it was thought to be; look again at once.
            ApiError: back off and try again.
            DefectError: the operator itself fails on this session: that was told; back off and try again.
        """
        try:
            return await self._pass(key)
        except (Stale, ApiError):
            raise
        except Exception as error:
            raise await self._actors.last_resort.meet(key, error) from error

    async def _pass(self, key: Key) -> Result:
        observed = self._gather(key)
        self._actors.deletions.look(key, observed.session if observed is not None else None)
        if observed is None:
            self.forget(key)
            return Result()
        plan, changes = self._plan(observed)
        if plan.course is Course.DELETE:
            return await self._release(key, observed, plan, changes)
        finalizer = await self._own(key, FINALIZER, lambda: self._actors.finalizer.ensure(observed))
        uid = observed.session.metadata.uid
        refusals = await self._actors.child_writer.apply(key, uid, plan, changes.writes)
        failed = [each for each in (finalizer, *refusals) if each is not None]
        truce = self._actors.child_writer.truce(uid)
        findings = (*changes.findings, *truce.findings, *(each.finding for each in failed))
        due, own = await self._announce(key, observed, plan, findings)
        _raise_for((*own, *failed))
        return self._next((due, truce.again), (*own, *failed), changes.findings)

    async def _own(self, key: Key, part: str, act: Callable[[], Awaitable[None]]) -> Refusal | None:
        return await self._actors.refusals.attempt_own(key, part, act)

    async def _release(self, key: Key, observed: Observed, plan: Plan, changes: Changes) -> Result:
        """Let a session go that is being deleted, also if that cannot be told, once its job elsewhere is cancelled."""
        failed = await self._actors.child_writer.apply(key, observed.session.metadata.uid, plan, changes.writes)
        untold: Exception | None = None
        held = self._actors.refusals.of_own(key, FINALIZER)
        try:
            failed += (await self._announce(key, observed, plan, (held.finding,) if held is not None else ()))[1]
        except Exception as error:  # noqa: BLE001 raised below
            untold = error
        # Looked up anew: the status that was just written has moved the session's resource version.
        newest = self._gather(key) or observed
        stays = deadlines.stays_until(newest)
        if stays is not None and self._clock.now() < stays:
            return self._next((stays,), failed, ())
        released = await self._own(key, FINALIZER, lambda: self._actors.finalizer.release(newest))
        failed += (released,) if released is not None else ()
        if self._caches.session(key) is not None:
            if untold is not None:
                raise untold
            _raise_for(failed)
        return self._next((), failed, ())

    def _plan(self, observed: Observed) -> tuple[Plan, Changes]:
        plan = decide(observed, self._chance.fresh)
        try:
            return plan, self._compare(observed, plan)
        except TooLargeError as error:
            plan = refused(observed, (error.problem,))
            return plan, self._compare(observed, plan)

    def _compare(self, observed: Observed, plan: Plan) -> Changes:
        if observed.spec is None or plan.course in (Course.DELETE, Course.REFUSE):
            return compare(observed, plan, (), PodSpecHash(""))
        subject = self._subject(observed, plan)
        stored = observed.secret.data if observed.secret is not None and observed.owns(observed.secret) else None
        material = material_from(stored, self._chance.material())
        spec_hash = pod_spec_hash(pod_relevant(decoding.raw_spec(observed.session)))
        return compare(observed, plan, children(subject, material), spec_hash)

    async def _announce(
        self, key: Key, before: Observed, plan: Plan, findings: tuple[Finding, ...]
    ) -> tuple[datetime | None, tuple[Refusal, ...]]:
        """Tell how the session is now, and end what is due. A user who asked for something else since has woken it.

        Return when time alone can change something, and the writes of this that failed: each hinders no other.
        """
        after = self._gather(key)
        if after is None or not decoding.asks_the_same(before.session, after.session):
            return None, ()
        silent_until = self._actors.event_lookup.follow(after)
        door, idle_from = self._actors.door_poller.door(after), self._usage.continuity.idle_from(key)
        after = replace(after, events=self._actors.event_lookup.known(key), door=door, idle_from=idle_from)
        url = session_url(after.spec, self._settings) if after.spec is not None else after.session.status.url
        now, overdue = self._clock.now(), self._actors.refusals.of_own(key, END)
        told_too = (overdue.finding,) if overdue is not None and overdue.attempts else ()
        context = Context(url or NO_URL, now, self._lead)
        told = report(self._as_untold(key, after), plan, (*findings, *told_too), context)
        self._follow(key, after, told, now)
        self._actors.door_poller.mind(key, door.address if door is not None else None, told.ask_door_at, now)
        self._actors.job_poller.mind(key, remote_job.address(after), told.ask_job_at, now)
        untold = await self._own(key, STATUS, lambda: self._actors.status_writer.announce(after, told.status))
        self._untold.pop(key, None)
        if untold is None:
            self._caches.told_former_pod(key)
        else:
            self._untold[key] = after.session.metadata.uid, told.status
        unended = await self._end(key, after, told, now)
        again = now if told_too and unended is None else None  # what was just told is not so any more
        failed = tuple(each for each in (untold, unended) if each is not None)
        return min(filter(None, (told.wake_at, silent_until, again)), default=None), failed

    def _as_untold(self, key: Key, observed: Observed) -> Observed:
        """Return a session as if all had been told that should have been."""
        uid, status = self._untold.get(key, ("", observed.session.status))
        if uid != observed.session.metadata.uid:
            return observed
        return replace(observed, session=structs.replace(observed.session, status=status))

    async def _end(self, key: Key, observed: Observed, told: Outcome, now: datetime) -> Refusal | None:
        session = self._caches.session(key)
        # Looked up anew: who changed the session since must not find it paused all the same.
        if session is None or not spec_unchanged(observed.session, session):
            return None
        return await self._own(key, END, lambda: self._actors.culler.end(session, told, now))

    def _gather(self, key: Key) -> Observed | None:
        events, former_pod = self._actors.event_lookup.known(key), self._caches.former_pod(key)
        observed = gather(self._caches, key, self._usage.of(key), events, former_pod)
        if observed is None:
            return None
        account = self._account[1] if self._account[0] == key[0] else None
        unheard, differ = self._caches.unheard, not self._clock.trusted
        seen = replace(observed, unheard=unheard, clocks_differ=differ, operators_account=account)
        return replace(seen, remote_job=self._actors.job_poller.job(seen))

    def _follow(self, key: Key, observed: Observed, told: Outcome, now: datetime) -> None:
        culling = observed.spec.culling if observed.spec is not None else None
        if told.usage_counts and culling is not None:
            self._usage.follow(key, threshold(culling))
            if not told.status.idle:
                self._usage.continuity.worked(key, now)
        else:
            self._usage.leave(key)

    def forget(self, key: Key) -> None:
        """Forget a session that is gone."""
        self._actors.deletions.forget(key)
        self._untold.pop(key, None)
        self._usage.leave(key)
        self._actors.door_poller.forget(key)
        self._actors.job_poller.forget(key)
        self._actors.status_writer.forget(key)
        self._actors.event_lookup.forget(key)
        for part in (FINALIZER, STATUS, END):
            self._actors.refusals.forget_own(key, part)

    def _subject(self, observed: Observed, plan: Plan) -> Subject:
        assert observed.spec is not None
        its = observed.session.metadata
        return Subject(its.namespace, its.name, its.uid, observed.spec, self._settings, plan.run_id)

    def _next(self, due: Iterable[datetime | None], refusals: Iterable[Refusal], findings: Iterable[Finding]) -> Result:
        """Return when to look again: at what is due, and for what nothing that is watched will tell about."""
        waits = [AGAIN_AFTER[finding.reason] for finding in findings if finding.reason in AGAIN_AFTER]
        moments = [*due, *(refusal.until for refusal in refusals), *(self._clock.now() + wait for wait in waits)]
        return Result(wake_at=min((moment for moment in moments if moment is not None), default=None))


def _raise_for(failed: Iterable[Refusal]) -> None:
    """Raise what failed just now, once it is told: nothing else of the session hangs on it."""
    for each in failed:
        if each.error is not None and each.finding.reason is not Reason.KIND_UNKNOWN:
            raise each.error

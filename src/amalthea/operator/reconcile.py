"""The reconcile loop: look, decide, write, look again, report, follow up.

Level-triggered: a call says that something about a session may have changed, never what. Whatever state it was left in,
by a crash at any moment too, one pass after the other brings it to what its spec asks for.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from msgspec import structs

from amalthea.api.types import Status
from amalthea.children.changes.comparison import compare
from amalthea.children.changes.pod_template_changes import PodSpecHash, pod_spec_hash
from amalthea.children.changes.writes import Changes
from amalthea.children.manifests import manifests
from amalthea.children.pod.pod_template_inputs import pod_relevant
from amalthea.children.shared.limits import TooLargeError
from amalthea.children.shared.url import NO_URL, session_url
from amalthea.engine.ports import Clock, Key, Stale
from amalthea.engine.work.controller import Result
from amalthea.kube.errors import ApiError
from amalthea.model import deadlines
from amalthea.model.deadlines import End
from amalthea.model.findings import Finding
from amalthea.model.idle.signals import started_at, threshold
from amalthea.model.plan import Course, Plan, decide, refused
from amalthea.model.status.report import Context, NextSteps, report
from amalthea.model.views import decoding, remote_job
from amalthea.model.views.objects import SessionView
from amalthea.model.views.observed import Observed
from amalthea.operator.actors import Actors, Generators
from amalthea.operator.done import Done, next_look, present, raise_for
from amalthea.operator.inputs.cache import Caches, spec_unchanged
from amalthea.operator.inputs.gather import gather
from amalthea.operator.inputs.usage_poller import UsagePoller
from amalthea.operator.writers.refusals import AGAIN_AFTER, Refusal, owner_of
from amalthea.settings import Settings

FINALIZER, STATUS, END = "finalizer", "status", "pause or deletion"
"""The writes of a session itself, as they are named in reports."""


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
        self._unreported: dict[Key, Status] = {}
        """Sessions whose status cannot be written, with the one that it should be: limits count from that."""
        self._uids: dict[Key, str] = {}
        self.forget_failures: Callable[[Key], object] = lambda _: None
        """Called where another session has taken the name of one that failed."""

    def begin_term(self, watched_until: datetime | None = None) -> None:
        """Start with an empty memory: what was known in an earlier term, or while another replica led, may be wrong.

        `watched_until` is when the last leader was known to be at work, None if that is not known.
        """
        self._usage.continuity.begin_term(self._caches.sessions(), self._clock.now(), watched_until)
        self._caches.begin_term()
        self._actors.refusals.forget()
        self._unreported.clear()
        self._actors.child_writer.begin_term()
        self._actors.event_lookup.begin_term()

    async def reconcile(self, key: Key) -> Result:
        """Do one pass over a session.

        Raises:
            Stale: something was not as it was thought to be; look again at once.
            ApiError: back off and try again.
            DefectError: the operator itself fails on this session: that was reported; back off and try again.
        """
        try:
            return await self._pass(key)
        except (Stale, ApiError):
            raise
        except Exception as error:
            raise await self._actors.last_resort.meet(key, error) from error

    async def _pass(self, key: Key) -> Result:
        self._forget_former(key)
        before = self._look(key)
        self._actors.deletions.look(key, before.session if before is not None else None)
        if before is None:
            self.forget(key)
            return Result()
        plan, changes = self._decide(before)
        written = await self._write(key, before, plan, changes)
        if plan.course is Course.DELETE:
            return await self._release(key, before, plan, written)
        done = await self._report(key, before, plan, written.findings) + written
        raise_for(done.failed)
        return next_look(done)

    async def _own(self, session: SessionView, part: str, act: Callable[[], Awaitable[None]]) -> Refusal | None:
        return await self._actors.refusals.attempt_own(owner_of(session.metadata), part, act)

    def _decide(self, observed: Observed) -> tuple[Plan, Changes]:
        plan = decide(observed, self._chance.fresh)
        try:
            return plan, self._compare(observed, plan)
        except TooLargeError as error:
            plan = refused(observed, (error.problem,))
            return plan, self._compare(observed, plan)

    def _compare(self, observed: Observed, plan: Plan) -> Changes:
        if observed.spec is None or plan.course in (Course.DELETE, Course.REFUSE):
            return compare(observed, plan, (), PodSpecHash(""))
        wanted = manifests(observed, plan.run_id, self._settings, self._chance.material())
        return compare(observed, plan, wanted, pod_spec_hash(pod_relevant(decoding.raw_spec(observed.session))))

    async def _write(self, key: Key, observed: Observed, plan: Plan, changes: Changes) -> Done:
        """Write the finalizer and the children."""
        uid = observed.session.metadata.uid
        if plan.course is Course.DELETE:
            held = self._actors.refusals.of_own(owner_of(observed.session.metadata), FINALIZER)
            refusals = await self._actors.child_writer.apply(key, uid, plan, changes.writes)
            return Done(refusals, (held.finding,) if held is not None else ())
        finalizer = await self._own(observed.session, FINALIZER, lambda: self._actors.finalizer.ensure(observed))
        refusals = await self._actors.child_writer.apply(key, uid, plan, changes.writes)
        failed, contests = (*present(finalizer), *refusals), self._actors.child_writer.contests(uid)
        findings = (*changes.findings, *contests.findings, *(each.finding for each in failed))
        now = self._clock.now()
        again = [now + AGAIN_AFTER[each.reason] for each in changes.findings if each.reason in AGAIN_AFTER]
        return Done(failed, findings, (contests.again, *again))

    async def _report(self, key: Key, before: Observed, plan: Plan, findings: tuple[Finding, ...]) -> Done:
        """Look again, write the status, and follow up.

        A user who changed the session in the meantime has woken it: the next pass reports.
        """
        after = self._look(key)
        if after is None or not decoding.asks_the_same(before.session, after.session):
            return Done()
        silent_until = self._actors.event_lookup.follow(after)
        door, idle_from = self._actors.door_poller.door(after), self._usage.continuity.idle_from(key)
        after = replace(after, events=self._actors.event_lookup.known(key), door=door, idle_from=idle_from)
        url = session_url(after.spec, self._settings) if after.spec is not None else after.session.status.url
        overdue = self._actors.refusals.of_own(owner_of(after.session.metadata), END)
        known = (overdue.finding,) if overdue is not None and overdue.attempts else ()
        context = Context(url or NO_URL, self._clock.now(), self._lead)
        outcome = report(self._as_unreported(key, after), plan, (*findings, *known), context)
        written = await self._write_status(key, after, outcome.status)
        followed = await self._follow_up(key, after, outcome.next, context.now)
        # An end that was overdue, and succeeded, is to be taken out of the status.
        again = context.now if known and not followed.failed else None
        return written + followed + Done(due=(outcome.next.wake_at, silent_until, again))

    async def _write_status(self, key: Key, observed: Observed, status: Status) -> Done:
        announce = partial(self._actors.status_writer.announce, observed, status)
        failed = await self._own(observed.session, STATUS, announce)
        self._unreported.pop(key, None)
        if failed is None:
            self._caches.former_pod_reported(key)
        else:
            self._unreported[key] = status
        return Done(present(failed))

    async def _follow_up(self, key: Key, observed: Observed, following: NextSteps, now: datetime) -> Done:
        """Ask what matters from now on, and pause or delete the session if that is due."""
        self._follow_usage(key, observed, following, now)
        door = observed.door.address if observed.door is not None else None
        self._actors.door_poller.mind(key, door, following.ask_door_at, now)
        self._actors.job_poller.mind(key, remote_job.address(observed), following.ask_job_at, now)
        session = self._caches.session(key)
        # Looked up anew: a session that was changed meanwhile must not be paused all the same.
        if session is None or not spec_unchanged(observed.session, session):
            return Done()
        return Done(present(await self._own(session, END, lambda: self._end(session, following.end))))

    async def _end(self, session: SessionView, end: End | None) -> None:
        if end is not None:
            await self._actors.culler.end(session, end)

    async def _release(self, key: Key, before: Observed, plan: Plan, written: Done) -> Result:
        """Let a deleted session go, even if that cannot be reported, once its job elsewhere is cancelled."""
        done, unreported = written, None
        try:
            done += await self._report(key, before, plan, written.findings)
        except Exception as error:  # noqa: BLE001 raised below
            unreported = error
        # Looked up anew: the status that was just written has moved the session's resource version.
        newest = self._look(key) or before
        stays = deadlines.stays_until(newest)
        if stays is not None and self._clock.now() < stays:
            return next_look(Done(done.failed, due=(stays,)))
        released = await self._own(newest.session, FINALIZER, lambda: self._actors.finalizer.release(newest))
        failed = (*done.failed, *present(released))
        if self._caches.session(key) is not None:
            if unreported is not None:
                raise unreported
            raise_for(failed)
        return next_look(Done(failed))

    def _as_unreported(self, key: Key, observed: Observed) -> Observed:
        """Return a session as if its last report had been written, also if that failed."""
        status = self._unreported.get(key, observed.session.status)
        return replace(observed, session=structs.replace(observed.session, status=status))

    def _look(self, key: Key) -> Observed | None:
        events, former_pod = self._actors.event_lookup.known(key), self._caches.former_pod(key)
        observed = gather(self._caches, key, self._usage.of(key), events, former_pod)
        if observed is None:
            return None
        account = self._account[1] if self._account[0] == key[0] else None
        seen = replace(observed, unheard=self._caches.unheard, clocks_differ=not self._clock.trusted)
        seen = replace(seen, operators_account=account, claim_leaves=self._actors.given_claims.leaves(seen))
        return replace(seen, remote_job=self._actors.job_poller.job(seen))

    def _follow_usage(self, key: Key, observed: Observed, following: NextSteps, now: datetime) -> None:
        culling = observed.spec.culling if observed.spec is not None else None
        if following.usage_counts and culling is not None:
            self._usage.follow(key, threshold(culling), started_at(observed))
            if following.at_work:
                self._usage.continuity.worked(key, now)
        else:
            self._usage.leave(key)

    def forget(self, key: Key) -> None:
        """Forget a session that is gone."""
        self._actors.deletions.forget(key)
        self._uids.pop(key, None)
        self._forget_memories(key)

    def _forget_former(self, key: Key) -> None:
        """Forget a session whose name another one has: created within the same second, nobody saw that it was gone."""
        if (session := self._caches.session(key)) is not None:
            uid, former = session.metadata.uid, self._uids.get(key)
            self._uids[key] = uid
            if former not in (None, uid):
                self._forget_memories(key)
                self.forget_failures(key)

    def _forget_memories(self, key: Key) -> None:
        self._unreported.pop(key, None)
        self._usage.leave(key)
        self._actors.forget(key)

"""Changes of the workload: when its pod template may be written, and what waits for the next start instead.

A session restarts only for a change of the user's own spec: neither a newer operator nor somebody's edit of the
StatefulSet is a reason. The condition `UpdatePending` reports what waits.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from amalthea.api import names
from amalthea.api.reasons import ConditionType, Reason
from amalthea.api.schema import Manifest
from amalthea.children.changes import applied, obstacles, patches
from amalthea.children.changes.applied import Applied
from amalthea.children.changes.patches import Operation
from amalthea.children.changes.writes import Changes, Delete, Patch
from amalthea.model.findings import Finding
from amalthea.model.plan import Course, Plan, TemplateChange
from amalthea.model.views.objects import WorkloadView
from amalthea.model.views.observed import Observed

_WAITS = {
    Reason.SPEC_CHANGED: "Your changes take effect at the session's next start; pause and resume it to apply them.",
    Reason.OPERATOR_CHANGED: "The session was made by an older operator; its next start brings it up to date.",
    Reason.EDITED: "The session's workload was edited by hand; its next start restores it.",
}
_NEVER = (
    "Your changes are not applied, since spec.reconcileStrategy is never; set it to always or whenFailedOrHibernated "
    "to apply them."
)


@dataclass(frozen=True)
class PodSpecHash:
    """The hash of what the user's spec says about the pod."""

    spec_hash: str
    """Hash of the part of the raw spec that reaches a pod template, less the CRD's defaults."""


def pod_spec_hash(pod_relevant: Manifest) -> PodSpecHash:
    """Return the hash of the pod-relevant part of a raw spec.

    What decides where the pod runs is left out: it reaches the template as it is, and has a hash of its own there.
    """
    lasting = {name: value for name, value in pod_relevant.items() if name not in applied.SCHEDULING_FIELDS}
    return PodSpecHash(applied.digest(lasting))


def compare(observed: Observed, plan: Plan, manifest: Manifest, pod_spec_hash: PodSpecHash) -> Changes:
    """Return what is to be written to the session's own workload."""
    workload = observed.own_workload
    if workload is None or workload.finished:
        return Changes()
    key = (workload.kind, workload.metadata.name)
    if plan.awaited_pod is not None:
        return Changes(findings=(obstacles.awaits(plan.awaited_pod),))
    before, after = applied.read(workload), applied.describe(manifest, pod_spec_hash.spec_hash)
    state = _State(workload, before, after, edited=key in observed.edited)
    own = _noted(state) if plan.held_down else _operations(state, plan, manifest)
    operations = (*patches.adopt(workload, manifest), *own)
    writes = (Patch(key, (patches.guard(workload), *operations)),) if operations else ()
    if plan.recreate_job:
        return Changes((Delete(key, workload.metadata.uid, otherwise=writes),))
    return Changes(writes, _waiting(observed, state, plan))


def pause_only(observed: Observed) -> Changes:
    """Return the write that only stops the pod of a session: its spec cannot be used otherwise, or it is to go."""
    workload, ends = observed.own_workload, observed.hibernated or observed.deleting
    if workload is None or workload.finished or not (ends and workload.awake):
        return Changes()
    key, before = (workload.kind, workload.metadata.name), applied.read(workload)
    paused = replace(_counted(workload, before), awake=False) if before is not None else None
    record = {names.ANNOTATION_APPLIED: applied.encode(paused)} if paused is not None else {}
    operations = (*_awake(workload, awake=False), *patches.annotate(workload, record))
    return Changes((Patch(key, (patches.guard(workload), *operations)),))


def waits(observed: Observed, reason: Reason) -> Finding:
    """Return the finding for what is not written while the session runs."""
    never = reason is Reason.SPEC_CHANGED and _never_changed(observed)
    return Finding(ConditionType.UPDATE_PENDING, reason, _NEVER if never else _WAITS[reason])


@dataclass(frozen=True)
class _State:
    """The existing workload in relation to the wanted one."""

    workload: WorkloadView
    before: Applied | None
    after: Applied
    edited: bool

    @property
    def record(self) -> Applied:
        """Return the record that it carries or, where that is of no use, one as if it was made from today's spec.

        So the user's next change of a workload that another operator or release made is recognised.
        """
        before, generation = self.before or Applied(), self.workload.metadata.generation
        if before.v != applied.SCHEME or not before.spec:
            known = replace(self.after, manifest="", generation=generation)
            return replace(known, labels=before.labels, annotations=before.annotations)
        if before.held and (self.workload.kind == "Job" or before.held == self.workload.fingerprint):
            return replace(before, held="", generation=generation)
        if not self.taken_over:
            return before
        return replace(before, spec=self.after.spec, scheduling=self.after.scheduling, generation=generation)

    @property
    def taken_over(self) -> bool:
        """Return whether somebody wrote it after us, unobserved: perhaps the Go operator, for the user's change.

        An edit that was observed is not a user's request: what we wrote for is still known.
        """
        written = self.before.generation if self.before is not None else 0
        return 0 < written < self.workload.metadata.generation and not self.edited

    @property
    def changed_since_written(self) -> bool:
        """Return whether the user asks for something else than it was last written for, whoever wrote it since."""
        before, after = self.before or Applied(), self.after
        return bool(before.spec) and (before.spec, before.scheduling) != (after.spec, after.scheduling)

    @property
    def drifted(self) -> bool:
        """Return whether it would be rendered differently today, for the user's change or by a newer operator."""
        return self.record.manifest != self.after.manifest

    @property
    def wish_changed(self) -> bool:
        """Return whether the user's spec asks for another pod than when it was written."""
        return self.record.spec != self.after.spec

    @property
    def place_changed(self) -> bool:
        """Return whether the user's spec asks for another placement of the pod."""
        return self.record.scheduling != self.after.scheduling

    def written_whole(self, plan: Plan) -> bool:
        """Return whether the whole template is to be written now."""
        if plan.course is not Course.RUN or self.workload.kind == "Job":
            return False
        if plan.template is TemplateChange.NOW:
            return not self.workload.awake or self.drifted or self.place_changed or self.edited
        return plan.template is TemplateChange.WITH_THE_USERS_CHANGE and self.drifted and self.wish_changed

    def moved(self, plan: Plan) -> bool:
        """Return whether only the placement of the pod is to be written now. A Job's template is fixed."""
        on_the_way = plan.course is Course.RUN and self.workload.kind == "StatefulSet"
        return on_the_way and plan.scheduling_may_change and self.place_changed


def _operations(state: _State, plan: Plan, manifest: Manifest) -> list[Operation]:
    workload, awake = state.workload, plan.course is Course.RUN
    if state.written_whole(plan):
        metadata = patches.metadata(workload, manifest, state.before, _counted(workload, state.after))
        return metadata + patches.sections(manifest)
    operations, annotations = _awake(workload, awake=awake), {}
    if awake and not workload.awake and plan.run_id is not None:
        annotations[names.ANNOTATION_RUN_ID] = plan.run_id
        operations += _run_id_of_the_pod(workload, plan.run_id)
    if state.moved(plan):
        pod = manifest["spec"]["template"]["spec"]
        operations += [patches.add(f"/spec/template/spec/{name}", pod.get(name)) for name in applied.SCHEDULING_FIELDS]
    operations += _deadline(workload, manifest)
    record = replace(_record(state, plan), awake=awake) if operations else _record(state, plan)
    record = _counted(workload, record) if operations else record
    taken = not awake and state.before is not None and state.before.awake and not operations
    if taken:  # by somebody else, before this pause: the next resume is ours
        record = replace(record, awake=False)
    if record != state.before and (awake or taken or (operations and state.before is not None)):
        annotations[names.ANNOTATION_APPLIED] = applied.encode(record)
    return operations + patches.annotate(workload, annotations)


def _noted(state: _State) -> list[Operation]:
    """Return the note that the user has changed what somebody else holds down: it lasts until that is given back."""
    before, held, generation = state.before, state.workload.fingerprint, state.workload.metadata.generation
    if before is None or not state.changed_since_written or (before.held, before.generation) == (held, generation):
        return []
    record = replace(before, held=held, generation=generation)
    return patches.annotate(state.workload, {names.ANNOTATION_APPLIED: applied.encode(record)})


def _counted(workload: WorkloadView, record: Applied) -> Applied:
    """Return the record that goes with a change of the workload's spec: that makes one generation more."""
    return replace(record, generation=workload.metadata.generation + 1)


def _record(state: _State, plan: Plan) -> Applied:
    """Return the record to keep where the template is not written.

    A changed spec that changes no manifest is recorded, so that a newer operator's rendering is not blamed on the user.
    """
    record = state.record
    if state.moved(plan):
        record = replace(record, scheduling=state.after.scheduling)
    if state.wish_changed and not state.drifted:
        record = replace(record, spec=state.after.spec)
    return record


def _awake(workload: WorkloadView, *, awake: bool) -> list[Operation]:
    """Return what gives the workload the pod that it is to have: one or none."""
    if workload.kind == "Job":
        return [patches.add("/spec/suspend", not awake)] if workload.awake != awake else []
    replicas = 1 if awake else 0
    return [patches.add("/spec/replicas", replicas)] if workload.spec.replicas != replicas else []


def _run_id_of_the_pod(workload: WorkloadView, run_id: str) -> list[Operation]:
    """Return what gives an otherwise unchanged template the new run's id. A Job's template is fixed."""
    path = "/spec/template/metadata/annotations"
    if workload.kind == "Job":
        return []
    if not workload.template_annotated:
        return [patches.add(path, {names.ANNOTATION_RUN_ID: run_id})]
    return [patches.add(f"{path}/{names.ANNOTATION_RUN_ID.replace('/', '~1')}", run_id)]


def _deadline(workload: WorkloadView, manifest: Manifest) -> list[Operation]:
    """Return what gives a Job its new time limit: unlike its template it can change while the Job runs."""
    wanted = manifest["spec"].get("activeDeadlineSeconds")
    if workload.kind != "Job" or workload.spec.active_deadline_seconds == wanted:
        return []
    return [patches.add("/spec/activeDeadlineSeconds", wanted)]


def _waiting(observed: Observed, state: _State, plan: Plan) -> tuple[Finding, ...]:
    """Return what waits for the next start, if anything does."""
    if plan.held_down and state.workload.kind == "Job" and state.changed_since_written:
        return (waits(observed, Reason.SPEC_CHANGED),)
    if plan.course is not Course.RUN or state.written_whole(plan) or not state.workload.awake:
        return ()
    if (state.drifted and state.wish_changed) or (state.place_changed and not state.moved(plan)):
        return (waits(observed, Reason.SPEC_CHANGED),)
    if _never_changed(observed):
        return ()
    if state.drifted:
        return (waits(observed, Reason.OPERATOR_CHANGED),)
    # A Job's template can be edited before it starts only, by the queue that admits it, and no start restores it.
    edited = state.edited and state.workload.kind != "Job"
    return (waits(observed, Reason.EDITED),) if edited else ()


def _never_changed(observed: Observed) -> bool:
    return observed.spec is not None and observed.spec.reconcile_strategy == "never"

"""Decides the writes: compares each wanted child with the existing one, by the hashes that it carries.

Pure. The workload, whose changes may restart a session, has a module of its own: `pod_template_changes.py`.
"""

from collections.abc import Iterable

from amalthea.api.schema import Manifest
from amalthea.children.changes import applied, data_source_claims, patches, pod_template_changes, volume_changes
from amalthea.children.changes.obstacles import awaits, files_at_risk, made_beforehand, name_taken, terminating
from amalthea.children.changes.writes import Changes, Create, Delete, Patch
from amalthea.children.ingress import with_challenges
from amalthea.model import deadlines
from amalthea.model.findings import Finding
from amalthea.model.plan import Course, Plan
from amalthea.model.views.objects import ChildView, ClaimView
from amalthea.model.views.observed import ChildKey, Observed

WORKLOADS = ("StatefulSet", "Job")


def compare(
    observed: Observed, plan: Plan, manifests: Iterable[Manifest], pod_spec_hash: pod_template_changes.PodSpecHash
) -> Changes:
    """Return the writes that bring the session's children to their manifests, as far as the plan allows it.

    `manifests` are all wanted children: none where the plan is to refuse, or to delete.
    """
    if plan.course is Course.DELETE:
        return pod_template_changes.pause_only(observed) if deadlines.stays_until(observed) is not None else Changes()
    if plan.course is Course.REFUSE:
        return pod_template_changes.pause_only(observed) + _unwanted(observed, plan, ())
    wanted = {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in manifests}
    changes, workloads_plan = Changes(), data_source_claims.held(observed, plan, wanted)
    for key, manifest in wanted.items():
        changes += _child(observed, workloads_plan if key[0] in WORKLOADS else plan, key, manifest, pod_spec_hash)
    return changes + _unwanted(observed, plan, wanted) + data_source_claims.removed(observed, wanted)


def _child(
    observed: Observed, plan: Plan, key: ChildKey, manifest: Manifest, pod_spec_hash: pod_template_changes.PodSpecHash
) -> Changes:
    child, at_risk = observed.child(key), observed.files_at_risk and key == ("PersistentVolumeClaim", observed.name)
    if child is None and at_risk:
        return Changes(findings=(files_at_risk(key),))
    if child is None:
        return _missing(plan, key, manifest, pod_spec_hash)
    if child.metadata.deletion_timestamp is not None or observed.left_behind(child):
        return Changes(findings=(files_at_risk(key) if at_risk else terminating(key),))
    if not observed.owns(child):
        given = isinstance(child, ClaimView) and child.metadata.controller is None
        return Changes(findings=(made_beforehand(key) if given else name_taken(key),))
    if key[0] in WORKLOADS:
        return pod_template_changes.compare(observed, plan, manifest, pod_spec_hash)
    return _existing(observed, plan, child, manifest)


def _missing(plan: Plan, key: ChildKey, manifest: Manifest, pod_spec_hash: pod_template_changes.PodSpecHash) -> Changes:
    if key[0] in WORKLOADS and not plan.make_workload:
        return Changes()
    if key[0] in WORKLOADS and plan.awaited_pod is not None:
        return Changes(findings=(awaits(plan.awaited_pod),))
    return Changes((Create(key, _stamped(key, manifest, pod_spec_hash)),))


def _existing(observed: Observed, plan: Plan, child: ChildView, manifest: Manifest) -> Changes:
    findings: tuple[Finding, ...] = ()
    if isinstance(child, ClaimView):
        for replaced in (data_source_claims.replaced, volume_changes.replaced):
            if (changes := replaced(observed, plan, child, manifest)) is not None:
                return changes
        manifest, findings = volume_changes.sized(observed, plan, child, manifest)
    before, after = applied.read(child), applied.describe(manifest)
    key = (manifest["kind"], manifest["metadata"]["name"])
    in_order = (
        before is not None
        and before.manifest == after.manifest
        and key not in observed.edited
        and not patches.metadata_differs(child, manifest)
    )
    if child.challenges:
        manifest = with_challenges(manifest, child.challenges)
    operations = patches.adopt(child, manifest)
    if plan.children_may_change and not in_order:
        operations += [*patches.metadata(child, manifest, before, after), *patches.sections(manifest)]
    writes = (Patch(key, (patches.guard(child), *operations)),) if operations else ()
    return Changes(writes, findings)


def _unwanted(observed: Observed, plan: Plan, wanted: Iterable[ChildKey]) -> Changes:
    """Delete the Ingress of a session that is paused or, where changes are allowed, is no longer to have one."""
    ingress = observed.ingress
    if ingress is None or not observed.owns(ingress) or ingress.metadata.deletion_timestamp is not None:
        return Changes()
    key = ("Ingress", ingress.metadata.name)
    if key in wanted or not (observed.hibernated or plan.children_may_change):
        return Changes()
    return Changes((Delete(key, ingress.metadata.uid),))


def _stamped(key: ChildKey, manifest: Manifest, pod_spec_hash: pod_template_changes.PodSpecHash) -> Manifest:
    if key[0] not in WORKLOADS:
        return applied.stamped(manifest, applied.describe(manifest))
    return applied.stamped(manifest, applied.describe(manifest, pod_spec_hash.spec_hash, generation=1))

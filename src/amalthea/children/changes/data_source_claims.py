"""PVCs of data sources that no longer fit the spec: deleted, and created again, once nothing mounts them.

The data is not in such a claim: it only names the secret by which the driver finds it. The session's own volume is
never among them. No pod may come to mount a claim under the path of another source: see `held`.
"""

from collections.abc import Container, Mapping
from dataclasses import replace

from amalthea.api import names
from amalthea.api.reasons import Reason
from amalthea.api.schema import Manifest
from amalthea.children.changes.obstacles import terminating
from amalthea.children.changes.pod_template_changes import waits
from amalthea.children.changes.writes import Changes, Delete
from amalthea.model.plan import Course, Plan, TemplateChange
from amalthea.model.views.objects import ClaimView
from amalthea.model.views.observed import ChildKey, Observed
from amalthea.model.views.pods import PodView

_KIND = "PersistentVolumeClaim"


def removed(observed: Observed, wanted: Container[ChildKey]) -> Changes:
    """Return the deletions of the claims whose data sources are no longer in the spec."""
    return Changes(
        tuple(
            _delete(claim)
            for claim in observed.claims
            if (_KIND, claim.metadata.name) not in wanted
            and claim.metadata.deletion_timestamp is None
            and _of_a_data_source(observed, claim)
            and not _mounted(observed, claim)
        )
    )


def replaced(observed: Observed, plan: Plan, claim: ClaimView, manifest: Manifest) -> Changes | None:
    """Return the changes for a claim of another source than the spec now has in its place; None if it fits.

    Neither the secret nor the access mode of a claim that is mounted can change: that waits for the next start.
    """
    if not _of_a_data_source(observed, claim) or _source(claim) == _wanted_source(manifest):
        return None
    workload, pods = observed.own_workload, _pods_with(observed, claim)
    if (plan.children_may_change or workload is None) and not _mounted(observed, claim):
        return Changes((_delete(claim, needed=True),))
    if pods and plan.course is Course.RUN and (workload is None or not workload.awake):
        return Changes(findings=tuple(terminating(("Pod", pod.metadata.name)) for pod in pods))
    return Changes(findings=(waits(observed, Reason.SPEC_CHANGED),))


def held(observed: Observed, plan: Plan, wanted: Mapping[ChildKey, Manifest]) -> Plan:
    """Return the plan for the workload: unchanged while a claim that it would mount is of another source.

    Once nothing mounts that claim, it is deleted; the workload follows when the next one is created.
    """
    workload = observed.own_workload
    stays = workload is not None and plan.template is TemplateChange.NOT
    if stays or plan.course is not Course.RUN or not _of_another_source(observed, wanted):
        return plan
    course = Course.RUN if workload is not None and workload.awake else Course.SLEEP
    return replace(plan, course=course, template=TemplateChange.NOT, make_workload=False)


def _of_another_source(observed: Observed, wanted: Mapping[ChildKey, Manifest]) -> bool:
    """Return whether a claim exists, even if it is being deleted, that is of another source than the wanted one."""
    present = ((claim, wanted.get((_KIND, claim.metadata.name))) for claim in observed.claims)
    return any(
        manifest is not None and _of_a_data_source(observed, claim) and _source(claim) != _wanted_source(manifest)
        for claim, manifest in present
    )


def _of_a_data_source(observed: Observed, claim: ClaimView) -> bool:
    """Return whether a claim is of a data source and controlled by the session: no other is deleted."""
    name = claim.metadata.name
    index = name.rpartition("-")[2]
    named = index.isdecimal() and name == names.data_source_claim(observed.name, int(index))
    return named and claim.metadata.belongs_to(observed.session.metadata.uid)


def _mounted(observed: Observed, claim: ClaimView) -> bool:
    """Return whether a pod uses the claim, or the next one will since the workload's template is to stay."""
    workload, name = observed.own_workload, claim.metadata.name
    if _pods_with(observed, claim):
        return True
    stays = observed.spec is not None and observed.spec.reconcile_strategy == "never"
    return workload is not None and (workload.awake or stays) and name in workload.claims


def _pods_with(observed: Observed, claim: ClaimView) -> list[PodView]:
    return [pod for pod in observed.pods if claim.metadata.name in pod.claims]


def _source(claim: ClaimView) -> tuple[str | None, list[str]]:
    return claim.metadata.annotations.get(names.ANNOTATION_RCLONE_SECRET), claim.spec.access_modes


def _wanted_source(manifest: Manifest) -> tuple[str | None, list[str]]:
    return manifest["metadata"]["annotations"][names.ANNOTATION_RCLONE_SECRET], manifest["spec"]["accessModes"]


def _delete(claim: ClaimView, *, needed: bool = False) -> Delete:
    """Return the deletion of a claim; `needed` marks one that has to make room for the next."""
    return Delete((_KIND, claim.metadata.name), claim.metadata.uid, otherwise=None if needed else ())

"""Claims of data sources that do not fit the spec any more: deleted, and made anew, once nothing mounts them.

The data is not in such a claim: it only names the secret by which the driver finds it. The session's own volume is
never among them.
"""

from collections.abc import Container

from amalthea.api import names
from amalthea.api.reasons import Reason
from amalthea.api.schema import Manifest
from amalthea.build.workload import waits
from amalthea.build.writes import Changes, Delete
from amalthea.model.observed import ChildKey, Observed
from amalthea.model.plan import Plan
from amalthea.model.views import ClaimView

_KIND = "PersistentVolumeClaim"


def removed(observed: Observed, wanted: Container[ChildKey]) -> Changes:
    """Return the deletions of the claims whose data sources are in the spec no more."""
    return Changes(
        tuple(
            _delete(claim)
            for claim in observed.claims
            if (_KIND, claim.metadata.name) not in wanted
            and _of_a_data_source(observed, claim)
            and not _mounted(observed, claim)
        )
    )


def replaced(observed: Observed, plan: Plan, claim: ClaimView, manifest: Manifest) -> Changes | None:
    """Return what becomes of a claim that is of another source than the spec now has in its place; None if it is not.

    Neither the secret nor the access mode of a claim that is mounted can change: that waits for the next start.
    """
    if not _of_a_data_source(observed, claim) or _source(claim) == _wanted_source(manifest):
        return None
    if plan.children_may_change and not _mounted(observed, claim):
        return Changes((_delete(claim),))
    return Changes(findings=(waits(observed, Reason.SPEC_CHANGED),))


def _of_a_data_source(observed: Observed, claim: ClaimView) -> bool:
    """Tell whether a claim is the session's own, of a data source, and not going away already."""
    name = claim.metadata.name
    index = name.rpartition("-")[2]
    named = index.isdecimal() and name == names.data_source_claim(observed.name, int(index))
    return named and observed.owns(claim) and claim.metadata.deletion_timestamp is None


def _mounted(observed: Observed, claim: ClaimView) -> bool:
    """Tell whether a pod uses the claim, or the next one will since the workload's template is to stay."""
    workload, name = observed.own_workload, claim.metadata.name
    if any(name in pod.claims for pod in observed.pods):
        return True
    stays = observed.spec is not None and observed.spec.reconcile_strategy == "never"
    return workload is not None and (workload.awake or stays) and name in workload.claims


def _source(claim: ClaimView) -> tuple[str | None, list[str]]:
    return claim.metadata.annotations.get(names.ANNOTATION_RCLONE_SECRET), claim.spec.access_modes


def _wanted_source(manifest: Manifest) -> tuple[str | None, list[str]]:
    return manifest["metadata"]["annotations"][names.ANNOTATION_RCLONE_SECRET], manifest["spec"]["accessModes"]


def _delete(claim: ClaimView) -> Delete:
    return Delete((_KIND, claim.metadata.name), claim.metadata.uid, otherwise=())

"""Changes of the claim for the user's files when the spec asks for another size or class. Pure.

A volume can grow, but never shrink or change its class. A claim without a volume holds nothing: it is recreated.
"""

from decimal import Decimal

from amalthea.api import quantities
from amalthea.api.reasons import ConditionType, Reason
from amalthea.api.schema import Manifest
from amalthea.children.changes.pod_template_changes import waits
from amalthea.children.changes.writes import Changes, Delete
from amalthea.model.findings import Finding
from amalthea.model.plan import Plan
from amalthea.model.views import readiness
from amalthea.model.views.objects import ClaimView
from amalthea.model.views.observed import Observed

_KIND = "PersistentVolumeClaim"


def replaced(observed: Observed, plan: Plan, claim: ClaimView, manifest: Manifest) -> Changes | None:
    """Return the deletion of a claim that can be recreated, since it never got a volume; None if it stays.

    The next one is created once it is gone. One that is to be larger stays: it grows when its volume exists.
    """
    fits = _class(manifest) in (None, claim.spec.storage_class_name) and _missing(claim, manifest) >= 0
    ours = claim.metadata.belongs_to(observed.session.metadata.uid) and claim.metadata.name == observed.name
    if fits or not ours or not _is_empty(observed, claim):
        return None
    if not plan.children_may_change:
        return Changes(findings=(waits(observed, Reason.SPEC_CHANGED),))
    return Changes((Delete((_KIND, claim.metadata.name), claim.metadata.uid),))


def sized(observed: Observed, plan: Plan, claim: ClaimView, manifest: Manifest) -> tuple[Manifest, tuple[Finding, ...]]:
    """Keep the claim's size where it cannot have the wanted one; report that, or that its growth waits.

    A claim without a volume has its size until there is one: then it grows. One that asks for more than it got may ask
    for less again, if that is still more than it has: so an expansion that failed is taken back (Kubernetes 1.34).
    """
    missing = _missing(claim, manifest)
    if missing > 0 and not plan.children_may_change:
        return manifest, (waits(observed, Reason.SPEC_CHANGED),)
    present = claim.spec.resources.requests.storage
    kept = {**manifest, "spec": {**manifest["spec"], "resources": {"requests": {"storage": present}}}}
    of_the_files = claim.metadata.name == observed.name
    findings = (*_class_is_fixed(claim, manifest), *_grows_at_start(claim)) if of_the_files else ()
    if missing >= 0:
        return kept if missing > 0 and claim.pending else manifest, findings
    wanted, got = _size(manifest), claim.capacity
    if got and quantities.parse(wanted) > quantities.parse(got):
        return manifest, findings
    return kept, (_cannot_shrink(claim, wanted), *findings) if of_the_files else ()


def _cannot_shrink(claim: ClaimView, wanted: str) -> Finding:
    asked, has = claim.spec.resources.requests.storage, claim.capacity or claim.spec.resources.requests.storage
    grows = quantities.parse(asked) > quantities.parse(has)
    return Finding(
        ConditionType.STORAGE_SIZED,
        Reason.SHRINK_REFUSED,
        f"The volume {claim.metadata.name} has {has} and is to grow to {asked}; that can be reduced only to more "
        f"than it has, not to {wanted}. Set spec.session.storage.size to a little more than {has}."
        if grows
        else f"The volume {claim.metadata.name} has {has} and cannot shrink to {wanted}; nothing was changed. "
        f"Set spec.session.storage.size to at least {has}.",
    )


def _class_is_fixed(claim: ClaimView, manifest: Manifest) -> tuple[Finding, ...]:
    wanted, has = _class(manifest), claim.spec.storage_class_name
    if claim.pending or wanted in (None, has) or not claim.spec.volume_name:
        return ()
    finding = Finding(
        ConditionType.STORAGE_SIZED,
        Reason.CLASS_FIXED,
        f'The volume {claim.metadata.name} has the class "{has}", and the class of a volume cannot change. '
        f'Set spec.session.storage.className to "{has}", or make a new session for the class "{wanted}".',
    )
    return (finding,)


def _grows_at_start(claim: ClaimView) -> tuple[Finding, ...]:
    """Report that a volume has its new size with the next pod only: drivers that grow it under a pod need seconds."""
    if not claim.grows_at_start:
        return ()
    finding = Finding(
        ConditionType.STORAGE_SIZED,
        Reason.GROWS_AT_START,
        f"The volume {claim.metadata.name} is larger, but its file system is not yet. If its node does not grow it "
        "within minutes, it grows when the session is next started: pause and resume it.",
    )
    return (finding,)


def _is_empty(observed: Observed, claim: ClaimView) -> bool:
    """Return whether nothing can be lost with a claim: it has no volume, and no program runs that could write to it."""
    return claim.pending and not claim.spec.volume_name and not any(map(readiness.has_begun, observed.pods))


def _missing(claim: ClaimView, manifest: Manifest) -> Decimal:
    return quantities.parse(_size(manifest)) - quantities.parse(claim.spec.resources.requests.storage)


def _size(manifest: Manifest) -> str:
    size: str = manifest["spec"]["resources"]["requests"]["storage"]
    return size


def _class(manifest: Manifest) -> str | None:
    """Return the requested class; None for whatever the cluster's default was."""
    wanted: str | None = manifest["spec"].get("storageClassName")
    return wanted

"""Troubles that the session's claims, its Service and its Ingress report in their own status."""

from collections.abc import Iterator

from amalthea.api.reasons import Failure
from amalthea.model.diagnosis.diagnosis import Diagnosis
from amalthea.model.views.observed import Observed


def troubles(observed: Observed) -> Iterator[Diagnosis]:
    """Return what is wrong with the session's volumes and its way in. It fails no session that runs all the same."""
    fatal = observed.pod is None or not observed.pod.ready
    for claim in filter(observed.owns, observed.claims):
        for fault in claim.faults:
            message = f'The volume "{claim.metadata.name}" could not be given its new size; ask an administrator.'
            yield Diagnosis(Failure.VOLUME_NOT_RESIZED, message, fault, fatal=fatal)
    for child in (observed.service, observed.ingress):
        for fault in child.faults if child is not None and observed.owns(child) else ():
            message = "The session cannot be reached: the load balancer in front of it reports an error."
            yield Diagnosis(Failure.NOT_REACHABLE, message, fault, fatal=fatal)

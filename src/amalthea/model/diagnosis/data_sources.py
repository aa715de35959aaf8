"""Data sources that cannot be mounted, named as their users know them: the claim is internal to the operator.

A claim of a data source names the secret by which the driver finds the data; Events name the claim, or its volume.
"""

import re
from collections.abc import Iterator

from amalthea.api import names
from amalthea.model.views.objects import ClaimView
from amalthea.model.views.observed import Observed

_THE_OTHERS = ", unattached volumes="
"""The kubelet's words before the volumes that wait with the one that it could not mount."""


def described(observed: Observed, claim: ClaimView) -> str | None:
    """Return the user's name for the data source of a claim; None for the session's own volume."""
    secret = claim.metadata.annotations.get(names.ANNOTATION_RCLONE_SECRET)
    if secret is None:
        return None
    path = next(_paths(observed, claim.metadata.name, secret), None)
    return (
        f"The data source at {path} (secret {secret})"
        if path is not None
        else f"The data source of the secret {secret}"
    )


def named_in(observed: Observed, said: str) -> str | None:
    """Return the user's name for the data source that the kubelet mentions, if it is one."""
    about = said.partition(_THE_OTHERS)[0]
    for claim in filter(observed.owns, observed.claims):
        if names.ANNOTATION_RCLONE_SECRET not in claim.metadata.annotations:
            continue  # the session's own volume, whose name is the session's: it may stand anywhere
        marks = filter(None, (claim.metadata.name, claim.spec.volume_name))
        if any(re.search(rf"(?<![\w.-]){re.escape(mark)}(?![\w.-])", about) for mark in marks):
            return described(observed, claim)
    return None


def _paths(observed: Observed, claim: str, secret: str) -> Iterator[str]:
    """Yield where the spec mounts the claim; nothing while the claim is of a source that stood there before."""
    sources = observed.spec.data_sources if observed.spec is not None else None
    for index, source in enumerate(sources or ()):
        of_it = source.secret_ref is not None and source.secret_ref.name == secret
        if of_it and names.data_source_claim(observed.name, index) == claim:
            yield source.mount_path

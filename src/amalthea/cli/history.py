"""Whose Events tell of a session: those of its objects by their names, so that the past of a pod that is gone counts.

Names come back, too: what is older than the session, or is about what belongs to somebody else, is not of it.
"""

from collections.abc import Iterator

from amalthea.api import names
from amalthea.cli.known import EventView
from amalthea.model.observed import Observed

_OF_ITS_RUNS = ("StatefulSet", "Job", "Pod")
_TELLING = (*_OF_ITS_RUNS, "PersistentVolumeClaim")


def objects(observed: Observed) -> tuple[str, ...]:
    """Return the names of the session's objects, those that are gone included; most bear the session's own name."""
    spec = observed.spec
    pods = [f"{observed.name}-0"] if observed.interactive else []
    pods += [pod.metadata.name for pod in observed.pods]
    sources = len(spec.data_sources or ()) if spec is not None else 0
    claims = [names.data_source_claim(observed.name, index) for index in range(sources)]
    return tuple(dict.fromkeys((observed.name, *pods, *claims)))


def tells_of(observed: Observed, event: EventView) -> bool:
    """Tell whether an Event on an object of such a name is about this very session."""
    about, created = event.involved_object, observed.session.metadata.creation_timestamp
    if about.kind == names.KIND:
        return about.uid == observed.session.metadata.uid
    if about.kind not in _TELLING or about.uid in _strangers(observed):
        return False
    if about.kind in _OF_ITS_RUNS and observed.workload is not None and observed.own_workload is None:
        return False
    return event.at is not None and (created is None or created <= event.at)


def _strangers(observed: Observed) -> Iterator[str]:
    """Yield the UIDs of what is there under the session's names, and is not its own."""
    uid = observed.session.metadata.uid
    yield from (claim.metadata.uid for claim in observed.claims if not observed.owns(claim))
    for pod in observed.pods:
        if pod.metadata.annotations.get(names.ANNOTATION_SESSION_UID, uid) != uid:
            yield pod.metadata.uid

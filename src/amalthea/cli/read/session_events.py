"""Finds the Events of a session by the names of its objects, so that the past of a pod that is gone counts.

Names are reused: an Event on a vanished object that is older than the session belongs to a predecessor.
"""

from collections.abc import Iterator

from amalthea.api import names
from amalthea.cli.read.snapshot import EventView
from amalthea.model.views.observed import Observed

_OF_ITS_RUNS = ("StatefulSet", "Job", "Pod")
_READ = (*_OF_ITS_RUNS, "PersistentVolumeClaim")


def objects(observed: Observed) -> tuple[str, ...]:
    """Return the names of the session's objects, those that are gone included; most have the session's own name."""
    spec = observed.spec
    pods = [f"{observed.name}-0"] if observed.interactive else []
    pods += [pod.metadata.name for pod in observed.pods]
    sources = len(spec.data_sources or ()) if spec is not None else 0
    claims = [names.data_source_claim(observed.name, index) for index in range(sources)]
    return tuple(dict.fromkeys((observed.name, *pods, *claims)))


def is_about(observed: Observed, event: EventView) -> bool:
    """Return whether an Event on an object of such a name is about this very session."""
    about, created = event.involved_object, observed.session.metadata.creation_timestamp
    ours = dict(_known(observed)).get(about.uid)
    if ours is not None or about.kind not in _READ:
        return bool(ours)
    if about.kind in _OF_ITS_RUNS and observed.workload is not None and observed.own_workload is None:
        return False
    return event.at is not None and (created is None or created <= event.at)


def _known(observed: Observed) -> Iterator[tuple[str, bool]]:
    """Yield the UID of each existing object with one of the session's names, and whether the session owns it."""
    uid = observed.session.metadata.uid
    yield uid, True
    children = (*observed.claims, *([observed.workload] if observed.workload is not None else []))
    yield from ((child.metadata.uid, observed.owns(child)) for child in children)
    for pod in observed.pods:
        yield pod.metadata.uid, pod.metadata.annotations.get(names.ANNOTATION_SESSION_UID, uid) == uid

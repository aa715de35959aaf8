"""At the start of a reign: finds the children that were edited while nobody looked.

Lists each kind once in full, compares it with the manifests of today, and keeps nothing but the verdicts. A child that
a newer operator would render differently is not looked at: its record says so already.
"""

import logging
from collections.abc import Iterable

import msgspec
from msgspec import Raw

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.api.settings import Settings
from amalthea.build import applied
from amalthea.build.children import children
from amalthea.build.covers import covers
from amalthea.build.secret import Material, material_from
from amalthea.build.subject import Subject
from amalthea.engine.ports import Key
from amalthea.kube.client import Client
from amalthea.kube.resource import Selection
from amalthea.model.observed import Observed
from amalthea.model.plan import problems_of
from amalthea.model.views import ChildView
from amalthea.operator import defects
from amalthea.operator.caches import Caches
from amalthea.operator.gather import gather
from amalthea.operator.kinds import CHILD_KINDS

PAGE = 100
"""Objects in memory at once."""
_UNKNOWN = Material("", "")
"""Stands for secrets that are not stored yet; what would be built of it is never compared."""

_log = logging.getLogger(__name__)


class Audit:
    """Compares what is there with what would be written."""

    def __init__(self, client: Client, caches: Caches, settings: Settings) -> None:
        self._client = client
        self._caches = caches
        self._settings = settings

    async def edited(self) -> set[Key]:
        """Distrust every child that was edited; return the sessions to look at.

        Drift detection is an extra: whatever fails in it is logged and left out, and the operator works all the same.
        """
        sessions: set[Key] = set()
        for kind in CHILD_KINDS:
            try:
                sessions |= await self._edited_of(kind)
            except Exception as error:  # noqa: BLE001 a kind that cannot be compared must not end the operator
                _log.warning(
                    "children were not compared", extra={"kind": kind, "error": f"{type(error).__name__}: {error}"}
                )
        return sessions

    async def _edited_of(self, kind: str) -> set[Key]:
        selection, continue_, sessions = Selection(self._settings.namespace, names.CHILD_SELECTOR), "", set()
        while True:
            page = await self._client.list(CHILD_KINDS[kind].resource, selection, Raw, limit=PAGE, continue_=continue_)
            sessions |= {key for item in page.items if (key := self._look_at(kind, item)) is not None}
            continue_ = page.continue_
            if not continue_:
                return sessions

    def _look_at(self, kind: str, body: Raw) -> Key | None:
        try:
            return self._compare(kind, body)
        except Exception as error:  # noqa: BLE001 one child must not keep the operator from its work
            _log.exception("a child was not compared", extra={"kind": kind, "defect": defects.identify(error)})
            return None

    def _compare(self, kind: str, body: Raw) -> Key | None:
        """Distrust the child if it was edited; return its session then."""
        view: ChildView = CHILD_KINDS[kind].decode(body)
        key = (view.metadata.namespace, view.metadata.labels.get(names.LABEL_INSTANCE, ""))
        observed = gather(self._caches, key)
        record = applied.read(view)
        if observed is None or record is None or not observed.owns(view):
            return None
        manifest = next((m for m in self._manifests(observed) if _is(m, kind, view)), None)
        if manifest is None or record.manifest != applied.describe(manifest).manifest:
            return None
        if covers(msgspec.json.decode(body), {**manifest, "kind": kind}):
            return None
        self._caches.distrust(view.metadata.uid)
        return key

    def _manifests(self, observed: Observed) -> Iterable[Manifest]:
        if observed.spec is None or problems_of(observed):
            return ()  # nothing is built of a spec that cannot be used
        metadata = observed.session.metadata
        run_id = observed.own_workload.run_id if observed.own_workload is not None else None
        subject = Subject(metadata.namespace, metadata.name, metadata.uid, observed.spec, self._settings.build, run_id)
        stored = observed.secret.data if observed.secret is not None else None
        return children(subject, material_from(stored, _UNKNOWN))


def _is(manifest: Manifest, kind: str, view: ChildView) -> bool:
    return bool(manifest["kind"] == kind and manifest["metadata"]["name"] == view.metadata.name)

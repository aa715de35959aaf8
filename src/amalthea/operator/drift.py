"""Drift detection: on becoming leader, finds children that were edited while no operator was running.

It lists each kind in full, page by page, compares it with the manifests of today, and keeps only the verdicts. A child
that a newer operator would render differently is not looked at: its record says so already.

Passes go on meanwhile. So a verdict counts only for a child that is in the cache just as it was listed: what was
written since is ours, or is seen by its fingerprint.
"""

import logging
from collections import deque
from collections.abc import Iterable

import msgspec
from msgspec import Raw

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.children.changes import applied
from amalthea.children.changes.matches import covers
from amalthea.children.manifests import manifests
from amalthea.children.secret import Material
from amalthea.engine.backoff import Backoff
from amalthea.engine.ports import Clock, Expired, Unavailable, key_of
from amalthea.engine.slices import in_slices
from amalthea.kube.client import Client, Page
from amalthea.kube.resource import Selection
from amalthea.model.plan import problems_of
from amalthea.model.views.objects import ChildView
from amalthea.model.views.observed import Observed
from amalthea.operator import defects
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.inputs.gather import gather
from amalthea.operator.kinds import CHILD_KINDS
from amalthea.settings import Settings

PAGE = 100
"""Objects in memory at once."""
SHARE = 0.2
"""Part of the time that may go into it: ten thousand sessions take some two minutes, and users do not notice."""
_UNKNOWN = Material("", "")
"""Stands for secrets that are not stored yet; what would be built of it is never compared."""

_log = logging.getLogger(__name__)


class DriftSearch:
    """Compares the existing children with what would be written."""

    def __init__(self, client: Client, caches: Caches, settings: Settings, clock: Clock, backoff: Backoff) -> None:
        self._client = client
        self._caches = caches
        self._settings = settings
        self._clock = clock
        self._backoff = backoff

    async def run(self) -> None:
        """Distrust every child that was edited, which wakes its session.

        A page that cannot be read is asked for again, after those of the other kinds.
        """
        left, failures = deque((kind, "") for kind in CHILD_KINDS), 0
        while left:
            kind, continue_ = left.popleft()
            try:
                page = await self._page(kind, continue_)
            except Exception as error:  # noqa: BLE001 a failure here is not a reason to do less elsewhere
                left.append((kind, "" if isinstance(error, Expired) else continue_))
                failures += 1
                await self._wait(kind, error, failures)
                continue
            failures = 0
            async for item in in_slices(page.items, self._clock, SHARE):
                self._look_at(kind, item)
            if page.continue_:
                left.appendleft((kind, page.continue_))

    async def _page(self, kind: str, continue_: str) -> Page[Raw]:
        selection = Selection(self._settings.namespace, names.CHILD_SELECTOR)
        return await self._client.list(CHILD_KINDS[kind].resource, selection, Raw, limit=PAGE, continue_=continue_)

    async def _wait(self, kind: str, error: Exception, failures: int) -> None:
        delay = self._backoff.delay(failures, error.retry_after if isinstance(error, Unavailable) else None)
        _log.warning(
            "children were not compared, trying again",
            extra={"kind": kind, "error": f"{type(error).__name__}: {error}", "retry_in": round(delay, 1)},
        )
        await self._clock.sleep(delay)

    def _look_at(self, kind: str, body: Raw) -> None:
        try:
            view: ChildView = CHILD_KINDS[kind].decode(body)
            if self._is_current(kind, view) and self._is_edited(kind, view, body):
                self._caches.distrust(view)
        except Exception as error:  # noqa: BLE001 one child must not keep the operator from its work
            _log.exception("a child was not compared", extra={"kind": kind, "defect": defects.identify(error)})

    def _is_current(self, kind: str, view: ChildView) -> bool:
        held: ChildView | None = self._caches.child(kind, key_of(view))
        return held is not None and (held.metadata.uid, held.fingerprint) == (view.metadata.uid, view.fingerprint)

    def _is_edited(self, kind: str, view: ChildView, body: Raw) -> bool:
        key = (view.metadata.namespace, view.metadata.labels.get(names.LABEL_INSTANCE, ""))
        observed = gather(self._caches, key)
        record = applied.read(view)
        if observed is None or record is None or not observed.owns(view):
            return False
        manifest = next((m for m in self._manifests(observed) if _is(m, kind, view)), None)
        if manifest is None or record.manifest != applied.describe(manifest).manifest:
            return False
        return not covers(msgspec.json.decode(body), {**manifest, "kind": kind})

    def _manifests(self, observed: Observed) -> Iterable[Manifest]:
        if observed.spec is None or problems_of(observed):
            return ()  # nothing is built of a spec that cannot be used
        run_id = observed.own_workload.run_id if observed.own_workload is not None else None
        return manifests(observed, run_id, self._settings.build, _UNKNOWN)


def _is(manifest: Manifest, kind: str, view: ChildView) -> bool:
    return bool(manifest["kind"] == kind and manifest["metadata"]["name"] == view.metadata.name)

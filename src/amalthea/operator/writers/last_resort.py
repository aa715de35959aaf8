"""The last resort for a session on which the operator itself fails: it is reported, and its surest limits are kept.

Part of `reconcile.py`, for a pass that has raised. It uses nothing of what may have raised: no plan, no report. Which
limits are sure enough is decided in `model/last_resort.py`.
"""

from contextlib import suppress

from amalthea.engine.ports import Clock, Key, Stale
from amalthea.kube.errors import ApiError
from amalthea.model import deadlines, last_resort
from amalthea.model.last_resort import WITNESSES, Known
from amalthea.operator.defects import DefectError, identify
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.writers.culler import Culler
from amalthea.operator.writers.status_writer import StatusWriter


class LastResort:
    """Reports defects, and ends sessions whose deadline passed long ago."""

    def __init__(self, caches: Caches, status_writer: StatusWriter, culler: Culler, clock: Clock) -> None:
        self._caches = caches
        self._status_writer = status_writer
        self._culler = culler
        self._clock = clock

    async def meet(self, key: Key, error: Exception) -> DefectError:
        """Report an error that a pass over a session has raised, and return what to raise instead."""
        defect = identify(error)
        with suppress(ApiError):  # the log has it all the same
            if (session := self._caches.session(key)) is not None:
                await self._status_writer.report_defect(session, defect, self._clock.now())
        with suppress(ApiError, Stale):  # the next pass tries it again
            await self._end(key)
        return DefectError(f"internal error {defect}: {type(error).__name__}")

    async def _end(self, key: Key) -> None:
        """Pause or delete a session if it is overdue, and if that is certain."""
        session = self._caches.session(key)
        if session is None or session.metadata.deletion_timestamp is not None:
            return
        if not self._clock.trusted or not self._caches.unheard.isdisjoint(WITNESSES):
            return
        known = Known(session, self._caches.several("Pod", key), self._caches.several("PersistentVolumeClaim", key))
        end = deadlines.due(last_resort.pause(known), last_resort.deletion(known), self._clock.now())
        if end is not None:
            await self._culler.end(session, end)

"""Reports the state of a session: its status, and an Event at a transition. Written only when something changed.

A status is written whatever else of the session changed meanwhile, and only to the session that it is about: one that
was created under its name since then is another one.
"""

from datetime import datetime

import msgspec
from msgspec import Raw

from amalthea.api import names
from amalthea.api.types import Status
from amalthea.engine.ports import Key, key_of
from amalthea.kube.client import Client
from amalthea.kube.errors import NotFound
from amalthea.model.status.conditions import with_defect
from amalthea.model.status.lifecycle_conditions import only_progress, starting
from amalthea.model.status.report import as_data, merge_patch
from amalthea.model.status.transitions import transition
from amalthea.model.views.objects import SessionView
from amalthea.model.views.observed import Observed
from amalthea.operator.inputs.cache import Caches
from amalthea.operator.kinds import SESSIONS
from amalthea.operator.telemetry.instrumentation import SessionTelemetry
from amalthea.operator.writers.event_recorder import EventRecorder
from amalthea.operator.writers.status_pacer import StatusPacer


class StatusWriter:
    """Writes statuses, and hands Events to the recorder."""

    def __init__(
        self,
        client: Client,
        caches: Caches,
        recorder: EventRecorder,
        status_pacer: StatusPacer,
        telemetry: SessionTelemetry,
    ) -> None:
        self._client = client
        self._caches = caches
        self._recorder = recorder
        self._status_pacer = status_pacer
        self._telemetry = telemetry

    async def announce(self, observed: Observed, status: Status) -> None:
        """Write what changed of a session's status, and an Event if that is a transition.

        Raises:
            ApiError: the status could not be written; try again.
        """
        former = observed.session.status
        new = as_data(status)
        patch = merge_patch(as_data(former), new)
        key = key_of(observed.session)
        progress = only_progress(former, status)
        if not patch or (progress and not self._status_pacer.may(key)):
            return
        try:
            body = await self._write(observed.session, {name: new.get(name) for name in ("state", *patch)})
        except NotFound:
            self._caches.observe_absent(observed.session)
            return
        self._caches.observe(names.KIND, body)
        if progress:
            self._telemetry.progress_written()
        if starting(status):
            self._status_pacer.had(key)
        else:
            self._status_pacer.forget(key)
        if event := transition(former, status):
            self._recorder.record(observed.session.metadata, event)
            self._telemetry.changed(observed.session, status, event)

    async def report_defect(self, session: SessionView, defect: str, now: datetime) -> None:
        """Report in a session's status that the operator itself fails on it; the rest of the status stays.

        Raises:
            ApiError: it could not be written; try again.
        """
        former = session.status.conditions or []
        conditions = with_defect(former, defect, now)
        if conditions == former:
            return
        try:
            body = await self._write(session, {"conditions": msgspec.to_builtins(conditions)})
        except NotFound:
            return
        self._caches.observe(names.KIND, body)

    async def _write(self, session: SessionView, fields: dict[str, object]) -> Raw:
        """Set fields of a session's status; those that are None go."""
        operations: list[dict[str, object]] = [{"op": "test", "path": "/metadata/uid", "value": session.metadata.uid}]
        if session.status == Status():  # it may have none yet, which has no fields to set
            operations.append({"op": "add", "path": "/status", "value": fields})
        else:
            operations += [_set(f"/status/{name}", value) for name, value in fields.items()]
        return await self._client.patch_json(SESSIONS, key_of(session), operations, Raw, subresource="status")

    def forget(self, key: Key) -> None:
        """Forget a session that is gone."""
        self._status_pacer.forget(key)


def _set(path: str, value: object) -> dict[str, object]:
    return {"op": "remove", "path": path} if value is None else {"op": "add", "path": path, "value": value}

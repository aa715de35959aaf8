"""Finds who changed a field of a session last, and when, from the managed fields that the API server keeps."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct, field

from amalthea.api import names
from amalthea.model import spans
from amalthea.model.views.objects import Pause


class _Spec(Struct, frozen=True):
    hibernated: object = field(name="f:hibernated", default=None)
    replicas: object = field(name="f:replicas", default=None)
    suspend: object = field(name="f:suspend", default=None)


class _Fields(Struct, frozen=True):
    spec: _Spec = field(name="f:spec", default=_Spec())


class _Entry(Struct, frozen=True, rename="camel"):
    manager: str = ""
    time: str | None = None
    """Whoever changes an object may write another one here: also one that Python cannot hold."""
    fields_v1: _Fields = field(name="fieldsV1", default=_Fields())

    @property
    def at(self) -> datetime | None:
        return spans.moment(self.time)


class _Metadata(Struct, frozen=True, rename="camel"):
    managed_fields: list[_Entry] = []


class Managed(Struct, frozen=True):
    """The managed fields of a session or a workload, as far as they are read."""

    metadata: _Metadata = _Metadata()

    @property
    def pause(self) -> Pause | None:
        """Return who set `hibernated` last, and when they last changed the session."""
        last = self._last(lambda spec: spec.hibernated)
        return Pause(manager=last.manager, time=last.at) if last is not None else None

    @property
    def stilled_by(self) -> str:
        """Return who else set a workload's replicas or suspend last, also by its scale subresource. Empty: nobody did.

        A manager that has set them keeps them in its list where another one sets them through that subresource.
        """
        entries = (each for each in self.metadata.managed_fields if each.manager != names.FIELD_MANAGER)
        theirs = Managed(metadata=_Metadata(managed_fields=list(entries)))
        last = theirs._last(lambda spec: spec.replicas if spec.replicas is not None else spec.suspend)
        return last.manager if last is not None else ""

    def _last(self, of: Callable[[_Spec], object]) -> _Entry | None:
        entries = [each for each in self.metadata.managed_fields if of(each.fields_v1.spec) is not None]
        return max(entries, key=lambda entry: entry.at.timestamp() if entry.at is not None else 0.0, default=None)

"""Parts of the API's JSON that are read where no view holds a whole section. `decoding.py` makes the views.

A struct names the few fields that are read; all others are passed over. Nulls count as absence.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from amalthea.model.views.objects import Metadata, ObjectCondition, Volume
from amalthea.model.views.pods import ContainerSpec

T = TypeVar("T")

_DEEPEST = 100
"""Levels of an object with nulls that are read: managed fields may be nested more deeply than Python can follow."""


class Sections(Struct, frozen=True):
    """The sections of an object, as they came."""

    metadata: Metadata = Metadata()
    spec: Raw = Raw(b"{}")
    data: Raw = Raw(b"{}")
    status: Raw = Raw(b"{}")


class Template(Struct, frozen=True):
    """The pod template of a workload's spec."""

    template: Raw = Raw(b"{}")


class PodTemplate(Struct, frozen=True):
    """The parts that are counted in a pod template."""

    class _Metadata(Struct, frozen=True):
        annotations: dict[str, str] | None = None

    class _Spec(Struct, frozen=True, rename="camel"):
        containers: list[Raw] = []
        init_containers: list[ContainerSpec] = []
        volumes: list[Volume] = []

    metadata: _Metadata = _Metadata()
    spec: _Spec = _Spec()


class PodCounts(Struct, frozen=True, rename="camel"):
    """The number of pods of a StatefulSet (`replicas`) or a Job (the others), by the status from its controller."""

    observed_generation: int = 0
    replicas: int = 0
    active: int = 0
    terminating: int = 0

    def any(self, generation: int) -> bool:
        """Return whether there may be any at that generation: made since, where the status is of an earlier one."""
        return self.replicas + self.active + self.terminating > 0 or 0 < self.observed_generation < generation


class Record(Struct, frozen=True):
    """The record of what we applied, of a workload (`children/changes/applied.py`)."""

    awake: bool = False


class Hibernation(Struct, frozen=True):
    """The request for a pause in a session's spec, whatever else it holds."""

    hibernated: object = False


class Resources(Struct, frozen=True):
    """The resources of a claim's spec."""

    resources: Raw = Raw(b"")


class ClaimStatus(Struct, frozen=True):
    """The status of a PersistentVolumeClaim."""

    class _Capacity(Struct, frozen=True):
        storage: str = ""

    phase: str = ""
    capacity: _Capacity = _Capacity()
    conditions: list[ObjectCondition] = []


class _Port(Struct, frozen=True):
    error: str = ""


class _Address(Struct, frozen=True):
    ports: list[_Port] = []


class _LoadBalancer(Struct, frozen=True):
    ingress: list[_Address] = []


class RouteStatus(Struct, frozen=True, rename="camel"):
    """The status of a Service or an Ingress."""

    load_balancer: _LoadBalancer = _LoadBalancer()


class Path(Struct, frozen=True):
    """A path of an Ingress' rule."""

    path: str = ""


class _Paths(Struct, frozen=True):
    paths: list[Raw] = []


class _Rule(Struct, frozen=True):
    host: str = ""
    http: _Paths = _Paths()


class Routes(Struct, frozen=True):
    """The rules of an Ingress."""

    rules: list[_Rule] = []


def decoder(kind: type[T]) -> Callable[[bytes | Raw], T]:
    """Return a decoder that reads a null as absence, as the API server does. No time is lost where there is none."""
    decode = msgspec.json.Decoder(kind, strict=True).decode

    def tolerant(body: bytes | Raw) -> T:
        try:
            return decode(body)
        except msgspec.ValidationError:
            return decode(msgspec.json.encode(_without_nulls(msgspec.json.decode(body))))

    return tolerant


def _without_nulls(value: object, levels: int = _DEEPEST) -> object:
    if isinstance(value, dict | list) and not levels:
        return None
    if isinstance(value, dict):
        return {key: _without_nulls(item, levels - 1) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item, levels - 1) for item in value if item is not None]
    return value

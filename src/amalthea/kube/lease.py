"""The Lease of the leader election, kept at the API server: the engine's `LeaseStore`.

The client should be one of its own, so that a renewal never queues behind writes.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime

import msgspec

from amalthea.engine.lease.lease_store import LeaseRecord
from amalthea.engine.ports import EventType, Key, Stale, WatchEvent
from amalthea.kube.client import Client
from amalthea.kube.errors import AlreadyExists, NotFound
from amalthea.kube.resource import Resource, Selection
from amalthea.kube.watch import KubeSource

LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")

MOST_TRANSITIONS = 2**31 - 1
"""The largest value of the API server's own type."""


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    holder_identity: str = ""
    lease_duration_seconds: int = 0
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int = 0


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: str = ""


class _Lease(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()
    spec: _Spec = _Spec()


class KubeLease:
    """One Lease object by its namespace and name."""

    def __init__(self, client: Client, key: Key) -> None:
        self._client = client
        self._key = key
        # A Role that names the Lease allows a watch of this name alone.
        selection = Selection(key[0], fields=f"metadata.name={key[1]}")
        self._source = KubeSource(client, LEASES, msgspec.json.Decoder(_Lease).decode, selection, _unreadable)

    async def get(self) -> LeaseRecord | None:
        try:
            return _record(await self._client.get(LEASES, self._key, _Lease))
        except NotFound:
            return None

    async def create(self, record: LeaseRecord) -> LeaseRecord:
        """Create the Lease.

        Raises:
            Stale: there is one.
        """
        namespace, name = self._key
        body = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"namespace": namespace, "name": name},
            "spec": _spec(record),
        }
        try:
            return _record(await self._client.create(LEASES, namespace, body, _Lease))
        except AlreadyExists as error:
            raise Stale(str(error)) from error

    async def update(self, record: LeaseRecord) -> LeaseRecord:
        """Write our fields only: others' labels stay.

        Raises:
            Stale: it is not at the record's version.
        """
        patch = {"metadata": {"resourceVersion": record.version}, "spec": _spec(record)}
        try:
            return _record(await self._client.patch_merge(LEASES, self._key, patch, _Lease))
        except NotFound as error:
            raise Stale(str(error)) from error

    @asynccontextmanager
    async def watch(self, version: str) -> AsyncIterator[AsyncIterator[LeaseRecord | None]]:
        """Follow the Lease after a version."""
        async with self._source.watch(version) as events, aclosing(_records(events)) as records:
            yield records


async def _records(events: AsyncIterator[WatchEvent[_Lease]]) -> AsyncGenerator[LeaseRecord | None, None]:
    async for event in events:
        if event.type is not EventType.BOOKMARK:
            yield _record(event.object) if event.object is not None else None


def _unreadable(_kind: str, _key: Key, error: Exception) -> None:
    """Raise the error: reading the record fails the same way, and reports it."""
    raise error


def _record(lease: _Lease) -> LeaseRecord:
    spec = lease.spec
    return LeaseRecord(
        holder=spec.holder_identity,
        duration=spec.lease_duration_seconds,
        acquired=_time(spec.acquire_time),
        renewed=_time(spec.renew_time),
        transitions=spec.lease_transitions,
        version=lease.metadata.resource_version,
    )


def _spec(record: LeaseRecord) -> dict[str, str | int | None]:
    return {
        "holderIdentity": record.holder,
        "leaseDurationSeconds": record.duration,
        "acquireTime": _micro_time(record.acquired),
        "renewTime": _micro_time(record.renewed),
        "leaseTransitions": min(record.transitions, MOST_TRANSITIONS),
    }


def _micro_time(time: datetime | None) -> str | None:
    """Return a MicroTime: always four digits of the year and six of the second, always UTC."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z" if time else None


def _time(text: str | None) -> datetime | None:
    """Return a MicroTime; None for one that Python cannot hold: whoever wrote that must not keep all from leading."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except (ValueError, OverflowError):
        return None

"""The storage of a leader election: one record that anybody may read, and change if it has not changed meanwhile.

Used by `elector.py`; implemented by `amalthea.kube.lease`.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """The Lease as stored. `duration` in seconds; an empty `holder` means that it was released."""

    holder: str
    duration: int
    acquired: datetime | None
    renewed: datetime | None
    transitions: int
    version: str = field(default="", compare=False)


class LeaseStore(Protocol):
    """The storage of the record. Writes return the record with its new version."""

    async def get(self) -> LeaseRecord | None: ...

    async def create(self, record: LeaseRecord) -> LeaseRecord:
        """Raise `Stale` if there is one already."""
        ...

    async def update(self, record: LeaseRecord) -> LeaseRecord:
        """Raise `Stale` unless the stored record still is at `record.version`."""
        ...

    def watch(self, version: str) -> AbstractAsyncContextManager[AsyncIterator[LeaseRecord | None]]:
        """Follow the record after `version`: each change as it is made, None for a deletion.

        Ends whenever the server likes; raises whatever goes wrong.
        """
        ...

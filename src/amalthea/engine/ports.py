"""The ports of the engine: where objects come from, what time it is, and what is random.

`amalthea.kube` implements `Source` over HTTP, `clock.py` implements `Clock`, `amalthea.testing` fakes them.
The engine distinguishes these four exceptions only; `amalthea.kube.errors` derives its own from them.
"""
# ruff: noqa: N818 an exception is named by what happened

import enum
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeAlias, TypeVar

Key: TypeAlias = tuple[str, str]
"""Namespace ("" for what has none) and name."""


class Meta(Protocol):
    """The metadata that the engine reads."""

    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def uid(self) -> str: ...
    @property
    def resource_version(self) -> str: ...


class HasMeta(Protocol):
    """Anything that can be stored: in practice a projection of a Kubernetes object."""

    @property
    def metadata(self) -> Meta: ...


T = TypeVar("T", bound=HasMeta)
T_co = TypeVar("T_co", bound=HasMeta, covariant=True)


def key_of(obj: HasMeta) -> Key:
    """Return the namespace and name of an object."""
    return obj.metadata.namespace, obj.metadata.name


class EventType(enum.Enum):
    """The kinds of message in a watch."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


@dataclass(frozen=True, slots=True)
class WatchEvent(Generic[T_co]):
    """One message of a watch.

    ADDED and MODIFIED carry the object. DELETED carries its key only: what it was is in the store. BOOKMARK carries
    neither: it says that everything up to `resource_version` was sent.
    """

    type: EventType
    resource_version: str
    key: Key | None = None
    object: T_co | None = None


@dataclass(frozen=True, slots=True)
class Listed(Generic[T_co]):
    """All objects as of `resource_version`, from which a watch can go on.

    `unreadable` names those that exist and could not be decoded: unknown is not gone.
    """

    items: Sequence[T_co]
    resource_version: str
    unreadable: frozenset[Key] = frozenset()


class Source(Protocol[T_co]):
    """One kind of object at the server, all of it or a selection.

    Both methods raise `Expired`, `Unavailable`, or whatever else goes wrong.
    """

    @property
    def name(self) -> str:
        """Name the kind, for logs and metrics: `pods`."""
        ...

    async def list(self) -> Listed[T_co]:
        """Return everything, never older than what was returned before."""
        ...

    def watch(self, resource_version: str) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent[T_co]]]:
        """Follow what happens after a version, in order, until the server closes the stream."""
        ...


class Expired(Exception):
    """The server no longer knows the changes since that version: list again."""


class Unavailable(Exception):
    """The server cannot answer now: back off, for `retry_after` seconds where it named a time."""

    retry_after: float | None = None


class Refused(Unavailable):
    """The connection was refused: another attempt costs the server nothing."""


class Stale(Exception):
    """A decision was made on an old version of an object: look again at once. Not an error."""


class Cancellable(Protocol):
    """A call that is due later."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Time, so that tests can hand in their own."""

    def now(self) -> datetime:
        """Return the wall clock's time, in UTC and aware of it."""
        ...

    @property
    def trusted(self) -> bool:
        """Return whether `now()` is certain enough to end something by it."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some fixed moment; never goes back."""
        ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancellable:
        """Call back once `monotonic()` has reached `when`."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class Randomness(Protocol):
    """Chance, so that tests can hand in their own; `random.Random` fits."""

    def random(self) -> float:
        """Return a number from 0 up to, but not including, 1."""
        ...

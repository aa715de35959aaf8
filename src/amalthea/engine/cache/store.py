"""The engine's memory of one kind of object: what the server said last, and what our own writes returned since.

Fed by `reflector.py`; read by all that decides. A write is read back at once through `observe`, without waiting for
the watch to say it: else the next decision would be made on an object that we know to be outdated.

Two numbers keep the order. Each object has its resource version. The store has `known`, the version up to which the
server has sent everything; so an object that is not held at a version up to `known` has been deleted, however late
news of it arrives. Resource versions of one kind are compared as numbers, which Kubernetes guarantees.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, NamedTuple, TypeAlias

from amalthea.engine.ports import EventType, HasMeta, Key, Listed, T, WatchEvent, key_of

Index: TypeAlias = Callable[[T], Iterable[Hashable]]
"""The values under which an object is found."""

Listener: TypeAlias = Callable[[T | None, T | None], None]
"""Called with an object's former and present state; None is absence."""


class Change(NamedTuple, Generic[T]):
    """The change of one object; None is absence."""

    old: T | None
    new: T | None


class Store(Generic[T]):
    """Objects by key and by index. The listeners are notified of each change, in order, once."""

    def __init__(self, indexes: Mapping[str, Index[T]] | None = None) -> None:
        self._objects: dict[Key, T] = {}
        self._indexes = dict(indexes or {})
        # Keys in insertion order, as the keys of a dict: look-ups give the same order each time.
        self._found: dict[str, dict[Hashable, dict[Key, None]]] = {name: {} for name in self._indexes}
        self._listeners: list[Listener[T]] = []
        self._known = 0
        self._deleted: dict[Key, str] = {}

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: Key) -> T | None:
        return self._objects.get(key)

    def values(self) -> tuple[T, ...]:
        return tuple(self._objects.values())

    def by_index(self, index: str, value: Hashable) -> tuple[T, ...]:
        """Return the objects that `index` files under `value`."""
        return tuple(self._objects[key] for key in self._found[index].get(value, ()))

    def on_change(self, listener: Listener[T]) -> None:
        """Notify `listener` of every change from now on."""
        self._listeners.append(listener)

    def apply(self, event: WatchEvent[T]) -> Change[T] | None:
        """Take in one message of the watch; older news than what is held changes nothing."""
        version = int(event.resource_version)
        change = None
        if event.type is EventType.DELETED and event.key is not None:
            self._deleted.pop(event.key, None)
            held = self._objects.get(event.key)
            if held is not None and _version(held) <= version:
                change = self._remove(event.key)
        elif event.object is not None:
            change = self.observe(event.object)
        self._known = max(self._known, version)
        return change

    def observe(self, obj: T) -> Change[T] | None:
        """Take in what a write of ours returned, unless it is older than what is known.

        The caller sees to it that the object is one of those that the store's source would list.
        """
        key = key_of(obj)
        held = self._objects.get(key)
        newest = self._known if held is None else _version(held)
        if _version(obj) <= newest or self._deleted.get(key) == obj.metadata.uid:
            return None
        return self._put(key, obj)

    def observe_deleted(self, key: Key, uid: str) -> Change[T] | None:
        """Take in that a deletion of ours is complete: nothing is held back by a finalizer or a grace period."""
        held = self._objects.get(key)
        if held is None or held.metadata.uid != uid:
            return None
        self._deleted[key] = uid
        return self._remove(key)

    def replace(self, listed: Listed[T]) -> list[Change[T]]:
        """Take in a complete list: return, and announce, what was added, changed and removed since the last news.

        What our writes returned after the list was made stays. A list that is older than what the server sent before
        means that its data was restored from a backup: then the list is all there is.
        """
        version = int(listed.resource_version)
        restored = version < self._known
        self._known = version
        present = {key_of(obj): obj for obj in listed.items}
        self._deleted = {
            key: uid for key, uid in self._deleted.items() if key in present and present[key].metadata.uid == uid
        }
        changes = []
        for key, obj in present.items():
            held = self._objects.get(key)
            newer = held is None or (_version(obj) != _version(held) if restored else _version(obj) > _version(held))
            if newer and key not in self._deleted:
                changes.append(self._put(key, obj))
        for key, held in list(self._objects.items()):
            outlived = restored or _version(held) <= version
            if outlived and key not in present and key not in listed.unreadable:
                changes.append(self._remove(key))
        return changes

    def _put(self, key: Key, new: T) -> Change[T]:
        old = self._objects.get(key)
        if old is not None:
            self._unfile(key, old)
        self._objects[key] = new
        for name, values_of in self._indexes.items():
            for value in values_of(new):
                self._found[name].setdefault(value, {})[key] = None
        return self._notify(Change(old, new))

    def _remove(self, key: Key) -> Change[T]:
        old = self._objects.pop(key)
        self._unfile(key, old)
        return self._notify(Change(old, None))

    def _unfile(self, key: Key, old: T) -> None:
        for name, values_of in self._indexes.items():
            for value in values_of(old):
                filed = self._found[name][value]
                filed.pop(key, None)
                if not filed:
                    del self._found[name][value]

    def _notify(self, change: Change[T]) -> Change[T]:
        for listener in self._listeners:
            listener(*change)
        return change


def _version(obj: HasMeta) -> int:
    return int(obj.metadata.resource_version)

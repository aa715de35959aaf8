"""The objects of a fake API server: versions, conflicts, finalizers and the history of changes.

The state behind ``api.py``, without HTTP. A kind is named by its path: ``apps/v1/statefulsets``.
"""

import itertools
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from amalthea.engine.ports import Key
from amalthea.model.times import rfc3339

Manifest: TypeAlias = dict[str, Any]


class Refusal(Exception):  # noqa: N818 it is an answer
    """The server's answer to a request that it refuses."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Happened:
    """One change; ``object`` as it was after it (as it was last, for DELETED), at the version of the change."""

    version: int
    kind: str
    type: str
    object: Manifest


@dataclass(frozen=True, slots=True)
class Choice:
    """The selection of objects for a list or a watch."""

    kind: str
    namespace: str | None = None
    labels: str = ""
    fields: str = ""

    def takes(self, obj: Manifest) -> bool:
        """Return whether an object is selected (selectors: ``name``, ``name=value`` and ``name!=value``, by commas)."""
        metadata = obj["metadata"]
        if self.namespace is not None and metadata.get("namespace", "") != self.namespace:
            return False
        labels = metadata.get("labels") or {}
        return _takes(self.labels, labels.get) and _takes(self.fields, lambda path: _field(obj, path))


class Objects:
    """All objects of a server, and the history of their changes."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Start empty; `now` stamps what is created and deleted."""
        self._now = now
        self.version = 1000
        self.history: list[Happened] = []
        self.forgotten = 0
        self.listeners: list[Callable[[Happened], None]] = []
        self._kinds: dict[str, dict[Key, Manifest]] = {}
        self._uids = itertools.count(1)

    def select(self, choice: Choice) -> list[Manifest]:
        """Return the chosen objects, by namespace and name."""
        held = self._kinds.get(choice.kind, {})
        return [obj for _, obj in sorted(held.items()) if choice.takes(obj)]

    def get(self, kind: str, key: Key) -> Manifest:
        try:
            return self._kinds[kind][key]
        except KeyError:
            raise Refusal(404, "NotFound", f'{kind} "{key[1]}" not found') from None

    def create(self, kind: str, namespace: str, body: Manifest) -> Manifest:
        """Store a new object, under a name made of ``generateName`` where it has none."""
        obj = deepcopy(body)
        metadata = obj.setdefault("metadata", {})
        number = next(self._uids)
        metadata.setdefault("name", f"{metadata.get('generateName', '')}{number}")
        key = (namespace, metadata["name"])
        if key in self._kinds.setdefault(kind, {}):
            raise Refusal(409, "AlreadyExists", f'{kind} "{key[1]}" already exists')
        if namespace:
            metadata["namespace"] = namespace
        metadata |= {"uid": f"uid-{number}", "generation": 1, "creationTimestamp": rfc3339(self._now())}
        self._kinds[kind][key] = obj
        return self._happened(kind, "ADDED", obj)

    def update(self, kind: str, key: Key, body: Manifest, subresource: str = "") -> Manifest:
        """Store a changed object, or its status alone; nothing happens where nothing changed."""
        held = self.get(kind, key)
        new = {name: deepcopy(value) for name, value in body.items() if value is not None}  # none is stored
        metadata = new.setdefault("metadata", {})
        wanted = metadata.get("resourceVersion") or held["metadata"]["resourceVersion"]
        if wanted != held["metadata"]["resourceVersion"]:
            raise Refusal(409, "Conflict", f'{kind} "{key[1]}": the object has been modified')
        if subresource == "status":
            new = held | {"status": new.get("status")}
        else:
            kept = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "generation")
            metadata |= {name: held["metadata"][name] for name in kept if name in held["metadata"]}
            metadata["resourceVersion"] = held["metadata"]["resourceVersion"]
        if new == held:
            return held
        if new.get("spec") != held.get("spec"):
            new["metadata"]["generation"] += 1
        return self._store(kind, key, deepcopy(new))

    def delete(self, kind: str, key: Key, preconditions: Manifest) -> Manifest | None:
        """Delete an object; return it if finalizers hold it, None if it is gone."""
        held = self.get(kind, key)
        if any(held["metadata"].get(name) != value for name, value in preconditions.items()):
            raise Refusal(409, "Conflict", f'{kind} "{key[1]}": the preconditions do not hold')
        if not held["metadata"].get("finalizers"):
            del self._kinds[kind][key]
            self._happened(kind, "DELETED", deepcopy(held))
            return None
        if "deletionTimestamp" in held["metadata"]:
            return held
        dying = deepcopy(held)
        dying["metadata"]["deletionTimestamp"] = rfc3339(self._now())
        return self._store(kind, key, dying)

    def since(self, version: int) -> Iterator[Happened]:
        """Return what happened after a version; refuse one that is forgotten."""
        if version < self.forgotten:
            raise Refusal(410, "Expired", f"too old resource version: {version} ({self.forgotten})")
        return (change for change in self.history if change.version > version)

    def forget(self) -> None:
        """Let every version up to now be too old to watch from, as compaction does."""
        self.version += 1
        self.forgotten = self.version
        self.history.clear()

    def _store(self, kind: str, key: Key, new: Manifest) -> Manifest:
        metadata = new["metadata"]
        if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
            del self._kinds[kind][key]
            return self._happened(kind, "DELETED", new)
        self._kinds[kind][key] = new
        return self._happened(kind, "MODIFIED", new)

    def _happened(self, kind: str, type_: str, obj: Manifest) -> Manifest:
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        change = Happened(self.version, kind, type_, obj)
        self.history.append(change)
        for listener in self.listeners:
            listener(change)
        return obj


def _terms(selector: str) -> Iterator[tuple[str, str | None]]:
    for term in filter(None, selector.split(",")):
        name, equals, value = term.partition("=")
        yield name, value.lstrip("=") if equals else None


def _takes(selector: str, field: Callable[[str], str | None]) -> bool:
    for name, value in _terms(selector):
        if name.endswith("!"):
            if field(name.removesuffix("!")) == value:
                return False
        elif (field(name) is None) if value is None else (field(name) != value):
            return False
    return True


def _field(obj: Manifest, path: str) -> str | None:
    for part in path.split("."):
        obj = obj.get(part, {})
    return str(obj) if obj else None

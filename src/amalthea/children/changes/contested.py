"""The fields of a child that somebody else changed after us, and who it was, as far as the API server knows. Pure."""

from collections.abc import Iterator
from typing import Any

from amalthea.api import names
from amalthea.api.schema import Manifest
from amalthea.children.changes.matches import says
from amalthea.children.changes.patches import Operation
from amalthea.children.changes.writes import Patch


def detail(live: Manifest, write: Patch) -> str:
    """Return the fields that a write would put back in the live object and who wrote it last, in brackets; or ""."""
    details = [", ".join(_differing(live, write)), _last_writer(live)]
    return f" ({'; '.join(filter(None, details))})" if any(details) else ""


def _differing(live: Manifest, write: Patch) -> Iterator[str]:
    for operation in write.operations:
        path = _path(operation)
        if operation["op"] == "add" and not says(_at(live, path), operation["value"]):
            yield ".".join(path)


def _path(operation: Operation) -> tuple[str, ...]:
    parts = str(operation["path"]).split("/")[1:]
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def _at(live: Manifest, path: tuple[str, ...]) -> Any:  # noqa: ANN401  (any JSON)
    found: Any = live
    for part in path:
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _last_writer(live: Manifest) -> str:
    entries = live["metadata"].get("managedFields") or ()
    others = [each for each in entries if each.get("manager") != names.FIELD_MANAGER and not each.get("subresource")]
    last: Manifest = max(others, key=lambda each: str(each.get("time", "")), default={})
    manager = str(last.get("manager", ""))
    return f"the last to write it was {manager}" if manager else ""

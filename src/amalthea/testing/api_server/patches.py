"""Patches as the API server applies them, for ``objects.py``: merge patches and JSON patches on plain dicts."""

from copy import deepcopy
from typing import Any


class PatchError(Exception):
    """A JSON patch that does not fit: a failed test, or a path that is not there."""


def merge(target: Any, patch: Any) -> Any:  # noqa: ANN401 any JSON value
    """Return ``target`` changed by a merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def apply(target: Any, operations: list[dict[str, Any]]) -> Any:  # noqa: ANN401 any JSON value
    """Return ``target`` changed by a JSON patch (RFC 6902; add, replace, remove and test)."""
    root = {"": deepcopy(target)}
    for operation in operations:
        parts = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")]
        try:
            _apply_one(_parent(root, parts), parts[-1], operation)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise PatchError(f"{operation['op']} {operation['path']}: no such path") from error
    return root[""]


def _parent(root: Any, parts: list[str]) -> Any:  # noqa: ANN401 any JSON value
    for part in parts[:-1]:
        root = root[int(part) if isinstance(root, list) else part]
    return root


def _apply_one(parent: Any, last: str, operation: dict[str, Any]) -> None:  # noqa: ANN401 any JSON value
    value = deepcopy(operation.get("value"))
    index: Any = last
    if isinstance(parent, list):
        index = len(parent) if last == "-" else int(last)
    match operation["op"]:
        case "add" if isinstance(parent, list):
            parent.insert(index, value)
        case "add":
            parent[index] = value
        case "remove":
            del parent[index]
        case "replace" if index in parent or isinstance(parent, list):
            parent[index] = value
        case "test":
            if parent[index] != value:
                raise PatchError(f"test of {operation['path']} failed")
        case other:
            raise PatchError(f"{other} of {operation['path']}: no such path or operation")

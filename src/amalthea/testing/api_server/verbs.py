"""The effect of requests on the objects of a fake API server: ``api.py`` without HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from amalthea.engine.ports import Key
from amalthea.testing.api_server import patches
from amalthea.testing.api_server.objects import Choice, Manifest, Objects, Refusal

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request: what its path means, and what it asks for."""

    verb: str
    """get, list (streamed ones too), watch, create, update, patch or delete."""
    kind: str
    """The path of the kind: ``apps/v1/statefulsets``."""
    namespace: str | None
    name: str
    subresource: str
    query: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""

    @property
    def key(self) -> Key:
        return self.namespace or "", self.name

    @property
    def choice(self) -> Choice:
        """The selection of objects for a list or a watch."""
        query = self.query
        return Choice(self.kind, self.namespace, query.get("labelSelector", ""), query.get("fieldSelector", ""))


def wanted(method: str, path: str, query: Mapping[str, str], content_type: str) -> Wanted:
    """Return what a request means."""
    parts = iter(path.strip("/").split("/"))
    group = "" if next(parts) == "api" else f"{next(parts)}/"
    version = next(parts)
    rest = list(parts)
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "")[:3]
    verb = _VERBS.get(method) or _reading_verb(name, query)
    return Wanted(verb, f"{group}{version}/{plural}", namespace, name, subresource, query, content_type)


def do(objects: Objects, request: Wanted, body: bytes) -> Manifest:
    """Do what a request asks for, other than a watch, and return the answer's body.

    Raises:
        Refusal: the server refuses that.
    """
    sent: Any = msgspec.json.decode(body) if body else {}
    match request.verb:
        case "get":
            return objects.get(request.kind, request.key)
        case "list":
            return _list(objects, request)
        case "create":
            return objects.create(request.kind, request.namespace or "", sent)
        case "update":
            return objects.update(request.kind, request.key, sent, request.subresource)
        case "delete":
            held = objects.delete(request.kind, request.key, sent.get("preconditions", {}))
            return held or {"kind": "Status", "status": "Success"}
    held = objects.get(request.kind, request.key)
    try:
        changed = (patches.merge if "merge" in request.content_type else patches.apply)(held, sent)
    except patches.PatchError:
        message = "the server rejected our request due to an error in our request"
        raise Refusal(422, "Invalid", message) from None
    return objects.update(request.kind, request.key, changed, request.subresource)


def line(type_: str, obj: Manifest) -> bytes:
    """Return a message of a watch."""
    return msgspec.json.encode({"type": type_, "object": obj}) + b"\n"


def initial(objects: Objects, request: Wanted) -> list[bytes]:
    """Return the start of a watch: what is there, as a streamed list, or what happened since the named version."""
    if "sendInitialEvents" not in request.query:
        since = objects.since(int(request.query["resourceVersion"]))
        return [line(each.type, each.object) for each in since if concerns(request, each.kind, each.object)]
    metadata = {"resourceVersion": str(objects.version), "annotations": {"k8s.io/initial-events-end": "true"}}
    found = [line("ADDED", obj) for obj in objects.select(request.choice)]
    return [*found, line("BOOKMARK", {"metadata": metadata})]


def concerns(request: Wanted, kind: str, obj: Manifest) -> bool:
    """Return whether a watch is about an object."""
    return kind == request.kind and request.choice.takes(obj)


def _list(objects: Objects, request: Wanted) -> Manifest:
    version, _, after = request.query.get("continue", "").partition(":")
    found = [obj for obj in objects.select(request.choice) if _position(obj) > after]
    limit = int(request.query.get("limit", "0")) or len(found)
    metadata = {"resourceVersion": version or str(objects.version)}
    if len(found) > limit:
        metadata["continue"] = f"{metadata['resourceVersion']}:{_position(found[limit - 1])}"
    return {"kind": "List", "metadata": metadata, "items": found[:limit]}


def _reading_verb(name: str, query: Mapping[str, str]) -> str:
    if name:
        return "get"
    return "watch" if query.get("watch") == "true" and "sendInitialEvents" not in query else "list"


def _position(obj: Manifest) -> str:
    return f"{obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"

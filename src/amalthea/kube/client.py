"""The API server's verbs on plain dicts: a thin client, no cache, no retries.

`transport.py` sends; `watch.py` follows changes. Each call is given the type of what it returns: a msgspec Struct
with the fields that are read (cheapest), `dict`, or `msgspec.Raw` for the bytes as they came.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import msgspec

from amalthea.engine.ports import Key
from amalthea.kube import errors, nesting
from amalthea.kube.auth.config import Config
from amalthea.kube.resource import Resource, Selection
from amalthea.kube.transport import CallObserver, DateObserver, Request, Transport

T = TypeVar("T")

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"

_NO_OBJECT = "it is no object"
_ANOTHER = "it is about another object"

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of a list; `continue_` asks for the rest and is empty on the last page."""

    items: tuple[T, ...]
    resource_version: str
    continue_: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """The options of a deletion: only this object (`uid`, `resource_version`), and the fate of its children."""

    uid: str = ""
    resource_version: str = ""
    propagation: str = "Background"

    def body(self) -> dict[str, Any]:
        """Return the DeleteOptions."""
        conditions = {"uid": self.uid, "resourceVersion": self.resource_version}
        options: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": self.propagation,
        }
        if given := {name: value for name, value in conditions.items() if value}:
            options["preconditions"] = given
        return options


class ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    """The metadata of a list."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class RawList(msgspec.Struct, frozen=True):
    """A list whose items are not decoded yet."""

    kind: str = ""
    metadata: ListMeta = ListMeta()
    items: list[msgspec.Raw] | None = None


class _ObjectMeta(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class _Answer(msgspec.Struct, frozen=True):
    """The fields that distinguish an object, or a Status, from a proxy's page and from the answer to another request.

    A proxy that is out of step hands out the latter: what it says would be taken for what we have written.
    """

    kind: str = ""
    metadata: _ObjectMeta = _ObjectMeta()

    def check(self, resource: Resource, key: Key) -> None:
        """Raise ValueError unless this is the object of that name; an empty name is not known beforehand."""
        found, (namespace, name) = self.metadata, key
        if not self.kind and not found.resource_version:
            raise ValueError(_NO_OBJECT)
        here = not resource.namespaced or namespace in ("", found.namespace)
        if self.kind not in ("", resource.kind) or not here or name not in ("", found.name):
            raise ValueError(_ANOTHER)


_decode_list = nesting.tolerant(msgspec.json.Decoder(RawList).decode)
_decode_answer = nesting.tolerant(msgspec.json.Decoder(_Answer).decode)


class Client:
    """Verbs on the objects of one API server; use as an async context.

    Each raises `errors.ApiError`, and msgspec.ValidationError where an object is not as `into` says.
    """

    def __init__(
        self,
        config: Config,
        observer: CallObserver | None = None,
        pool: int = 32,
        date_observer: DateObserver | None = None,
    ) -> None:
        """Make a client with at most `pool` requests under way; streams, and requests that hang, do not count."""
        self.transport = Transport(config, observer, pool, date_observer)
        self._decoders: dict[Any, msgspec.json.Decoder[Any]] = {}

    async def __aenter__(self) -> Self:
        await self.transport.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.transport.__aexit__()

    async def read(self, path: str, into: type[T]) -> T:
        """Return what the server has at a path that is not an object's: `/version`, `/apis`."""
        request = Request("get", path, "GET", path)
        body = await self.transport.send(request)
        with _readable(request):
            return nesting.tolerant(self.decoder(into).decode)(body)

    async def get(self, resource: Resource, key: Key, into: type[T]) -> T:
        request = Request("get", resource.qualified, "GET", resource.item(*key))
        return await self._ask(request, into, resource, key)

    async def list(
        self, resource: Resource, selection: Selection, into: type[T], limit: int = 0, continue_: str = ""
    ) -> Page[T]:
        """Return the objects of a selection, at most `limit` of them (0: all), from `continue_` on."""
        query = selection.query()
        if limit:
            query["limit"] = str(limit)
        if continue_:
            query["continue"] = continue_
        request = Request("list", resource.qualified, "GET", resource.collection(selection.namespace), query)
        body = await self.transport.send(request)
        with _readable(request):
            page = _decode_list(body)
            if not page.kind:
                raise ValueError(_NO_OBJECT)
        decode = self.decoder(into).decode
        items = tuple(decode(item) for item in page.items or ())
        return Page(items, page.metadata.resource_version, page.metadata.continue_)

    async def create(self, resource: Resource, namespace: str, body: object, into: type[T]) -> T:
        """Create an object; `body` is a dict or a Struct. Raise AlreadyExists if the name is taken."""
        path, sent = resource.collection(namespace), _encode(body)
        request = Request("create", resource.qualified, "POST", path, body=sent)
        return await self._ask(request, into, resource, (namespace, _decode_answer(sent).metadata.name))

    async def update(self, resource: Resource, key: Key, body: object, into: type[T], subresource: str = "") -> T:
        """Replace an object.

        Raises:
            Conflict: `body` names another resource version than the stored one.
        """
        path = resource.item(*key, subresource)
        request = Request("update", resource.qualified, "PUT", path, body=_encode(body))
        return await self._ask(request, into, resource, key)

    async def patch_merge(self, resource: Resource, key: Key, patch: object, into: type[T], subresource: str = "") -> T:
        """Change some fields (RFC 7386).

        Raises:
            Conflict: `patch` names another resource version.
        """
        path = resource.item(*key, subresource)
        request = Request("patch", resource.qualified, "PATCH", path, None, _encode(patch), MERGE_PATCH)
        return await self._ask(request, into, resource, key)

    async def patch_json(
        self,
        resource: Resource,
        key: Key,
        operations: Sequence[Mapping[str, Any]],
        into: type[T],
        subresource: str = "",
    ) -> T:
        """Apply operations (RFC 6902).

        Raises:
            Conflict: they do not fit, by a failed test or a path that does not exist.
        """
        path = resource.item(*key, subresource)
        request = Request("patch", resource.qualified, "PATCH", path, None, _encode(operations), JSON_PATCH)
        try:
            return await self._ask(request, into, resource, key)
        except errors.Invalid as error:
            # The server does not say which operation failed; what it says of a wrong object has causes, and what a
            # webhook denies is said to be denied.
            if error.status == 422 and not error.causes and not errors.denied(error.message):
                raise errors.Conflict(error.failure, str(request)) from None
            raise

    async def delete(self, resource: Resource, key: Key, deletion: Deletion = Deletion()) -> bool:
        """Delete an object; return whether it is gone: False while finalizers or a grace period hold it.

        Raises:
            Conflict: it is not the one that `deletion` means.
        """
        body = _encode(deletion.body())
        request = Request("delete", resource.qualified, "DELETE", resource.item(*key), body=body)
        answer = await self.transport.send(request)
        with _readable(request):
            told = _decode_answer(answer)
            if told.kind != "Status":
                told.check(resource, key)
        return told.kind == "Status"

    def decoder(self, into: type[T]) -> msgspec.json.Decoder[T]:
        """Return the decoder for a type, made once."""
        if into not in self._decoders:
            self._decoders[into] = msgspec.json.Decoder(into)
        return self._decoders[into]

    async def _ask(self, request: Request, into: type[T], resource: Resource, key: Key) -> T:
        body = await self.transport.send(request)
        with _readable(request):
            _decode_answer(body).check(resource, key)
        return nesting.tolerant(self.decoder(into).decode)(body)


@contextmanager
def _readable(request: Request) -> Iterator[None]:
    """Take what cannot be read for no answer: a proxy may say with a status of 200 that one has to log in."""
    try:
        yield
    except (msgspec.MsgspecError, ValueError) as error:
        raise errors.unreadable(str(request), error) from None

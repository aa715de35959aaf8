"""Errors of `amalthea explain`: what went wrong, in a sentence or two with the remedy."""

import difflib
from collections.abc import Iterable

from amalthea.api import names
from amalthea.engine.ports import Key
from amalthea.kube.client import Client
from amalthea.kube.errors import ApiError, Forbidden, Invalid, NotFound, NotServed, Unauthorized, Unreachable
from amalthea.kube.resource import Resource, Selection
from amalthea.model.views.objects import Metadata, View
from amalthea.operator.kinds import SESSIONS

_NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
_NOT_INSTALLED = (
    "This cluster does not know sessions: Amalthea is not installed in it. Check that your kubeconfig's context names"
    " the right cluster, or ask its admin to install the chart."
)


class _Named(View, frozen=True, kw_only=True):
    """Any object, of which only the name is read."""

    metadata: Metadata = Metadata()


class CannotExplain(Exception):  # noqa: N818  (an exception is named by what happened)
    """Nothing can be explained; the text says why, and what to do."""


def in_words(error: ApiError, server: str, namespace: str) -> str:
    """Return why sessions cannot be read, and the remedy."""
    if isinstance(error, Unreachable):
        return (
            f"The cluster at {server} does not answer ({error.message}). Check your network, and that your kubeconfig's"
            " context names the right cluster."
        )
    if isinstance(error, Unauthorized):
        return f"The cluster at {server} does not accept your credentials. Log in to it again."
    if isinstance(error, Forbidden):
        return (
            f"You may not read sessions in the namespace {namespace}. Name another with -n, or ask its admin for the"
            f" right to get and list {names.PLURAL}.{names.GROUP}."
        )
    if isinstance(error, NotFound | NotServed):
        return _NOT_INSTALLED
    if isinstance(error, Invalid):
        return "This cannot be the name of a session or a namespace: use lower-case letters, digits, dots and hyphens."
    return f"The cluster at {server} did not answer as it should ({error.message}). Try again later."


async def missing(client: Client, key: Key) -> str:
    """Return why there is no such session, as far as the reader may look, and the remedy."""
    namespace, name = key
    if await _namespace_is_missing(client, namespace):
        return f"There is no namespace {namespace} in this cluster. Name another with -n."
    here = await _sessions(client, Selection(namespace))
    elsewhere = await _sessions(client, Selection(None, fields=f"metadata.name={name}"))
    no = f"There is no session {name} in the namespace {namespace}."
    if elsewhere:
        other = elsewhere[0].namespace
        return f"{no} There is one in {other}: add -n {other}."
    near = difflib.get_close_matches(name, [session.name for session in here], n=3)
    if near:
        return f"{no} Did you mean {_either(near)}?"
    return f"{no} `amalthea explain -n {namespace}` lists the existing ones; name another namespace with -n."


async def _namespace_is_missing(client: Client, namespace: str) -> bool:
    try:
        await client.get(_NAMESPACES, ("", namespace), _Named)
    except NotFound:
        return True
    except ApiError:
        return False
    return False


async def _sessions(client: Client, selection: Selection) -> tuple[Metadata, ...]:
    try:
        page = await client.list(SESSIONS, selection, _Named)
    except ApiError:
        return ()
    return tuple(session.metadata for session in page.items)


def _either(options: Iterable[str]) -> str:
    *most, last = options
    return f"{', '.join(most)} or {last}" if most else last

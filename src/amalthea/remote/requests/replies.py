"""Reads the content of an API's answer, or the error that it holds: the same for each kind of backend. Pure."""

from typing import TypeVar

import msgspec

from amalthea.remote.errors import NotFound, Refused, RemoteError, Unavailable
from amalthea.remote.requests import exchange, retry
from amalthea.sidecars.http.messages import Answer

_T = TypeVar("_T")


class _Error(msgspec.Struct, frozen=True):
    message: str | None = None


def read(answer: Answer, kind: type[_T], api: str, sign_in: str = "") -> _T:
    """Return the content of an answer of the API of that name.

    Raises:
        RemoteError: it is an error (see `error`), or cannot be read.
    """
    if not answer.ok:
        raise error(answer, api, sign_in)
    return decode(answer, kind, api)


def decode(answer: Answer, kind: type[_T], api: str) -> _T:
    """Return the content of a good answer; raise Unavailable if it cannot be read."""
    try:
        return msgspec.json.decode(answer.body, type=kind, strict=False)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise exchange.unreadable(api) from None


def error(answer: Answer, api: str, sign_in: str = "") -> RemoteError:
    """Return the error of an answer that is not a 2xx; `sign_in` is the remedy where the token does not count."""
    said = message(answer)
    text = f"{api} answers {answer.status}: {said}" if said else f"{api} answers {answer.status}."
    if answer.status in retry.RETRIED or answer.status >= 500:
        return Unavailable(text)
    if answer.status == 401:
        return Refused(f"{text} {sign_in}".rstrip())
    if not said:  # a server before the API knows nothing of its jobs
        return Unavailable(text)
    return NotFound(text) if answer.status == 404 else Refused(text)


def message(answer: Answer) -> str:
    """Return the API's own message; empty where a server in front of it has answered, perhaps with a page of HTML."""
    try:
        said = msgspec.json.decode(answer.body, type=_Error).message or ""
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""
    return " ".join(said.split())[:1000]

"""What FirecREST v2 answers: the fields that are read, and what an error means.

A field of another type than it should have counts as one that is not there: it says nothing of the others.
"""

import contextlib
import math
from collections.abc import Sequence
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from amalthea.remote import exchange, replies
from amalthea.remote.errors import RemoteError
from amalthea.remote.exchange import Answer

_T = TypeVar("_T")
_S = TypeVar("_S", bound=msgspec.Struct)
_API = "FirecREST"
_SIGN_IN = "Pause the session and resume it, which gives it new tokens."


class FileSystem(msgspec.Struct, rename="camel", frozen=True):
    """A part of a cluster's file system. `data_type`: users, store, archive, apps, scratch or project."""

    path: str
    data_type: str = ""
    default_work_dir: bool = False


class System(msgspec.Struct, rename="camel", frozen=True):
    """A cluster."""

    name: str = ""
    file_systems: tuple[FileSystem, ...] = ()


class _Systems(msgspec.Struct, frozen=True):
    systems: tuple[msgspec.Raw, ...]


class _User(msgspec.Struct, frozen=True):
    name: str = ""


class UserInfo(msgspec.Struct, frozen=True):
    """Who the token is for."""

    user: _User


class Status(msgspec.Struct, rename="camel", frozen=True):
    """A job's state."""

    state: str | None = None
    state_reason: str | None = None
    exit_code: int | None = None
    interrupt_signal: int | None = None


class Time(msgspec.Struct, frozen=True):
    """A job's times in seconds, `start` since 1970."""

    elapsed: float | None = None
    start: float | None = None
    limit: float | None = None


class Job(msgspec.Struct, rename="camel", frozen=True):
    """A job."""

    job_id: str | int
    status: Status = Status()
    name: str = ""
    time: Time = Time()


class _Jobs(msgspec.Struct, frozen=True):
    jobs: tuple[msgspec.Raw, ...] | None = None


class Metadata(msgspec.Struct, rename="camel", frozen=True):
    """Where a job writes to."""

    standard_output: str | None = None
    standard_error: str | None = None


class Submitted(msgspec.Struct, rename="camel", frozen=True):
    """A job that was submitted."""

    job_id: str | int


class _Stat(msgspec.Struct, frozen=True):
    size: int
    ino: int | None = None


class FileStat(msgspec.Struct, frozen=True):
    """A file's size in bytes, and the number that changes when it is replaced."""

    output: _Stat


class _Content(msgspec.Struct, frozen=True):
    content: str | None = None


class Tail(msgspec.Struct, frozen=True):
    """The end of a file."""

    output: _Content


class View(msgspec.Struct, frozen=True):
    """A part of a file."""

    output: str | None = None


def systems(answer: Answer) -> list[System]:
    """Return the clusters of an answer; raise RemoteError if it is an error, or cannot be read."""
    return _each(read(answer, _Systems).systems, System)


def jobs(answer: Answer) -> list[Job]:
    """Return the jobs of an answer; raise RemoteError as `systems` does."""
    return _each(read(answer, _Jobs).jobs or (), Job)


def metadata(answer: Answer) -> Metadata:
    """Return where the job of an answer writes to; raise RemoteError as `systems` does."""
    found = _each(read(answer, _Jobs).jobs or (), Metadata)
    return found[0] if found else Metadata()


def _each(items: Sequence[msgspec.Raw], kind: type[_S]) -> list[_S]:
    """Return the items of a list. Each is decoded by itself: all at once would take much memory.

    Raises:
        Unavailable: one of them is none, and may be the one that is looked for.
    """
    found = []
    for item in items:
        try:
            each = _lenient(msgspec.json.decode(item), kind)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            each = None
        if each is None:
            raise exchange.unreadable(_API)
        found.append(each)
    return found


def _lenient(value: object, kind: type[_S]) -> _S | None:
    """Return a struct with those fields that can be read; None if one is missing that it needs."""
    if not isinstance(value, dict):
        return None
    found = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name in value:
            with contextlib.suppress(msgspec.ValidationError):
                found[field.name] = _value(value[field.encode_name], field.type)
    try:
        return kind(**found)
    except TypeError:
        return None


def _value(value: object, kind: Any) -> object:  # noqa: ANN401  (a type, as an annotation names it)
    """Return a field's value; raise ValidationError if it has another type."""
    if get_origin(kind) is tuple:
        items = value if isinstance(value, list) else []
        return tuple(each for item in items if (each := _lenient(item, get_args(kind)[0])) is not None)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _lenient(value, kind) or kind()
    converted: object = msgspec.convert(value, kind, strict=False)
    if isinstance(converted, float) and not math.isfinite(converted):
        raise msgspec.ValidationError
    return converted


def read(answer: Answer, kind: type[_T]) -> _T:
    """Return an answer's content; raise RemoteError if it is an error, or cannot be read."""
    return replies.read(answer, kind, _API, _SIGN_IN)


def error(answer: Answer) -> RemoteError:
    """Return what an answer that is not a 2xx means."""
    return replies.error(answer, _API, _SIGN_IN)

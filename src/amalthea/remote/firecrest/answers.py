"""What FirecREST v2 answers: the fields that are read, all of them lenient, and what an error means."""

from typing import TypeVar

import msgspec

from amalthea.remote.errors import RemoteError
from amalthea.remote.requests import replies
from amalthea.remote.requests.exchange import Answer

_T = TypeVar("_T")
_API = "FirecREST"
_SIGN_IN = "Pause the session and resume it, which gives it new tokens."


class FileSystem(msgspec.Struct, rename="camel", frozen=True):
    """A part of a cluster's file system. `data_type`: users, store, archive, apps, scratch or project."""

    path: str
    data_type: str
    default_work_dir: bool = False


class System(msgspec.Struct, rename="camel", frozen=True):
    """A cluster."""

    name: str
    file_systems: tuple[FileSystem, ...] | None = None


class Systems(msgspec.Struct, frozen=True):
    """The clusters."""

    systems: tuple[System, ...]


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
    status: Status
    name: str = ""
    time: Time | None = None


class Jobs(msgspec.Struct, frozen=True):
    """Jobs."""

    jobs: tuple[Job, ...] | None = None


class Metadata(msgspec.Struct, rename="camel", frozen=True):
    """Where a job writes to."""

    standard_output: str | None = None
    standard_error: str | None = None


class AllMetadata(msgspec.Struct, frozen=True):
    """Where jobs write to."""

    jobs: tuple[Metadata, ...] | None = None


class Submitted(msgspec.Struct, rename="camel", frozen=True):
    """A job that was submitted."""

    job_id: str | int


class _Stat(msgspec.Struct, frozen=True):
    size: int
    ino: int = 0


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


def read(answer: Answer, kind: type[_T]) -> _T:
    """Return an answer's content; raise RemoteError if it is an error, or cannot be read."""
    return replies.read(answer, kind, _API, _SIGN_IN)


def error(answer: Answer) -> RemoteError:
    """Return what an answer that is not a 2xx means."""
    return replies.error(answer, _API, _SIGN_IN)

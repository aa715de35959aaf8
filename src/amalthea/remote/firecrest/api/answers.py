"""Answers of FirecREST v2: the fields that are read, and what an error means."""

from typing import TypeVar

import msgspec

from amalthea.remote.errors import RemoteError
from amalthea.remote.requests import lenient, replies
from amalthea.sidecars.http.messages import Answer

_T = TypeVar("_T")
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
    """The user whom the token is for."""

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
    """The files that a job writes to."""

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
    return lenient.each(read(answer, _Systems).systems, System, _API)


def jobs(answer: Answer) -> list[Job]:
    """Return the jobs of an answer; raise RemoteError as `systems` does."""
    return lenient.each(read(answer, _Jobs).jobs or (), Job, _API)


def metadata(answer: Answer) -> Metadata:
    """Return where the job of an answer writes to; raise RemoteError as `systems` does."""
    found = lenient.each(read(answer, _Jobs).jobs or (), Metadata, _API)
    return found[0] if found else Metadata()


def read(answer: Answer, kind: type[_T]) -> _T:
    """Return an answer's content; raise RemoteError if it is an error, or cannot be read."""
    return replies.read(answer, kind, _API, _SIGN_IN)


def error(answer: Answer) -> RemoteError:
    """Return the error of an answer that is not a 2xx."""
    return replies.error(answer, _API, _SIGN_IN)

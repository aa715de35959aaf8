"""The journal that outlives the controller: `.rsc/` on the session's volume, with the job's number and newest tokens.

`state.json` has the names that the Go controller reads and writes, and two of ours: `intent`, the name of a job that is
about to be submitted, and `submitted_at`. A file is replaced as a whole, and only its owner may read it.
"""

import asyncio
import contextlib
import logging
import os
import threading
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from amalthea.remote.login.renku import Pair

_T = TypeVar("_T")

log = logging.getLogger("remote.journal")


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """The job, and how much of its output has been printed (in bytes); `submitted_at` in seconds since 1970."""

    job_id: str = ""
    job_name: str = ""
    intent: str = ""
    stdout_path: str = ""
    stderr_path: str = ""
    stdout_offset: int = 0
    stderr_offset: int = 0
    submitted_at: float = 0.0


class JournalError(Exception):
    """A folder that cannot be used. The message names it and the remedy."""


class Journal(Protocol):
    """Keeps the state and the tokens; implements `renku.Kept`. Reading and writing may raise JournalError."""

    async def read(self) -> State: ...
    async def write(self, state: State) -> None: ...
    async def forget(self) -> None:
        """Forget the job. What is written afterwards is dropped: nothing brings back a job that was cancelled."""
        ...

    async def read_pair(self) -> Pair: ...
    async def write_pair(self, pair: Pair) -> None: ...


class FileJournal:
    """Implements `Journal` in files. All of it happens in threads: a volume over the network may be slow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state = folder / "state.json"
        self._pair = folder / "tokens.json"
        self._lock = threading.Lock()
        self._forgotten = False

    async def read(self) -> State:
        return await asyncio.to_thread(self._read, self._state, State)

    async def write(self, state: State) -> None:
        await asyncio.to_thread(self._write, self._state, state)

    async def forget(self) -> None:
        await asyncio.to_thread(self._forget)

    async def read_pair(self) -> Pair:
        return await asyncio.to_thread(self._read, self._pair, Pair)

    async def write_pair(self, pair: Pair) -> None:
        try:
            await asyncio.to_thread(self._write, self._pair, pair)
        except JournalError as error:  # the tokens themselves are good all the same
            log.warning("could not keep the session's tokens", extra={"error": str(error)})

    def _read(self, path: Path, kind: type[_T]) -> _T:
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except FileNotFoundError:
            return kind()
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            log.warning("a file of an earlier start cannot be read", extra={"path": str(path), "error": str(error)})
            return kind()
        except OSError as error:  # unknown is not "no job"
            raise JournalError(f"{path} cannot be read ({error.strerror}): check the session's volume.") from None

    def _write(self, path: Path, value: State | Pair) -> None:
        with self._lock:
            if self._forgotten and path == self._state:
                return
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _replace(path, msgspec.json.encode(value))
            except OSError as error:
                raise JournalError(
                    f"{path} cannot be written ({error.strerror}), and without it a job could be submitted twice:"
                    " set RENKU_MOUNT_DIR to the folder of the session's volume, and check its space and permissions."
                ) from None

    def _forget(self) -> None:
        with self._lock:
            self._forgotten = True
            with contextlib.suppress(OSError):
                self._state.unlink(missing_ok=True)


def _replace(path: Path, content: bytes) -> None:
    """Replace a file so that, whenever the machine stops, the old or the new one is there."""
    new = path.with_suffix(".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(new, flags, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

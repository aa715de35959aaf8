"""The job's output, followed to its end: each line once, and no byte of it lost, unless it is not UTF-8."""

import logging
import posixpath
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from amalthea.remote.errors import NotFound, RemoteError
from amalthea.remote.firecrest.api.answers import Metadata
from amalthea.remote.firecrest.api.client import Client
from amalthea.remote.firecrest.follow import reading
from amalthea.remote.job.journal import State

_AT_ONCE = 16
"""Reads in a row, of up to 512 KiB each, before anything else has its turn."""
_PRINTED = 4096
"""Lines that are printed at once: their prefix takes more memory than short ones do."""
_LAST_LINES, _LAST_CHARACTERS = 5, 300

log = logging.getLogger("remote.logs")


@dataclass
class Stream:
    """One file, of which `offset` bytes have been printed. `name`: stdout or stderr."""

    name: str
    path: str
    offset: int = 0
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))
    _seen: int = -1
    _inode: int = 0

    async def read(self, client: Client, *, last: bool) -> tuple[str, ...] | None:
        """Return what can be printed next; None if there is nothing new."""
        size, inode = await client.stat(self.path)
        if size < self.offset or self._inode not in (0, inode):
            self.offset, self._seen = 0, -1  # it was emptied, or another file has its name
        self._inode = inode
        if size == self.offset or (size == self._seen and not last):
            return None
        near = size - self.offset <= reading.NEAR
        text = await (client.tail(self.path, self.offset) if near else self._block(client))
        near = near and len(text) <= reading.MOST
        found = reading.split(text[: reading.MOST], last=last and near)
        self.offset += await self._length(client, found, size if near else 0)
        self._seen = size if near else -1
        self.last_lines.extend(line[:_LAST_CHARACTERS] for line in found.lines[-_LAST_LINES:])
        return found.lines

    async def _block(self, client: Client) -> str:
        block = reading.block_for(self.offset)
        start = self.offset // block * block
        return reading.from_block(await client.view(self.path, start, block), start, self.offset)

    async def _length(self, client: Client, found: reading.Lines, size: int) -> int:
        """Return how many bytes the lines took: where some were not UTF-8, that is known if the file stood still."""
        if size and any("\ufffd" in line for line in found.lines) and (await client.stat(self.path))[0] == size:
            return size - self.offset - reading.length(found.rest)
        return found.size


def streams_of(state: State) -> list[Stream]:
    """Return the files that a job writes to: one where both outputs go to the same."""
    found = [Stream("stdout", state.stdout_path, state.stdout_offset)]
    if state.stderr_path and state.stderr_path != state.stdout_path:
        found.append(Stream("stderr", state.stderr_path, state.stderr_offset))
    return found


def outputs(told: Metadata, folder: str, job_id: str) -> list[Stream]:
    """Return the files that a job writes to, as the cluster has told: Slurm's default where it has not."""
    out = posixpath.join(folder, _plain(told.standard_output) or f"slurm-{job_id}.out")
    err = posixpath.join(folder, _plain(told.standard_error) or out)
    return streams_of(State(stdout_path=out, stderr_path="" if err == out else err))


def _plain(path: str | None) -> str:
    """Return a path; empty for a pattern such as `slurm-%j.out`, as accounting has it."""
    return path if path and "%" not in path else ""


class Logs:
    """The output of one job. `print_lines` writes lines; it is handed them with their prefix."""

    def __init__(self, client: Client, print_lines: Callable[[list[str]], Awaitable[None]]) -> None:
        self._client = client
        self._print = print_lines
        self.streams: list[Stream] = []
        self._trouble = ""

    @property
    def last_lines(self) -> str:
        """Return the end of the output, in one line."""
        lines = [line for stream in self.streams for line in stream.last_lines]
        return " | ".join(line.strip() for line in lines[-_LAST_LINES:] if line.strip())

    async def follow(self, *, last: bool) -> bool:
        """Print what is new; return False if there is more to come at once. What cannot be read is tried later."""
        try:
            drained = [await self._drain(stream, last=last) for stream in self.streams]
        except RemoteError as error:
            if str(error) != self._trouble:
                log.warning("could not read the session's output", extra={"error": str(error)})
            self._trouble = str(error)
            return True
        self._trouble = ""
        return all(drained)

    async def _drain(self, stream: Stream, *, last: bool) -> bool:
        for _ in range(_AT_ONCE):
            try:
                lines = await stream.read(self._client, last=last)
            except NotFound:  # the job has not written anything yet
                return True
            if lines is None:
                return True
            for begin in range(0, len(lines), _PRINTED):
                some = lines[begin : begin + _PRINTED]
                await self._print([f"[session/{stream.name}] {line}" for line in some])
            if not lines and not last:
                return True
        return False

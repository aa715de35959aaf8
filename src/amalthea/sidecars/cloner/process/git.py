"""Runs git: in the environment that `git_environment` made, its progress to the log, ended when the pod is stopped."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from amalthea.sidecars.cloner.errors import GitFailed
from amalthea.sidecars.cloner.process.git_failures import SILENCE, harmless
from amalthea.sidecars.cloner.process.progress import Progress
from amalthea.sidecars.cloner.process.sandbox import Confinement

_KEPT_LINES = 200
_SECONDS_TO_END = 5.0
SILENCE_SECONDS = 900.0
"""Git and git-lfs show progress while they work."""
_Stream = IO[bytes] | int


def say(line: str) -> None:
    """Write a line to the log."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@dataclass(frozen=True)
class Git:
    """Git with an environment, and confined where that can be done."""

    environment: Mapping[str, str]
    confinement: Confinement | None = None

    def run(self, *arguments: str, folder: Path | None = None, given: str = "") -> str:
        """Run one command in `folder`, else in a folder without a repository; return what it printed.

        `given` is its standard input. Line breaks at the end of what it printed are left out.

        Raises:
            GitFailed: it ended with another code than 0.
        """
        home = self.environment["HOME"]
        with tempfile.TemporaryFile(dir=home) as printed, tempfile.TemporaryFile(dir=home) as asked:
            asked.write(given.encode())
            asked.seek(0)
            self._run(arguments, folder, (asked, printed, subprocess.PIPE))
            printed.seek(0)
            return printed.read().decode(errors="replace").rstrip("\n")

    def show(self, *arguments: str, folder: Path) -> None:
        """Run one command that prints nothing but its progress, as Git LFS does.

        Raises:
            GitFailed: it ended with another code than 0.
        """
        self._run(arguments, folder, (subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT))

    def asks(self, *arguments: str, folder: Path | None = None) -> str | None:
        """Return the output of a command that answers a question; None where its answer is no."""
        try:
            return self.run(*arguments, folder=folder)
        except GitFailed:
            return None

    @contextlib.contextmanager
    def reading(self, *arguments: str) -> Iterator[Iterator[bytes]]:
        """Run one command; yield what it prints, up to each NUL, as it comes. git is ended where nobody reads on.

        Raises:
            GitFailed: it ended with another code than 0.
        """
        process = self._start(arguments, None, (subprocess.DEVNULL, subprocess.PIPE, subprocess.DEVNULL))
        assert process.stdout is not None
        with process.stdout as stream:
            try:
                yield _entries(stream)
                ended = not stream.read(1)
            except BaseException:
                _end(process)
                raise
            if not ended:
                _end(process)
        if process.wait() != 0 and ended:
            raise GitFailed(f"git {arguments[0]} failed")

    def _run(self, arguments: Sequence[str], folder: Path | None, streams: tuple[_Stream, _Stream, _Stream]) -> None:
        process = self._start(arguments, folder, streams)
        stream = process.stdout or process.stderr
        assert stream is not None
        said = _follow(process, stream)
        if process.returncode != 0:
            raise GitFailed(said)

    def _start(
        self, arguments: Sequence[str], folder: Path | None, streams: tuple[_Stream, _Stream, _Stream]
    ) -> subprocess.Popen[bytes]:
        stdin, stdout, stderr = streams
        return subprocess.Popen(  # noqa: S603  (no shell; addresses and revisions are checked)
            ("git", *arguments),  # noqa: S607  (found by PATH, as all its helpers are)
            cwd=folder or self.environment["HOME"],
            env=self.environment,
            preexec_fn=self.confinement.enter if self.confinement else None,  # noqa: PLW1509  (no thread runs then)
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )


def _follow(process: subprocess.Popen[bytes], stream: IO[bytes]) -> str:
    """Write what is worth it of `stream` to the log until git ends; return the last lines of that."""
    last: deque[str] = deque(maxlen=_KEPT_LINES)
    progress = Progress()
    try:
        with stream:
            for line in _lines(stream):
                if progress.worth_saying(line, time.monotonic()):
                    last.append(line)
                    say(line)
        process.wait()
    except BaseException:
        _end(process)
        raise
    return "\n".join(last)


def _read(stream: IO[bytes]) -> bytes:
    """Return what comes next, nothing at the end; raise GitFailed after a long silence, for no server may hold us."""
    if not select.select([stream], [], [], SILENCE_SECONDS)[0]:
        raise GitFailed(SILENCE)
    return os.read(stream.fileno(), 65536)


def _entries(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield what ends with a NUL."""
    rest = b""
    while chunk := os.read(stream.fileno(), 1 << 18):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield lines; those that git writes over each other on a terminal are lines too."""
    rest = b""
    while chunk := _read(stream):
        *whole, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
        yield from (harmless(line.decode(errors="replace")) for line in whole)
    if rest:
        yield harmless(rest.decode(errors="replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End git with all that it has started: gently, then for certain."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_END)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

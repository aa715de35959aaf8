"""The interface of a kind of remote backend. A new one is a module with a `RemoteBackend`, and a line in `kinds.py`."""

import enum
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from amalthea.remote.clock import Clock
from amalthea.remote.job.journal import Journal
from amalthea.remote.requests.caller import Chance
from amalthea.remote.requests.exchange import Exchange


class Phase(enum.Enum):
    """The state of a job, in the words of `/status`."""

    NOT_READY = "NotReady"
    RUNNING = "Running"
    FAILED = "Failed"
    COMPLETED = "Completed"

    @property
    def ended(self) -> bool:
        """Return whether it is final."""
        return self in (Phase.FAILED, Phase.COMPLETED)


@dataclass(frozen=True)
class Report:
    """The report on a job. Times are in seconds, `starts` since 1970; None where nobody knows."""

    phase: Phase | None
    """None: the scheduler's word says nothing new, so that what was known before still holds."""
    word: str = ""
    """The scheduler's own word for its state."""
    reason: str = ""
    """The scheduler's word for why it waits."""
    starts: float | None = None
    """The expected or actual start."""
    limit: float | None = None
    """The longest time that it may run."""
    elapsed: float | None = None
    cause: str = ""
    """The cause of its failure, with the next step, for the session's user."""
    stuck: bool = False
    """Whether it will never start as it is: `recover` takes it away then, and `start` submits another."""
    output: str = ""
    """The end of its output, where that may help: only for readers of its log, since programs print secrets."""


@dataclass(frozen=True)
class Surroundings:
    """The environment of every kind. `print_lines` prints lines of the job's output."""

    exchange: Exchange
    clock: Clock
    chance: Chance
    journal: Journal
    print_lines: Callable[[list[str]], Awaitable[None]]
    env: Mapping[str, str] = field(repr=False)


class RemoteBackend(Protocol):
    """One session's job. Every method may raise `errors.RemoteError`; none of them overlap, but for `stop`."""

    async def recover(self) -> bool:
        """Find the job of an earlier start; False if there is none, so that a new one is wanted.

        One that has ended is forgotten, and one that is stuck is cancelled.
        """
        ...

    async def start(self) -> None:
        """Submit a job. If this is cancelled at any moment, `recover` or `stop` finds what was submitted."""
        ...

    async def poll(self) -> Report:
        """Ask for the state of the job."""
        ...

    async def logs(self) -> bool:
        """Print what the job has written since; False if there is more to print at once."""
        ...

    async def stop(self) -> None:
        """Cancel the job, and return once it is gone; without a job that is at once.

        It may be called after any other call was cancelled, and more than once.
        """
        ...

    async def tidy(self) -> None:
        """Do what is left to do once there is no job any more. It raises nothing, and may be cancelled."""
        ...

    async def tend(self) -> None:
        """Do what the job needs beside all that, such as keeping tokens alive; it need not end."""
        ...

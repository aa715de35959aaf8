"""Answers of the proxy in front of a session: when somebody last seemed to work in it, as its metadata port reports.

An answer is not trusted, since other containers of the pod share its address: it can only speak against idleness.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec

from amalthea.api import names
from amalthea.model import spans
from amalthea.model.views.objects import Time
from amalthea.model.views.pods import PodView

_TAKES = timedelta(seconds=5)
"""The longest time of a question, with room to spare: a door's clock may differ by it and count as right."""


class NoAnswerError(Exception):
    """A door did not answer, or its answer cannot be read: nothing is known. The message says why."""


@dataclass(frozen=True, slots=True)
class Reported:
    """It reported when somebody last worked."""

    at: datetime
    """The time at which it was asked."""
    worked_at: datetime
    """In whole seconds, rounded up; when it was asked, at most."""


@dataclass(frozen=True, slots=True)
class TooOld:
    """Its release cannot report whether somebody works."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Silent:
    """It did not answer."""

    at: datetime
    times: int = 1
    """The number of times in a row."""


Look: TypeAlias = Reported | TooOld | Silent
"""The outcome of asking a door once."""


@dataclass(frozen=True, slots=True)
class Door:
    """The proxy in front of a session."""

    address: str
    """Its pod's IP; empty if the pod has none."""
    look: Look | None = None
    """Its last answer; None if it was not asked, or long ago."""


class _Stats(msgspec.Struct, frozen=True):
    """GET /request_stats. The Go operator's proxy knows the first field only."""

    last_request_time: str
    version: int = 0
    last_work_time: Time | None = None
    time: Time | None = None
    """The time by its own clock."""


def address(pod: PodView | None) -> str | None:
    """Return the address at which the door of a pod is asked, or None if it has none."""
    if pod is None:
        return None
    specs = (*pod.spec.init_containers, *pod.spec.containers)
    return pod.status.pod_ip if any(spec.name == names.CONTAINER_AUTHPROXY for spec in specs) else None


def read(body: bytes, asked_at: datetime) -> Reported | TooOld:
    """Return what an answer says.

    Raises:
        NoAnswerError: it cannot be read.
    """
    try:
        stats = msgspec.json.decode(body, type=_Stats)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise NoAnswerError(f"its answer cannot be read: {error}") from None
    if stats.version < 1:
        return TooOld(asked_at)
    if stats.last_work_time is None:
        raise NoAnswerError("its answer does not say when somebody last worked")
    try:
        worked_at = stats.last_work_time - _ahead(stats, asked_at)
    except OverflowError:
        raise NoAnswerError("its answer contains an impossible time") from None
    return Reported(asked_at, _rounded(min(worked_at, asked_at)))


def _ahead(stats: _Stats, asked_at: datetime) -> timedelta:
    """Return how far a door's clock is ahead of ours, as far as the time that it took to answer does not explain it."""
    ahead = stats.time - asked_at if stats.time is not None else timedelta(0)
    return ahead if abs(ahead) > _TAKES else timedelta(0)


def _rounded(moment: datetime) -> datetime:
    return spans.end(moment, timedelta(0)) or moment

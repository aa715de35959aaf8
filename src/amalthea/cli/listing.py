"""The sessions of a namespace, one line each: state and what comes next. Those in trouble come first, with why."""

from collections.abc import Iterable
from datetime import datetime

from amalthea.cli.compose import headline
from amalthea.cli.compose.limits import NEVER, coming
from amalthea.cli.explanation import Coming, Part
from amalthea.cli.read.snapshot import SessionSnapshot
from amalthea.cli.text import STATE_COLOURS, Terminal, harmless
from amalthea.cli.time_format import localized, span

_COLUMNS = ("NAME", "STATE", "FOR", "NEXT")
_SHORT = {
    headline.DEGRADED: "answers in part",
    headline.SUCCEEDED: "ended well",
    headline.RESUMING: "to be resumed",
    headline.SILENT: "does not answer",
}
"""Headlines that are too long for a column."""
_TROUBLED = (headline.STUCK, headline.BROKEN, headline.SILENT, headline.AGAIN, headline.DEGRADED)
"""The headlines of sessions that somebody should look at, the worst first."""
_COMES = {"pause": "paused", "delete": "deleted", "stop": "stopped", "fail": "failed"}


class Line(Part, frozen=True, kw_only=True):
    """A session in short."""

    name: str
    state: str
    headline: str
    reason: str
    cause: str
    error: str
    """The error, in full; empty if there is none."""
    since: datetime | None
    next: Coming | None


class Listing(Part, frozen=True, kw_only=True):
    """The sessions of a namespace."""

    namespace: str
    sessions: tuple[Line, ...]
    explained_at: datetime


def listing(namespace: str, sessions: Iterable[SessionSnapshot], now: datetime) -> Listing:
    """Return the sessions of a namespace: those in trouble first, then those for which something comes soonest."""
    lines = sorted((_line(known, now) for known in sessions), key=_urgency)
    return Listing(namespace=namespace, sessions=tuple(lines), explained_at=now)


def render(listing: Listing, paper: Terminal) -> str:
    """Return the listing as text, no line wider than the paper if no name is very long."""
    if not listing.sessions:
        return f"There are no sessions in the namespace {listing.namespace}. Name another one with -n.\n"
    rows = [_COLUMNS, *(_row(each, listing.explained_at) for each in listing.sessions)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    head, *lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    shown = [paper.paint("bold", head)]
    for text, each in zip(lines, listing.sessions, strict=True):
        shown.append(paper.paint(STATE_COLOURS.get(each.state, ""), text))
        why = localized(_why(each), listing.explained_at, paper.zone)
        shown += paper.wrapped(why, 4, "    ")
    return "\n".join(shown) + "\n"


def _line(known: SessionSnapshot, now: datetime) -> Line:
    session = known.observed.session
    return Line(
        name=session.metadata.name,
        state=session.status.state,
        headline=headline.headline(known),
        reason=headline.reason(known),
        cause=headline.cause(known),
        error=session.status.error or "",
        since=headline.since(known),
        next=next((each for each in coming(known, now) if each.at is not None), None),
    )


def _urgency(line: Line) -> tuple[int, datetime, str]:
    rank = _TROUBLED.index(line.headline) if line.headline in _TROUBLED else len(_TROUBLED) + (not line.error)
    return rank, (line.next.at if line.next is not None else None) or NEVER, line.name


def _row(line: Line, now: datetime) -> tuple[str, ...]:
    state = _SHORT.get(line.headline, line.headline.removeprefix("is ").removeprefix("has "))
    lasted = span(now - line.since) if line.since is not None else ""
    return harmless(line.name), state, lasted, _next(line.next, now) if line.next is not None else ""


def _next(coming: Coming, now: datetime) -> str:
    if coming.at is None:
        return ""
    return f"{_COMES[coming.action]} {f'in {span(coming.at - now)}' if now < coming.at else 'now'}"


def _why(line: Line) -> str:
    """Return the first sentence of what is wrong with a session; the explanation of that session has all of it."""
    why = line.error or (line.cause if line.headline in _TROUBLED else "")
    first, more, _ = why.partition(". ")
    return f"{first}{more.strip()}"

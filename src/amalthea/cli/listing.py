"""The sessions of a namespace, a line each: how each is, and what comes next."""

from collections.abc import Iterable
from datetime import datetime

from amalthea.cli.explanation import Coming, Part
from amalthea.cli.headline import cause, headline, since
from amalthea.cli.known import Known
from amalthea.cli.limits import coming
from amalthea.cli.text import Paper, harmless
from amalthea.cli.words import span


class Line(Part, frozen=True, kw_only=True):
    """A session in short."""

    name: str
    state: str
    headline: str
    cause: str
    since: datetime | None
    next: Coming | None


class Listing(Part, frozen=True, kw_only=True):
    """The sessions of a namespace."""

    namespace: str
    sessions: tuple[Line, ...]
    explained_at: datetime


def listing(namespace: str, sessions: Iterable[Known], now: datetime) -> Listing:
    """Return the sessions of a namespace, by name."""
    lines = (_line(known) for known in sessions)
    return Listing(namespace=namespace, sessions=tuple(sorted(lines, key=lambda each: each.name)), explained_at=now)


def render(told: Listing, paper: Paper) -> str:
    """Return the listing as text, no line wider than the paper if no name is."""
    if not told.sessions:
        return f"There are no sessions in the namespace {told.namespace}. Another one is named with -n.\n"
    width = max(len(each.name) for each in told.sessions) + 2
    lines = (f"{harmless(each.name):<{width}}{_short(each, told, paper.width - width)}\n" for each in told.sessions)
    return "".join(lines)


def _line(known: Known) -> Line:
    session = known.observed.session
    first = next((each for each in coming(known) if each.at is not None), None)
    return Line(
        name=session.metadata.name,
        state=session.status.state,
        headline=headline(known),
        cause=cause(known),
        since=since(known),
        next=first,
    )


def _short(line: Line, told: Listing, room: int) -> str:
    """Return the rest of a line, cut at the paper's edge."""
    now = told.explained_at
    so_far = f"{line.headline}, for {span(now - line.since)}" if line.since is not None else line.headline
    more = line.cause if line.state == "Failed" else ""
    if line.next is not None and line.next.at is not None and not more:
        more = f"In {span(line.next.at - now)}: {line.next.why[:1].lower()}{line.next.why[1:]}"
    text = harmless(f"{so_far}. {more}".strip())
    return text if len(text) <= max(room, 20) else f"{text[: max(room, 20) - 1]}…"

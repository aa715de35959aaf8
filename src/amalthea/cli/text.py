"""An explanation as text for a terminal: headed sections, wrapped to its width, with colour where that is wanted.

Much of what is shown was written by others, so what could steer a terminal is taken out of it.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import groupby

from amalthea.api.types import RUNNING_STATES
from amalthea.cli import time_format
from amalthea.cli.compose.headline import DATED
from amalthea.cli.explanation import Coming, Container, Explanation, Happening, Run
from amalthea.cli.time_format import clock, counted

LAST = 25
"""So many of the things that happened are shown."""

_STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
STATE_COLOURS = {"Running": "green", "Succeeded": "green", "Failed": "red", "RunningDegraded": "yellow"}
_LABEL = 11


@dataclass(frozen=True)
class Terminal:
    """The properties of the terminal that the text is written for."""

    width: int = 80
    colour: bool = False
    zone: tzinfo | None = None
    """The reader's time zone; None for this machine's."""

    def paint(self, style: str, text: str) -> str:
        """Return the text in a style, where styles are wanted."""
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.colour and style else text

    def wrapped(self, text: str, indent: int = 0, first: str = "") -> Iterator[str]:
        """Yield lines no wider than the paper, if no single word is; `first` stands before the first of them."""
        plain = harmless(text)
        width = max(self.width, indent + 20)
        hang = " " * indent
        yield from textwrap.wrap(
            plain,
            width,
            initial_indent=first.ljust(indent),
            subsequent_indent=hang,
            break_long_words=False,
            break_on_hyphens=False,
        )


def render(explanation: Explanation, paper: Terminal) -> str:
    """Return the explanation as text."""
    sections = (
        _opening(explanation, paper),
        _notices(explanation, paper),
        _facts(explanation, paper),
        _containers(explanation, paper),
        _happened(explanation, paper),
        _coming(explanation, paper),
        _advice(explanation, paper),
        _unread(explanation, paper),
    )
    return "\n\n".join("\n".join(lines) for lines in map(list, sections) if lines) + "\n"


def _opening(explanation: Explanation, paper: Terminal) -> Iterator[str]:
    for line in paper.wrapped(f"{explanation.name} {_dated(explanation, paper)}."):
        yield paper.paint(STATE_COLOURS.get(explanation.state, "bold"), line)
    yield from paper.wrapped(_local(explanation.cause, explanation, paper)) if explanation.cause else ()
    if explanation.url and explanation.state in RUNNING_STATES:
        yield f"Open it at {paper.paint('bold', harmless(explanation.url))}"


def _dated(explanation: Explanation, paper: Terminal) -> str:
    """Return the headline with the time since which it holds."""
    now, zone = explanation.explained_at, paper.zone
    if explanation.since is None or explanation.headline not in DATED:
        return explanation.headline
    time, at, ago = (
        clock(explanation.since, now, zone),
        time_format.when(explanation.since, now, zone),
        time_format.span(now - explanation.since),
    )
    return DATED[explanation.headline].format(time=time, at=at, ago=ago)


def _local(text: str, explanation: Explanation, paper: Terminal) -> str:
    """Return what somebody wrote, with its times in the form of all others in the text."""
    return time_format.localized(text, explanation.explained_at, paper.zone)


def _notices(explanation: Explanation, paper: Terminal) -> Iterator[str]:
    for notice in explanation.notices:
        yield from paper.wrapped(
            _local(notice.message, explanation, paper), 2, "! " if notice.condition != "Idle" else "- "
        )


def _facts(explanation: Explanation, paper: Terminal) -> Iterator[str]:
    yield f"{'Namespace':<{_LABEL}}{harmless(explanation.namespace)}"
    if explanation.run.started_at is not None:
        yield from paper.wrapped(
            _run(explanation.run, explanation.run.started_at, explanation.explained_at, paper), _LABEL, "Run"
        )
    for fact in explanation.facts:
        yield from paper.wrapped(fact.text, _LABEL, fact.label)


def _run(run: Run, began: datetime, now: datetime, paper: Terminal) -> str:
    length = time_format.span((run.ended_at or now) - began)
    end = f" to {clock(run.ended_at, now, paper.zone)}" if run.ended_at is not None else ""
    start = f"{'from' if end else 'since'} {clock(began, now, paper.zone)}"
    return f"for {length}, {start}{end}" + (f" (id {run.id})" if run.id else "")


def _containers(explanation: Explanation, paper: Terminal) -> Iterator[str]:
    if explanation.containers:
        yield _heading("Containers", paper)
    column = max((len(each.name) for each in explanation.containers), default=0) + 4
    for each in explanation.containers:
        yield from paper.wrapped(_doing(each, explanation.explained_at), column, f"  {harmless(each.name)}")
        if each.ended_before:
            yield from paper.wrapped(f"before that: {each.ended_before}", column)


def _doing(container: Container, now: datetime) -> str:
    if container.since is None:
        return container.says
    length = time_format.span(now - container.since)
    return f"{container.says}, for {length}" if container.running else f"{container.says}, {length} ago"


def _happened(explanation: Explanation, paper: Terminal) -> Iterator[str]:
    shown = explanation.happened[-LAST:]
    if not shown:
        return
    more = len(explanation.happened) - len(shown)
    now, zone = explanation.explained_at, paper.zone
    before = f"; {counted(more, 'thing')} before are in -o json" if more else ""
    yield f"{_heading('What happened', paper)} (times in {time_format.zone_name(now, zone)}{before})"
    for day, things in groupby(shown, key=lambda each: time_format.day(each.at, now, zone)):
        if day != time_format.day(now, now, zone):
            yield f"  {day}"
        for each in things:
            yield from _thing(each, explanation, paper)


def _thing(each: Happening, explanation: Explanation, paper: Terminal) -> Iterator[str]:
    """Yield the lines for one thing that happened; the cause of the session's state is not repeated."""
    time = f"{time_format.in_zone(each.at, paper.zone):%H:%M:%S}"
    message = each.message
    if explanation.cause:
        message = message.replace(explanation.cause, "").strip() or "See above."
        message = message if message not in explanation.cause else "See above."
    often = f" ({each.count} times)" if each.count > 1 else ""
    lines = paper.wrapped(
        f"{_local(message, explanation, paper)}{often}", 13, f"  {time} {'!' if each.warning else ' '}"
    )
    yield from (paper.paint("yellow", line) if each.warning else line for line in lines)


def _coming(explanation: Explanation, paper: Terminal) -> Iterator[str]:
    yield _heading("What comes next", paper)
    if not explanation.coming:
        deleting = explanation.headline == "is being deleted"
        yield (
            "  It is deleted with everything that belongs to it."
            if deleting
            else "  Nothing pauses or deletes it automatically."
        )
    for each in explanation.coming:
        limit = f" ({each.limit})." if each.limit else "."
        yield from paper.wrapped(_when(each, explanation.explained_at, paper).rstrip(".") + limit, 4, "  -")


def _when(coming: Coming, now: datetime, paper: Terminal) -> str:
    if coming.at is None:
        return coming.why
    why = coming.why[:1].lower() + coming.why[1:]
    if coming.at <= now:
        return f"Due now: {why}"
    return f"In {time_format.span(coming.at - now)}, {time_format.when(coming.at, now, paper.zone)}: {why}"


def _advice(explanation: Explanation, paper: Terminal) -> Iterator[str]:
    if explanation.advice:
        yield _heading("What you can do", paper)
    for each in explanation.advice:
        yield from paper.wrapped(each.text, 2, "  ")
        if each.command:
            yield f"    {paper.paint('dim', harmless(each.command))}"


def _unread(explanation: Explanation, paper: Terminal) -> Iterator[str]:
    if explanation.unread:
        yield _heading("What could not be read", paper)
    for sentence in explanation.unread:
        yield from paper.wrapped(sentence, 2, "  ")


def _heading(text: str, paper: Terminal) -> str:
    return paper.paint("bold", text)


def harmless(text: str) -> str:
    """Return what others wrote without what could steer a terminal."""
    return _STEERING.sub(" ", text)

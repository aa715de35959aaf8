"""Composes the explanation of a session from what was read of it. Read this first; each part has its module."""

from datetime import datetime

from amalthea.children.shared.url import NO_URL
from amalthea.cli.compose import advice, facts, headline, limits, notices, timeline
from amalthea.cli.compose.situation import Situation
from amalthea.cli.explanation import Explanation, Run
from amalthea.cli.read.snapshot import SessionSnapshot
from amalthea.model import deadlines


def explanation(known: SessionSnapshot, kubectl: str, now: datetime) -> Explanation:
    """Explain a session at a moment; `kubectl` is the command with the flags that lead to it."""
    metadata, status = known.observed.session.metadata, known.observed.session.status
    cause = headline.cause(known)
    noticed = notices.notices(known, cause)
    coming = limits.coming(known, now)
    return Explanation(
        name=metadata.name,
        namespace=metadata.namespace,
        state=status.state,
        headline=headline.headline(known),
        reason=headline.reason(known),
        cause=cause,
        since=headline.since(known),
        url=status.url if status.url != NO_URL else None,
        run=Run(
            id=status.run_id, started_at=limits.started_at(known), ended_at=deadlines.ended_at(known.observed, status)
        ),
        facts=facts.facts(known),
        containers=facts.containers(known),
        notices=noticed,
        happened=timeline.happened(known, noticed),
        coming=coming,
        advice=advice.advice(Situation(known, kubectl, coming, now)),
        unread=known.unread,
        explained_at=now,
    )

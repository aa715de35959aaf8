"""Advice about a session: commands that work as they stand, for the state that it is in."""

from collections.abc import Iterator

from amalthea.api import names
from amalthea.cli.compose.remedies import remedies
from amalthea.cli.compose.situation import Situation
from amalthea.cli.explanation import Advice
from amalthea.model.times import rfc3339


def advice(at: Situation) -> tuple[Advice, ...]:
    """Return what the reader can do, the most useful first."""
    observed = at.observed
    if observed.deleting:
        return tuple(_about_deletion(at))
    if observed.hibernated:
        found = (*remedies(at), *_about_pause(at))
    else:
        found = (*remedies(at), *_stay(at), *_logs(at), *_pausing(at))
    return tuple(dict.fromkeys(found))


def _stay(at: Situation) -> Iterator[Advice]:
    """Return how to keep a session that would be paused for idleness."""
    if any(each.limit == "maxIdleDuration" and each.at is not None for each in at.coming):
        said = at.patch({"culling": {"lastInteraction": rfc3339(at.now)}})
        yield Advice(text="Say that you are at work, so that it is not paused for idleness:", command=said)


def _logs(at: Situation) -> Iterator[Advice]:
    """Advise to read the logs of containers that run and do not answer, and that of the session."""
    unready = (each for each in at.known.containers if each.state.running is not None and not each.ready)
    for container in (*unready, at.known.session_container):
        yield from at.log(container)


def _pausing(at: Situation) -> Iterator[Advice]:
    if at.observed.ended:
        yield _deletion(at)
    elif at.observed.interactive:
        yield Advice(text="Pause it; its files are kept:", command=at.patch({"hibernated": True}))
    else:
        yield Advice(
            text="Pause it; it starts from the beginning when it is resumed:", command=at.patch({"hibernated": True})
        )


def _about_pause(at: Situation) -> Iterator[Advice]:
    yield Advice(text="Resume it:", command=at.patch({"hibernated": False}))
    yield _deletion(at)


def _deletion(at: Situation) -> Advice:
    return Advice(text="Delete it and its files, permanently:", command=f"{at.kubectl} delete ams {at.name}")


def _about_deletion(at: Situation) -> Iterator[Advice]:
    if any(each == names.FINALIZER for each in at.observed.session.metadata.finalizers):
        yield Advice(text="If that lasts for minutes, ask your admin whether the operator runs.")

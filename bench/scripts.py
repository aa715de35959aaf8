"""The scripts of the users of the chaos: one for each session, always the same for its number."""

import random
from dataclasses import dataclass
from enum import StrEnum


class Deed(StrEnum):
    """The actions of a user on a session."""

    CREATE = "create"
    PAUSE = "pause"
    RESUME = "resume"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a user does, and when: in seconds from the beginning, if the act before is done by then."""

    at: float
    deed: Deed


Script = tuple[Act, ...]
"""A session's acts in their order; the first is its creation."""


def script(number: int, seconds: float) -> Script:
    """Return the script of a session for so many seconds: it is left alone, paused and resumed up to three times.

    One in ten is deleted in the end.
    """
    chance = random.Random(number)  # noqa: S311 - no secret is made of it
    turns = (Deed.PAUSE, Deed.RESUME, Deed.PAUSE)[: number % 4]
    deeds = (Deed.CREATE, *turns, *((Deed.DELETE,) if number % 10 == 9 else ()))
    moments = sorted(chance.uniform(0, seconds) for _ in deeds)
    return tuple(Act(at, deed) for at, deed in zip(moments, deeds, strict=True))

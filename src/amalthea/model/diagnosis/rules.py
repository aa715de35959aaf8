"""Rules that read what is wrong out of a message: a pattern, and what a message that contains it means."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from amalthea.api.reasons import Failure

Meaning = TypeVar("Meaning")
Cause: TypeAlias = tuple[Failure, str]
"""The code of a trouble, and its cause and next step in words."""


@dataclass(frozen=True, slots=True)
class Rule(Generic[Meaning]):
    """Messages that match the pattern, in capital or small letters, have this meaning."""

    pattern: str
    meaning: Meaning

    def match(self, said: str) -> re.Match[str] | None:
        """Return where the message matches, or None."""
        return re.search(self.pattern, said, re.IGNORECASE)


def first(rules: Iterable[Rule[Meaning]], said: str, default: Meaning) -> Meaning:
    """Return the meaning of a message by the first rule that matches it."""
    return next((rule.meaning for rule in rules if rule.match(said)), default)

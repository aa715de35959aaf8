"""Findings while a session's children were compared and written: the material of its problem conditions."""

from collections.abc import Iterable
from dataclasses import dataclass

from amalthea.api.reasons import ConditionType, Reason


@dataclass(frozen=True)
class Finding:
    """Something that the user or the admin should know, as long as it holds."""

    condition: ConditionType
    reason: Reason
    message: str
    """A sentence that says what is so and what to do about it."""
    fatal: bool = False
    """Whether the session cannot run because of it."""
    harmless: bool = False
    """Whether all is well with it: it is only good to know."""


def of(findings: Iterable[Finding], condition: ConditionType) -> tuple[Finding, ...]:
    """Return the findings that one condition reports."""
    return tuple(finding for finding in findings if finding.condition is condition)

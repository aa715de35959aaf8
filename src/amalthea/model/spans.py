"""Moments and spans of time as specs and statuses hold them, read without ever failing.

A span that cannot be used never ends anything: `validation.py` has reported it to the user.
"""

from datetime import UTC, datetime, timedelta

from amalthea.api import durations

_LAST = datetime.max.replace(tzinfo=UTC)


def positive(text: str | None) -> timedelta | None:
    """Return a duration, or None for one that is absent, zero, negative or invalid: it never ends."""
    if not text:
        return None
    try:
        span = durations.parse(text)
    except ValueError:
        return None
    return span if span > timedelta(0) else None


def moment(text: str | None) -> datetime | None:
    """Return a time in UTC, or None for one that is absent or invalid, has no zone, or is past the year 9999."""
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def end(start: datetime | None, span: timedelta | None) -> datetime | None:
    """Return when a span ends, in whole seconds as it is reported, rounded up; None if it has no start or no end."""
    if start is None or span is None:
        return None
    try:
        exact = start + span
        return exact.replace(microsecond=0) + timedelta(seconds=1 if exact.microsecond else 0)
    except OverflowError:
        return _LAST.replace(microsecond=0)


def in_words(span: timedelta) -> str:
    """Return a duration as people say it: its two largest units."""
    seconds = round(span.total_seconds())
    if seconds < 1:
        return "less than a second"
    units = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
    parts = []
    for name, size in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}{'s' if count > 1 else ''}")
    return " ".join(parts[:2])

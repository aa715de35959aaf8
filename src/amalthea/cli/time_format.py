"""Times and durations for readers: in one time zone, and only as exact as is useful."""

import re
from datetime import datetime, timedelta, tzinfo

from amalthea.model.spans import moment

_STAMP = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)(?!\w)")
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_COARSE = 600
"""From so many seconds on, single ones are of no use."""


def span(duration: timedelta) -> str:
    """Return a duration in its two largest units, from ten minutes on without seconds: `2 h 10 min`."""
    left = max(round(duration.total_seconds()), 0)
    left -= left % 60 if left >= _COARSE else 0
    counts = []
    for unit, seconds in _UNITS:
        count, left = divmod(left, seconds)
        counts.append((count, unit))
    first = next((index for index, (count, _) in enumerate(counts) if count), len(counts) - 1)
    shown = [f"{count} {unit}" for count, unit in counts[first : first + 2] if count]
    return " ".join(shown) or "0 s"


def in_zone(at: datetime, zone: tzinfo | None) -> datetime:
    """Return a time in a zone (None: this machine's); unchanged if it would fall outside the years 1 to 9999."""
    try:
        return at.astimezone(zone)
    except OverflowError:
        return at


def clock(at: datetime, now: datetime, zone: tzinfo | None, *, seconds: bool = False) -> str:
    """Return a time in a zone (None: this machine's), with the day if that is not today's."""
    local, today = in_zone(at, zone), in_zone(now, zone)
    text = local.strftime("%H:%M:%S" if seconds else "%H:%M")
    return text if local.date() == today.date() else f"{day(at, now, zone)} {text}"


def when(at: datetime, now: datetime, zone: tzinfo | None) -> str:
    """Return a time with its preposition: `at 13:00`, `on Mon 23 Nov 13:00`."""
    time = clock(at, now, zone)
    return f"{'on' if ' ' in time else 'at'} {time}"


def localized(text: str, now: datetime, zone: tzinfo | None) -> str:
    """Return a text with the times in it, as the API writes them, as those of a zone."""

    def local(stamp: re.Match[str]) -> str:
        at = moment(stamp[0])
        return clock(at, now, zone, seconds=at.second != 0) if at is not None else stamp[0]

    return _STAMP.sub(local, text)


def zone_name(now: datetime, zone: tzinfo | None) -> str:
    """Return the name of a zone, and its offset from UTC: `UTC`, `CET, UTC+01:00`."""
    local = now.astimezone(zone)
    name, offset = f"{local:%Z}", f"{local:%z}"
    return name if name.startswith("UTC") else f"{name}, UTC{offset[:3]}:{offset[3:5]}"


def day(at: datetime, now: datetime, zone: tzinfo | None) -> str:
    """Return a day, with its year if that is not this one."""
    local, today = in_zone(at, zone), in_zone(now, zone)
    text = f"{local:%a} {local.day} {local:%b}"
    return text if local.year == today.year else f"{text} {local.year}"


def counted(count: int, noun: str) -> str:
    """Return `1 container`, `2 containers`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

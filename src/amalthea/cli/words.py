"""Times and durations as a reader likes them, and as specs and statuses hold them."""

from datetime import datetime, timedelta, tzinfo

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def span(duration: timedelta) -> str:
    """Return a duration in its two largest units: `2 h 10 min`."""
    left = max(round(duration.total_seconds()), 0)
    counts = []
    for unit, seconds in _UNITS:
        count, left = divmod(left, seconds)
        counts.append((count, unit))
    first = next((index for index, (count, _) in enumerate(counts) if count), len(counts) - 1)
    shown = [f"{count} {unit}" for count, unit in counts[first : first + 2] if count]
    return " ".join(shown) or "0 s"


def clock(at: datetime, now: datetime, zone: tzinfo | None, *, seconds: bool = False) -> str:
    """Return a time in a zone (None: this machine's), with the day if that is not today's."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    text = local.strftime("%H:%M:%S" if seconds else "%H:%M")
    return text if local.date() == today.date() else f"{day(at, now, zone)} {text}"


def day(at: datetime, now: datetime, zone: tzinfo | None) -> str:
    """Return a day, with its year if that is not this one."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    text = f"{local:%a} {local.day} {local:%b}"
    return text if local.year == today.year else f"{text} {local.year}"


def counted(count: int, noun: str) -> str:
    """Return `1 container`, `2 containers`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

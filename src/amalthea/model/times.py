"""Times as the API writes them: RFC 3339, UTC, whole seconds; and the time that a run id holds."""

from contextlib import suppress
from datetime import UTC, datetime

from ulid import ULID


def rfc3339(time: datetime) -> str:
    """Return an aware time as the API writes it. One that is not within the years 1 to 9999 of UTC keeps its digits."""
    with suppress(OverflowError):
        time = time.astimezone(UTC)
    return time.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def began(run_id: str | None) -> datetime | None:
    """Return when a run began, from its ULID; None if there is none that can be read."""
    try:
        return ULID.from_str(run_id).datetime if run_id else None
    except ValueError:
        return None

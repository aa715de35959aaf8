"""Times as the API writes them: RFC 3339, UTC, whole seconds."""

from datetime import UTC, datetime


def rfc3339(time: datetime) -> str:
    """Return an aware time as the API writes it."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

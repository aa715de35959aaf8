"""Lifetimes of tokens, as far as they or their issuers state them. Pure: the time is handed in, in seconds since 1970.

A token that does not state one is used until it is refused. Signatures are not checked.
"""

import base64
import binascii
import json
import math
from datetime import UTC, datetime


def end_of_jwt(token: str) -> float | None:
    """Return when a JSON web token expires (its `exp`, RFC 7519); None if it is not one or does not say."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = json.loads(base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars="-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        return None
    return _seconds(payload.get("exp")) if isinstance(payload, dict) else None


def end_as_told(told: float | str | None) -> float | None:
    """Return when a provider's token expires: `expires_at` as a number of seconds or as a date; None if unknown."""
    if not isinstance(told, str):
        return _seconds(told)
    try:
        read = datetime.fromisoformat(told)
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def ends_within(ends: float | None, seconds: float, now: float) -> bool:
    """Return whether a token ends within so many seconds; False if its end is not known."""
    return ends is not None and ends - now <= seconds


def is_plain(token: str) -> bool:
    """Return whether a token can be in a header field: visible ASCII only, and not empty."""
    return token.isascii() and token.isprintable() and " " not in token and token != ""


def _seconds(number: object) -> float | None:
    if not isinstance(number, int | float) or isinstance(number, bool):
        return None
    try:
        seconds = float(number)
    except OverflowError:  # JSON's numbers have no bounds
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None

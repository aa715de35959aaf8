"""Decides which answers are worth a retry, and when. Pure: the random number below 1 is handed in."""

RETRIED = frozenset({408, 424, 429, 502, 503, 504})
"""A command on the cluster that took too long, no way into the cluster, too many questions, something in between."""
LONGEST = 30.0
"""Seconds between two attempts at most."""
LONGEST_ASKED = 60.0
"""Seconds: the most that a server is given which asks to be left alone (Retry-After)."""


def delay(attempts: int, chance: float, asked: float | None = None) -> float:
    """Return the seconds to wait after so many attempts (1 or more) in a row, `asked` what the server asked for."""
    exponential = min(LONGEST, 2.0 ** min(attempts - 1, 16))
    return max(min(asked or 0.0, LONGEST_ASKED), exponential * (0.75 + chance / 2))

"""Durations as Go writes them (`2h45m`, `1.5h`, `300ms`, a bare `0`), as the fields of `culling` hold them.

The API server lets through more than Go reads (`2 days`), so a stored text may still not be a duration.
"""

import re
from datetime import timedelta
from fractions import Fraction
from functools import lru_cache

_NANOSECONDS = {  # `ms` before `m`: the pattern takes the first unit that fits
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,  # the micro sign
    "μs": 10**3,  # the Greek letter: Go reads both
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_MAX_NANOSECONDS = 2**63 - 1  # what Go's type holds: 292 years
_MAX_CHARACTERS = 100  # keeps the arithmetic small, whatever somebody writes
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(" + "|".join(_NANOSECONDS) + ")")
_TEXT = re.compile(rf"([+-]?)(0|(?:{_PART.pattern})+)")


@lru_cache(maxsize=1024)  # the same few values come with each session, and with each pass over it
def parse(text: str) -> timedelta:
    """Return the duration; what is finer than a microsecond is rounded away from zero.

    Raises:
        ValueError: it is not a Go duration, or longer than one can be; the message says how to write it.
    """
    match = _TEXT.fullmatch(text) if len(text) <= _MAX_CHARACTERS else None
    if match is None:
        raise ValueError(
            f"{text[:_MAX_CHARACTERS]!r} is not a duration: write whole or decimal numbers with the units"
            " h, m, s or ms, such as 2h45m or 1.5h; a day is 24h."
        )
    nanoseconds = sum(int(Fraction(number) * _NANOSECONDS[unit]) for number, unit in _PART.findall(match[2]))
    if nanoseconds > _MAX_NANOSECONDS:
        raise ValueError(f"The duration {text!r} is too long: write at most 2562047h, or 0 for no limit.")
    size = timedelta(microseconds=-(-nanoseconds // 1000))
    return -size if match[1] == "-" else size


def format(duration: timedelta) -> str:  # noqa: A001  (read as `durations.format`, the counterpart of parse)
    """Return it in whole h, m, s and ms parts, as clients read it; finer parts are rounded away from zero."""
    milliseconds = -(-abs(duration) // timedelta(milliseconds=1))
    minutes, milliseconds = divmod(milliseconds, 60_000)
    parts = {"h": minutes // 60, "m": minutes % 60, "s": milliseconds // 1000, "ms": milliseconds % 1000}
    text = "".join(f"{number}{unit}" for unit, number in parts.items() if number) or "0s"
    return f"-{text}" if duration < timedelta(0) else text

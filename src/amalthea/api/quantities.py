"""Kubernetes quantities (`500m`, `1Gi`, `2e3`, the number 2) as exact decimals, read as Kubernetes reads them.

The CRD's pattern lets through a little more than Kubernetes reads (`1e1.5`), so a stored quantity may still be invalid.
"""

import math
import re
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from amalthea.api.schema import Quantity

_DECIMAL_SUFFIXES = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
_BINARY_SUFFIXES = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_FACTORS = {suffix: Fraction(1000) ** power for power, suffix in enumerate(_DECIMAL_SUFFIXES, start=-3)} | {
    suffix: Fraction(1024) ** power for power, suffix in enumerate(_BINARY_SUFFIXES, start=1)
}
_TEXT = re.compile(
    r"(?P<sign>[+-]?)(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
    r"(?:[eE](?P<exponent>[+-]?[0-9]+)|(?P<suffix>[numkMGTPE]|[KMGTPE]i)?)"
)
_MAX_CHARACTERS = 100  # keeps the arithmetic small, whatever somebody writes
_MAX_EXPONENT = 2 * _MAX_CHARACTERS  # whatever the number, more gives `_LARGEST` or less than 1n anyway
_LARGEST = 2**63 - 1  # Kubernetes takes what is larger for this
_NANO = 10**9  # and rounds what is finer than 1n away from zero


@lru_cache(maxsize=1024)  # the same few values come with each session, and with each pass over it
def parse(quantity: Quantity) -> Decimal:
    """Return the quantity in its base unit: cores, bytes or a count.

    Raises:
        ValueError: it is not a quantity; the message says how to write one.
    """
    text = str(quantity)
    match = _TEXT.fullmatch(text) if len(text) <= _MAX_CHARACTERS else None
    if match is None:
        raise ValueError(
            f"{text[:_MAX_CHARACTERS]!r} is not a quantity: write a number and at most one suffix,"
            " such as 500m or 2 for CPU, and 512Mi or 10Gi for memory and storage."
        )
    exponent = max(-_MAX_EXPONENT, min(int(match["exponent"] or 0), _MAX_EXPONENT))
    size = Fraction(match["number"]) * _FACTORS[match["suffix"] or ""] * Fraction(10) ** exponent
    nanos = min(math.ceil(size * _NANO), _LARGEST * _NANO)
    return Decimal(-nanos if match["sign"] == "-" else nanos).scaleb(-9)


def equal(one: Quantity, other: Quantity) -> bool:
    """Return whether both mean the same, as `1024Mi` and `1Gi` do. Raises ValueError as `parse` does."""
    return parse(one) == parse(other)


def whole_up(quantity: Quantity) -> int:
    """Return a number of cores or devices, a part of one counted as one. Raises ValueError as `parse` does."""
    return math.ceil(parse(quantity))


def whole_mebibytes(quantity: Quantity) -> int:
    """Return a memory quantity in MiB; a part of one is left out. Raises ValueError as `parse` does."""
    return math.ceil(parse(quantity)) // 2**20

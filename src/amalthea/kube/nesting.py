"""Reads JSON however deeply it is nested: the API server takes 10,000 levels, msgspec as many as Python does.

Nothing that we read lies deeper than DEEPEST. But anybody who may write an object can nest its managed fields: one such
object would keep a whole list or watch from being read.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

DEEPEST = 100
"""Levels that are read of what is nested too deeply; a pod template has some twenty."""

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]')
"""A text, or a bracket outside of texts."""


def tolerant(decode: Callable[[Any], T]) -> Callable[[bytes | msgspec.Raw], T]:
    """Return a decoder that reads what is nested too deeply without its lowest levels."""

    def read(body: bytes | msgspec.Raw) -> T:
        try:
            return decode(body)
        except RecursionError:
            return decode(shallow(bytes(body)))

    return read


def shallow(body: bytes) -> bytes:
    """Return the JSON with a null in the place of each value that is nested deeper than DEEPEST."""
    kept, start, depth = list[bytes](), 0, 0
    for token in _TOKEN.finditer(body):
        if token[0] in b"[{":
            depth += 1
            if depth == DEEPEST + 1:
                kept += (body[start : token.start()], b"null")
        elif token[0] in b"]}":
            depth -= 1
            if depth == DEEPEST:
                start = token.end()
    return b"".join((*kept, body[start:]))

"""Defects of the operator itself: an id for each, which a session's status and the operator's log share."""

import traceback
from hashlib import blake2b
from pathlib import PurePath


class DefectError(Exception):
    """A defect that one session triggers. The others are not affected; `__cause__` is what went wrong."""


def identify(error: BaseException) -> str:
    """Return eight hexadecimal digits that are the same whenever the same kind of error comes from the same place.

    Neither its message nor any value goes into it: a session that fails over and over is reported once. A group of
    errors has the id of its first.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = [(PurePath(frame.filename).name, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    return blake2b(f"{type(error).__name__} {frames[-3:]}".encode(), digest_size=4).hexdigest()

"""Closes this process to other programs of the same user: its memory, its environment and its open files.

They could read all of that in /proc otherwise (ptrace(2), "Ptrace access mode checking").
"""

import ctypes
from collections.abc import Iterable

_PR_SET_DUMPABLE = 4


def hide() -> None:
    """Make this process not dumpable: /proc shows its secrets to root alone."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def wipe(names: Iterable[str]) -> None:
    """Overwrite the values of variables where the kernel shows them: /proc/PID/environ is the memory they came in.

    `os.environ` keeps its copies.
    """
    library = ctypes.CDLL(None)
    library.getenv.restype = ctypes.c_void_p
    for name in names:
        place = library.getenv(name.encode())
        if place:
            ctypes.memset(place, ord("x"), len(ctypes.string_at(place)))

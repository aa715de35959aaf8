"""Closes this process to other programs of the same user: its memory, its environment and its open files.

They could read all of that in /proc otherwise (ptrace(2), "Ptrace access mode checking").
"""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

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


def wipe_argument(text: str) -> None:
    """Overwrite `text` in this process' command line: /proc/PID/cmdline shows that to everybody, hidden or not."""
    fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(") ")[2].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end, proc_pid_stat(5)
    wanted = os.fsencode(text)
    shown = ctypes.string_at(start, end - start)
    place = shown.find(wanted) if wanted else -1
    while place >= 0:
        ctypes.memset(start + place, ord("x"), len(wanted))
        place = shown.find(wanted, place + len(wanted))

"""The memory of this process: whether it is kept, and who may read it. Runs on Python 3.6 (`bundle.py`)."""

import contextlib
import ctypes

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
"""mallopt(3)."""
_KEPT = 8 * 1024 * 1024
_DUMPABLE = 4
"""PR_SET_DUMPABLE (prctl(2))."""


def keep() -> None:
    """Have the C library keep some megabytes that are free, where it is glibc.

    Else it gives each buffer back to the kernel and asks for it again, page by page: half of a tunnel's CPU time.
    """
    with contextlib.suppress(Exception):
        library = ctypes.CDLL(None)
        for option, value in ((_TRIM_THRESHOLD, _KEPT), (_MMAP_THRESHOLD, _KEPT), (_TOP_PAD, _KEPT // 8)):
            library.mallopt(option, value)


def close_to_others() -> None:
    """Keep other programs of the same user from reading it."""
    with contextlib.suppress(Exception):
        ctypes.CDLL(None).prctl(_DUMPABLE, 0, 0, 0, 0)

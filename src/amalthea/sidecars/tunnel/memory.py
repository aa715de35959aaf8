"""What the C library does with the memory of buffers. Runs on Python 3.6: it is a part of the client (`bundle.py`)."""

import contextlib
import ctypes

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
"""mallopt(3)."""
_KEPT = 8 * 1024 * 1024


def keep() -> None:
    """Have it keep some megabytes that are free, where it is glibc.

    Else it gives each buffer back to the kernel and asks for it again, page by page: half of a tunnel's CPU time.
    """
    with contextlib.suppress(Exception):
        library = ctypes.CDLL(None)
        for option, value in ((_TRIM_THRESHOLD, _KEPT), (_MMAP_THRESHOLD, _KEPT), (_TOP_PAD, _KEPT // 8)):
            library.mallopt(option, value)

"""Counts on the command line of a benchmark."""

import argparse
from collections.abc import Callable


def count_of(things: str) -> Callable[[str], int]:
    """Return what reads an argument that is a number of `things`, one at least."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < 1:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number of {things}; write at least 1")
        return int(text)

    return read

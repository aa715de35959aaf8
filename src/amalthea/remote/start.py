"""`sidecars remote-session-controller run`: its first step, before anything that takes time to load.

Process 1 of a container ignores SIGTERM until it listens to it. A stop of the pod at that moment has to be heard, or a
job would be submitted that nobody cancels.
"""

import signal
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Listen to SIGTERM, then run the controller; return its exit code."""
    early: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: early.append(number))
    from amalthea.remote import run  # noqa: PLC0415  (half a second)

    return run.main(arguments, early)

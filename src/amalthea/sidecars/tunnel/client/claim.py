"""A free port for a program that is to listen there later. Runs on Python 3.6 (`bundle.py`).

Jobs that start together on one machine would find the same port free. So each first takes a name in the kernel that
stands for the port, on this machine and for all its users; the kernel gives it back when the process ends.
"""

import random
import socket
from typing import Tuple

FIRST, LAST = 20000, 31999
"""Below the ports that the kernel gives to outgoing connections."""


def claim() -> Tuple[int, socket.socket]:
    """Return a port that nobody listens at, and what keeps it from others like us while it is open; raise OSError."""
    count = LAST - FIRST + 1
    start = random.randrange(count)  # noqa: S311  (not a secret)
    for step in range(count):
        port = FIRST + (start + step) % count
        held = socket.socket(socket.AF_UNIX)
        try:
            held.bind(f"\0amalthea-tunnel-port-{port}")
            with socket.socket() as tried:
                tried.bind(("", port))
        except OSError:
            held.close()
        else:
            return port, held
    raise OSError(f"no port between {FIRST} and {LAST} is free")

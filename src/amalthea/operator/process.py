"""The Python process that the operator runs in."""

import gc
from asyncio import sslproto

TLS_BUFFER = 32 << 10
"""Bytes that a connection reads at once: two records of TLS."""


def calm_the_garbage_collector() -> None:
    """Look for cyclic garbage rarely, and never through what the first lists brought.

    The caches are large, long-lived and free of cycles: with Python's defaults most of the CPU goes into walking them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def spare_memory_of_connections() -> None:
    """Let each connection over TLS take a tenth of a MiB: Python's own buffer makes that a third.

    A webhook that hangs keeps hundreds of requests under way, and the operator has 128 MiB.
    """
    sslproto.SSLProtocol.max_size = TLS_BUFFER
